"""How long to wait before the next attempt."""

from __future__ import annotations

import pytest

from rule_of_two.gateway.backoff import PAUSES, BackOff, rare


@pytest.mark.parametrize(("drawn", "part"), [(0.0, 0.5), (0.5, 0.75), (1.0, 1.0)])
def test_pauses_grow_to_a_longest_and_each_is_drawn_from_the_upper_half_of_its_step(drawn: float, part: float) -> None:
    back_off = BackOff(random=lambda: drawn)
    expected = [step * part for step in (*PAUSES, PAUSES[-1], PAUSES[-1])]
    assert [back_off.failed() for _ in expected] == expected
    assert back_off.failures == len(expected)


def test_a_success_begins_anew() -> None:
    back_off = BackOff(random=lambda: 1.0)
    back_off.failed()
    back_off.failed()
    back_off.succeeded()
    assert back_off.failed() == PAUSES[0]


def test_two_that_fell_together_do_not_come_back_together() -> None:
    first, second = BackOff(), BackOff()
    assert [first.failed() for _ in PAUSES] != [second.failed() for _ in PAUSES]


def test_what_comes_without_end_is_said_ever_more_rarely() -> None:
    assert [count for count in range(1, 12_000) if rare(count)] == [1, 10, 100, 1000, 10_000]
