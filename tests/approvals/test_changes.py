"""What waits of a server's definitions: bound to what is shown, bounded in size and in how often it is told."""

from __future__ import annotations

import json
from typing import Any

from rule_of_two.approvals.changes import (
    CALM_SECONDS,
    FIRST_REST,
    LONGEST_REST,
    MOST_SHOWN,
    MOST_SHOWN_CHARACTERS,
    ChangeShelf,
    DefinitionChange,
    ServerChanges,
)
from rule_of_two.definition_digest import definition_digest
from rule_of_two.records import replace


def a_change(
    name: str = "send", old: str | None = "Sends.", new: str | None = "Sends all.", **more: Any
) -> DefinitionChange:
    bodies = [None if text is None else json.dumps({"name": name, "description": text}) for text in (old, new)]
    return DefinitionChange(kind="tool", name=name, old=bodies[0], new=bodies[1], **more)


def of_server(*changes: DefinitionChange, **members: Any) -> ServerChanges:
    return ServerChanges(**{"state": "st", "upstream": "mail:1", "server": "mail", "changes": changes, **members})


def test_an_answer_is_bound_to_what_is_shown() -> None:
    one = a_change()
    subject = of_server(one).subject(one)
    assert subject.new == definition_digest({"name": "send", "description": "Sends all."})
    assert subject.old == definition_digest({"description": "Sends.", "name": "send"})
    assert of_server(one).subject(a_change(new="Sends all!")).new != subject.new
    assert (a_change(old=None).digests[0], a_change(new=None).digests[1]) == ("", "")


def test_each_kind_of_change_has_a_word() -> None:
    kinds = [a_change(), a_change(old=None), a_change(new=None), a_change(old="x", new="x", first_seen=True)]
    assert [one.what for one in kinds] == ["changed", "new", "removed", "accepted as first seen"]
    assert [len(one.differences) for one in kinds] == [1, 2, 2, 2]


def test_what_is_too_much_to_be_shown_at_once_is_counted() -> None:
    many = of_server(*(a_change(f"t{number}") for number in range(5000))).bounded()
    assert (len(many.changes), many.more) == (MOST_SHOWN, 5000 - MOST_SHOWN)
    long = a_change(new="x" * MOST_SHOWN_CHARACTERS)
    assert (len(of_server(long, long).bounded().changes), of_server(long, long).bounded().more) == (1, 1)


def test_a_server_that_changes_without_end_is_told_seldom_and_the_newest_only() -> None:
    shelf, told = ChangeShelf(), []
    for second in range(3600):
        shelf.put(of_server(a_change(new=f"Sends {second}.")))
        told += [(second, one) for one in shelf.due(float(second))]
    assert len(told) < 3600 / LONGEST_REST + 12
    assert all(f"Sends {second}." in (one.changes[0].new or "") for second, one in told)


def test_one_change_is_told_at_once_and_again_after_quiet() -> None:
    shelf = ChangeShelf()
    at = 0.0
    for number in range(3):
        assert shelf.put(of_server(a_change(new=f"{number}")))
        assert not shelf.put(of_server(a_change(new=f"{number}")))
        assert len(shelf.due(at)) == 1
        assert shelf.due(at) == []
        at += CALM_SECONDS + 1
    shelf.put(of_server(a_change(new="x")))
    shelf.due(at)
    shelf.put(of_server(a_change(new="y")))
    assert shelf.due(at) == []
    assert len(shelf.due(at + FIRST_REST)) == 1


def test_what_waits_no_longer_is_told_too() -> None:
    shelf = ChangeShelf()
    assert not shelf.put(of_server())
    shelf.put(of_server(a_change()))
    shelf.due(0)
    assert shelf.put(of_server())
    (told,) = shelf.due(10)
    assert (told.upstream, told.changes, tuple(shelf.items)) == ("mail:1", (), ())


def test_exactly_what_waits_is_found_and_taken() -> None:
    shelf, one = ChangeShelf(), a_change()
    both = of_server(one, a_change("read"))
    shelf.put(both)
    subject = both.subject(one)
    assert shelf.find(subject) == both
    for other in ({"state": "other"}, {"upstream": "mail:2"}, {"old": "0"}, {"new": "0"}, {"kind": "prompt"}):
        assert shelf.find(replace(subject, **other)) is None
    shelf.take(subject)
    assert shelf.find(subject) is None
    assert [change.name for kept in shelf.items for change in kept.changes] == ["read"]
