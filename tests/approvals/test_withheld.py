"""What policy held back is kept for a while: the newest of each session, and of all."""

from __future__ import annotations

from rule_of_two.approvals.withheld import MOST, MOST_OF_SESSION, Shelf
from tests.approvals.samples import a_withheld


def test_the_newest_of_each_session_are_kept() -> None:
    shelf = Shelf()
    shelf.put([a_withheld(0, session="other")])
    kept = shelf.put(a_withheld(number) for number in range(1, 100_001))
    assert len(kept) == MOST_OF_SESSION
    assert shelf.find("i100000") is not None
    assert shelf.find("i1") is None
    assert shelf.find("i0") is not None, "a flood in one session takes nothing from another"
    for session in range(10):
        shelf.put(a_withheld(200_000 + session * 100 + number, session=f"s{session}") for number in range(100))
    assert len(shelf.items) <= MOST


def test_one_item_is_kept_once() -> None:
    shelf = Shelf()
    shelf.put([a_withheld(1), a_withheld(1)])
    shelf.put([a_withheld(1)])
    assert len(shelf.items) == 1
