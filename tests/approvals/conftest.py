"""What many tests of approvals begin with."""

from __future__ import annotations

import pytest

from rule_of_two.approvals.board import Board
from tests.approvals.boards import a_board


@pytest.fixture
def board() -> Board:
    return a_board()
