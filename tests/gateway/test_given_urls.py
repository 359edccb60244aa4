"""What a session was given: remembered within bounds, and doubt is no."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.gateway.given_urls import MOST_OF_SESSION, MOST_SESSIONS, GivenUrls
from rule_of_two.model import NONE, Action, Facts, Target
from rule_of_two.normalise import url_host, whole_url

X = "https://x.example/a"


def text(*parts: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": " ".join(parts)}]}


def target(url: str) -> Target:
    return Target("url", url_host(url), url, url=whole_url(url))


def looked_up(memory: GivenUrls, *urls: str, session: str | None = "s") -> list[bool | None]:
    facts = Facts(Action.CALL_TOOL, "web", "fetch", NONE, tuple(map(target, urls)))
    return [one.given for one in memory.looked_up(facts, session).targets]


def test_what_was_handed_over_is_given_and_nothing_else() -> None:
    memory = GivenUrls()
    memory.handed_over("s", text(f"see {X}.", f"{X}#part."))
    assert looked_up(memory, X, f"{X}#part", f"{X}#", "HTTPS://X.example:443/a") == [True] * 4
    assert looked_up(memory, f"{X}b", f"{X}?", f"{X}#other", f"{X}/", "", "no address") == [False] * 6


def test_what_is_no_address_is_left_alone() -> None:
    facts = Facts(Action.CALL_TOOL, "web", "fetch", NONE, (Target("host", "x.example", "x.example"),))
    assert GivenUrls().looked_up(facts, "s") is facts
    both = Facts(Action.CALL_TOOL, "web", "fetch", NONE, (*facts.targets, target(X)))
    assert [one.given for one in GivenUrls().looked_up(both, "s").targets] == [None, False]


def test_sessions_know_nothing_of_each_other_and_no_session_knows_nothing() -> None:
    memory = GivenUrls()
    memory.handed_over("s", text(X))
    assert looked_up(memory, X, session="t") == [False]
    assert looked_up(memory, X, session=None) == [False]
    memory.handed_over("t", text(f"{X}b"))
    assert looked_up(memory, X, f"{X}b", session="t") == [False, True]


def test_an_address_that_the_client_wrote_first_is_never_given_but_one_that_it_was_given_stays_so() -> None:
    memory = GivenUrls()
    memory.handed_over("s", text(X))
    memory.sent("s", {"arguments": {"url": X, "body": f"and {X}?d=secret."}})
    memory.handed_over("s", text(X, f"you said '{X}?d=secret'", f"({X}?d=secret.)", f"{X}?d=secret&amp;#x", f"{X}/b "))
    assert looked_up(memory, X, f"{X}/b") == [True, True]
    assert looked_up(memory, f"{X}?d=secret", f"{X}?d=secret.") == [False, False]


@pytest.mark.parametrize(
    "words", [{"a": "x" * 1_000_000}, {"a": " ".join(f"{X}/{number}" for number in range(1025))}], ids=["long", "many"]
)
def test_after_more_than_can_be_looked_through_nothing_more_is_given(words: dict[str, Any]) -> None:
    memory = GivenUrls()
    memory.handed_over("s", text(X))
    memory.sent("s", words)
    memory.handed_over("s", text(f"{X}b"))
    assert looked_up(memory, X, f"{X}b") == [True, False]


def test_after_more_own_addresses_than_are_remembered_nothing_more_is_given() -> None:
    memory = GivenUrls()
    for part in range(MOST_OF_SESSION // 1000 + 1):
        memory.sent("s", {"a": " ".join(f"{X}/{part}/{number}" for number in range(1000))})
    memory.handed_over("s", text(f"{X}b"))
    assert looked_up(memory, f"{X}b") == [False]


def test_the_oldest_addresses_and_sessions_are_forgotten() -> None:
    memory = GivenUrls()
    memory.handed_over("s", text(X, f"{X}b"))
    for part in range(MOST_OF_SESSION // 1000 + 1):
        memory.handed_over("s", text(X, *(f"{X}/{part}/{number}" for number in range(1000))))
    assert looked_up(memory, X, f"{X}b", f"{X}/0/0", f"{X}/4/999") == [True, False, False, True]
    for number in range(MOST_SESSIONS):
        memory.handed_over(f"other {number}", {})
    assert looked_up(memory, X) == [False]


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abc")), max_size=8), st.sampled_from("abc"))
def test_given_is_what_was_handed_over_before_it_was_written(events: list[tuple[bool, str]], asked: str) -> None:
    memory = GivenUrls()
    for is_result, name in events:
        if is_result:
            memory.handed_over("s", text(X, f"{X}/{name}"))
        else:
            memory.sent("s", {"url": f"{X}/{name}"})
    own = [is_result for is_result, name in events if name == asked]
    assert looked_up(memory, f"{X}/{asked}") == [bool(own) and own[0]]
