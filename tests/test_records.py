"""Records: changed copies, and nothing else that is changed."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from msgspec import Struct

from rule_of_two.records import replace


class Made(Struct, frozen=True):
    number: int

    def __post_init__(self) -> None:
        if self.number < 0:
            raise ValueError("less than nothing")


@dataclass(frozen=True, slots=True)
class Read:
    number: int


@pytest.mark.parametrize("record", [Made(1), Read(1)])
def test_a_copy_has_other_members_and_the_record_its_own(record: Made | Read) -> None:
    assert replace(record, number=2) == type(record)(2)
    assert record == type(record)(1)


@pytest.mark.parametrize("record", [Made(1), Read(1)])
def test_a_member_that_it_has_not_is_refused(record: Made | Read) -> None:
    with pytest.raises(TypeError):
        replace(record, other=2)  # type: ignore[call-arg]  # the point of the test


def test_what_is_checked_of_a_new_one_is_checked_of_a_copy() -> None:
    with pytest.raises(ValueError, match="less than nothing"):
        replace(Made(1), number=-1)


def test_no_way_round_changes_a_record() -> None:
    record = Made(1)
    for change in (setattr, object.__setattr__):
        with pytest.raises((AttributeError, TypeError)):
            change(record, "number", 2)
    assert record.number == 1
