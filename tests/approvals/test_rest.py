"""A key counts for what has been on screen for a while, while the clocks agree."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.approvals.rest import JUMP, SETTLE_SECONDS, Haste, Rest
from tests.approvals.samples import NOW


def test_nothing_counts_before_it_was_painted() -> None:
    rest = Rest()
    assert rest.haste(1000, NOW) is Haste.EARLY


def test_what_was_on_screen_long_enough_counts_and_goes_on_counting() -> None:
    rest = Rest()
    rest.painted(rest.showing, 0)
    assert rest.haste(SETTLE_SECONDS, NOW) is None
    assert rest.haste(SETTLE_SECONDS, NOW) is None


def test_an_older_drawing_does_not_start_the_time_of_what_is_to_be_read_now() -> None:
    rest = Rest()
    before = rest.showing
    rest.restart()
    rest.painted(before, 0)
    assert rest.haste(1000, NOW) is Haste.EARLY


@given(st.lists(st.floats(0.001, SETTLE_SECONDS * 0.99), max_size=200))
def test_a_held_down_key_never_counts(pauses: list[float]) -> None:
    rest, at = Rest(), 0.0
    rest.painted(rest.showing, at)
    for pause in pauses:
        at += pause
        assert rest.haste(at, NOW + timedelta(seconds=at)) is Haste.EARLY


@pytest.mark.parametrize("jump", [JUMP * 1.01, -JUMP * 1.01, timedelta(days=400)], ids=str)
def test_a_jump_of_the_clock_lets_nothing_count_until_it_was_read_again(jump: timedelta) -> None:
    rest = Rest()
    rest.painted(rest.showing, 0)
    assert rest.haste(1, NOW + timedelta(seconds=1)) is None
    assert rest.haste(2, NOW + timedelta(seconds=2) + jump) is Haste.JUMPED
    assert rest.haste(3, NOW + timedelta(seconds=3) + jump) is Haste.EARLY
    rest.painted(rest.showing, 4)
    assert rest.haste(5, NOW + timedelta(seconds=5) + jump) is None


def test_a_clock_that_is_only_corrected_a_little_has_not_jumped() -> None:
    rest = Rest()
    assert not any(rest.jumped(number, NOW + timedelta(seconds=number * 1.5)) for number in range(100))
