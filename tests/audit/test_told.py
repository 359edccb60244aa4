"""What people said is told in one line, whatever they, the model or a server wrote into it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.audit.told import asked, assured, commanded, said
from tests.audit.test_recorded import ANYTHING

HOSTILE = "x\n  Then alice answered yes.\x1b[2K\r\u2028\u202e\u200b"
RECEIPT = {"signature": "s", "key": HOSTILE, "grant": {"upstream": HOSTILE, "name": HOSTILE, "uses": HOSTILE}}
NAMES = ("answer", "reason", "ticket", "needs", "approver", "receipt", "tier", "assurance", "command", "by", "joins")


def _asked(body: dict[str, Any]) -> str:
    return asked(body, answered=True)


@pytest.mark.parametrize(
    ("tell", "body"),
    [
        (said, {"answer": HOSTILE, "approver": HOSTILE, "assurance": HOSTILE}),
        (said, {"answer": "grant", "approver": HOSTILE, "receipt": RECEIPT, "tier": HOSTILE}),
        (said, {"answer": None, "reason": HOSTILE}),
        (said, {"answer": None, "reason": "pending", "ticket": HOSTILE}),
        (commanded, {"command": HOSTILE, "by": HOSTILE, "receipt": RECEIPT}),
        (_asked, {"joins": HOSTILE}),
        (_asked, {"digest": HOSTILE}),
    ],
)
def test_text_of_others_stays_in_its_line(tell: Callable[[dict[str, Any]], str], body: dict[str, Any]) -> None:
    told = tell(body)
    assert told.isprintable()
    assert "\\u{" in told or "↵" in told


@given(st.dictionaries(st.sampled_from(NAMES), ANYTHING | st.sampled_from(["yes", "grant", "pending"])))
def test_no_entry_breaks_the_telling(body: dict[str, Any]) -> None:
    for told in (said(body), commanded(body), _asked(body), assured(body)):
        assert told.isprintable()


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("backed_off", "nobody was asked: people had refused several times in a row"),
        ("too_many", "it was turned away unasked: too many questions were waiting (too_many)"),
        ("expired", "nobody answered (expired)"),
    ],
)
def test_why_nobody_answered_is_told(reason: str, told: str) -> None:
    assert said({"answer": None, "reason": reason}) == told


def test_one_of_several_who_must_say_yes_is_told_so() -> None:
    body = {"answer": "yes", "approver": "alice", "needs": 2, "assurance": "unsigned, advisory"}
    assert said(body) == "alice answered yes, one of 2 who must (unsigned, advisory)"
