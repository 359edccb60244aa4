"""How risky a session looks: by what it did in the last ten minutes, never less for having done more."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.gateway.providers.risk import FREE_CALLS, WINDOW, Risk

DENIED = ("decision", {"outcome": "deny"})
ALLOWED = ("decision", {"outcome": "allow"})
NO = ("answer", {"answer": "no"})
ERROR = ("outcome", {"outcome": "error"})
ENTRIES = st.lists(st.tuples(st.sampled_from([DENIED, ALLOWED, NO, ERROR]), st.floats(0, 900)), max_size=60)


def _risk(entries: list[tuple[tuple[str, dict[str, str]], float]], now: float = 900) -> int:
    risk = Risk()
    for (kind, body), at in sorted(entries, key=lambda one: one[1]):
        risk.heard(kind, "s", body, at)
    risk.tick(now)
    return risk.of("s")


def test_what_counts_and_how_much() -> None:
    assert _risk([(DENIED, 899)]) == 10
    assert _risk([(NO, 899)] * 2) == 40
    assert _risk([(ERROR, 899)]) == 0
    assert _risk([(ERROR, 899)] * 2) == 10
    assert _risk([(ALLOWED, 899)] * FREE_CALLS) == 0
    assert _risk([(ALLOWED, 899)] * (FREE_CALLS + 10)) == 10
    assert _risk([(DENIED, 899)] * 50) == 100


def test_what_is_past_is_forgotten_and_other_sessions_are_not_concerned() -> None:
    assert _risk([(NO, 0)], now=WINDOW - 1) == 20
    assert _risk([(NO, 0)], now=WINDOW) == 0
    risk = Risk()
    risk.heard(*NO[:1], "s", NO[1], 0)
    assert (risk.of("s"), risk.of("other")) == (20, 0)


@given(ENTRIES, ENTRIES)
def test_more_of_anything_never_makes_less_of_it(
    some: list[tuple[tuple[str, dict[str, str]], float]], more: list[tuple[tuple[str, dict[str, str]], float]]
) -> None:
    assert 0 <= _risk(some) <= _risk([*some, *more]) <= 100
    assert _risk(some) % 10 == 0
