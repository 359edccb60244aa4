"""Records: what they are besides frozen for the type checker."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rule_of_two.records import record


@record(frozen=True, slots=True)
class _Pair:
    first: int
    second: tuple[int, ...] = ()


def test_records_are_values_with_slots() -> None:
    pair = _Pair(1)
    assert (pair, hash(pair)) == (_Pair(1, ()), hash(_Pair(1)))
    assert replace(pair, second=(2,)) == _Pair(1, (2,)) != pair
    assert not hasattr(pair, "__dict__")
    with pytest.raises(AttributeError):
        pair.third = 3  # type: ignore[attr-defined]


def test_the_type_checker_holds_records_frozen() -> None:
    pair = _Pair(1)
    pair.first = 2  # type: ignore[misc]  # mypy says that this ignore is unused if it ever passes
