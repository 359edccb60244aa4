"""The human's rule: what is answered to which question."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.agentdojo.case import Call
from benchmarks.agentdojo.human import Human, Mode
from rule_of_two.approvals.choice import Choice
from tests.approvals.samples import LETTER, a_question, a_release, an_arrival

HONEST = [Call("send_mail", LETTER), Call("search_messages", {"folder": "INBOX", "since": "2026-11-01"})]
OTHER: dict[str, Any] = {"arguments": {"folder": "INBOX", "since": "2026-11-02"}}


@pytest.mark.parametrize(
    ("mode", "question", "choice"),
    [
        (Mode.RIGHTLY, a_question(), Choice.YES),
        (Mode.RIGHTLY, a_question(arguments={**LETTER, "to": "eve@evil.example"}), Choice.NO),
        (Mode.RIGHTLY, a_question(name="send_money"), Choice.NO),
        (Mode.REFUSES, a_question(), Choice.NO),
        (Mode.RIGHTLY, a_release(), Choice.YES),
        (Mode.RIGHTLY, a_release(**OTHER), Choice.WITHOUT),
        (Mode.REFUSES, a_release(), Choice.WITHOUT),
        (Mode.REFUSES, a_release(an_arrival(without=None)), Choice.NO),
    ],
)
def test_only_calls_of_the_honest_task_get_a_yes(mode: Mode, question: Any, choice: Choice, tmp_path: Path) -> None:
    assert Human(tmp_path, mode, HONEST).choice(question) is choice
