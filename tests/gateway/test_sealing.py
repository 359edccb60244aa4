"""States that only we can have written."""

from __future__ import annotations

import base64
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.errors import BadRequest
from rule_of_two.gateway import sealing
from rule_of_two.gateway.sealing import Sealer, request_digest

SEALER = Sealer()
REQUEST = request_digest("tools/call", {"name": "x", "arguments": {"a": 1}})
STATE = SEALER.seal({"state": "s", "asked": {"q": "elicitation/create"}}, request=REQUEST)


def test_what_was_sealed_is_opened_and_cannot_be_read_from_outside() -> None:
    assert SEALER.open(STATE, request=REQUEST) == {"state": "s", "asked": {"q": "elicitation/create"}}
    assert b"elicitation" not in base64.urlsafe_b64decode(STATE)
    assert SEALER.seal({}, request=REQUEST) != SEALER.seal({}, request=REQUEST)


@given(at=st.integers(0, len(STATE) - 1), character=st.sampled_from(string.ascii_letters + string.digits + "-_="))
def test_a_state_with_any_other_character_is_refused(at: int, character: str) -> None:
    changed = STATE[:at] + character + STATE[at + 1 :]
    if changed != STATE:
        with pytest.raises(BadRequest, match="given out here"):
            SEALER.open(changed, request=REQUEST)


@pytest.mark.parametrize("state", ["", None, 5, {}, STATE + "-TAMPERED", STATE + "=", STATE[:-1], "é" * 100])
def test_what_is_no_state_of_ours_is_refused(state: object) -> None:
    with pytest.raises(BadRequest, match="given out here"):
        SEALER.open(state, request=REQUEST)


def test_another_gateways_state_is_refused() -> None:
    with pytest.raises(BadRequest, match="given out here"):
        Sealer().open(STATE, request=REQUEST)


def test_a_state_of_another_request_is_refused() -> None:
    with pytest.raises(BadRequest, match="belongs to another request"):
        SEALER.open(STATE, request=request_digest("tools/call", {"name": "y", "arguments": {"a": 1}}))


def test_a_state_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "STATE_SECONDS", -1)
    with pytest.raises(BadRequest, match="expired"):
        SEALER.open(STATE, request=REQUEST)


@pytest.mark.parametrize(
    "repeated",
    [
        {"arguments": {"a": 1}, "name": "x"},
        {"name": "x", "arguments": {"a": 1}, "_meta": {"progressToken": 5}},
        {"name": "x", "arguments": {"a": 1}, "inputResponses": {"q": {}}, "requestState": "s"},
    ],
)
def test_a_request_that_is_repeated_is_the_same_request(repeated: dict[str, Any]) -> None:
    assert request_digest("tools/call", repeated) == REQUEST


def test_a_request_with_a_huge_number_has_a_digest_too() -> None:
    one = request_digest("tools/call", {"arguments": {"b": 2**70, "a": 1}})
    assert one == request_digest("tools/call", {"arguments": {"a": 1, "b": 2**70}})
    assert one != request_digest("tools/call", {"arguments": {"a": 1, "b": 2**70 + 1}})
