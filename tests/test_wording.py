"""Numbers of things, as people say them."""

from __future__ import annotations

import pytest

from rule_of_two.wording import counted


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [
        (0, "error", "0 errors"),
        (1, "error", "1 error"),
        (1, "policy", "1 policy"),
        (2, "policy", "2 policies"),
        (3, "entry", "3 entries"),
        (2, "day", "2 days"),
        (1000, "call", "1,000 calls"),
    ],
)
def test_one_is_singular_and_all_else_is_plural(number: int, noun: str, said: str) -> None:
    assert counted(number, noun) == said
