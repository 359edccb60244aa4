"""Marks: all in the beginning, never on what asks nothing, and never more than an answer can name."""

from __future__ import annotations

from rule_of_two.approvals.arrival import MAX_PICKED
from rule_of_two.approvals.picks import NONE_MARKED, TOO_MANY, Picks
from rule_of_two.records import replace
from tests.approvals.samples import an_arrival, an_item

MANY = an_arrival(*(an_item(number) for number in range(MAX_PICKED + 2)))


def test_in_the_beginning_a_yes_is_to_all() -> None:
    picks = Picks(an_arrival())
    assert picks.marked == {"i1", "i2"}
    assert (picks.named, picks.unusable) == ((), None)


def test_items_that_ask_nothing_stand_last_and_have_no_mark() -> None:
    picks = Picks(an_arrival(an_item(1, asks=False), an_item(2), an_item(3)))
    assert [item.id for item in picks.items] == ["i2", "i3", "i1"]
    assert picks.choose(2)
    assert not picks.toggle()
    assert not picks.only({0, 2})


def test_a_mark_is_taken_away_and_given_back() -> None:
    picks = Picks(an_arrival())
    for named in (("i2",), ()):
        assert picks.toggle()
        assert picks.named == named


def test_all_or_none_are_marked_at_once() -> None:
    picks = Picks(an_arrival())
    assert picks.toggle_all()
    assert (picks.marked, picks.unusable) == (set(), NONE_MARKED)
    assert picks.toggle_all()
    assert picks.named == ()


def test_what_is_named_is_few() -> None:
    picks = Picks(MANY)
    picks.toggle()
    assert picks.unusable == TOO_MANY
    picks.step(1)
    picks.toggle()
    assert picks.unusable is None
    assert len(picks.named) == MAX_PICKED


def test_only_is_exactly_these() -> None:
    picks = Picks(MANY)
    assert picks.only({0, 2})
    assert picks.named == ("i0", "i2")
    assert not picks.only(set())
    assert not picks.only({10_000})
    assert picks.named == ("i0", "i2")


def test_nothing_is_picked_where_the_rest_cannot_be_handed_over() -> None:
    picks = Picks(replace(an_arrival(), without=None))
    assert not picks.toggle()
    assert not picks.toggle_all()
    assert not picks.only({0})
    assert picks.named == ()


def test_the_marker_stays_within_the_list() -> None:
    picks = Picks(an_arrival())
    picks.step(-1)
    assert picks.place == 0
    picks.step(99)
    assert picks.current.id == "i3"
    assert not picks.choose(3)
    assert not picks.choose(-1)
