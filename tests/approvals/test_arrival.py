"""A result that waits to be let in: bound, bounded, and let in only by the items that were asked about."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
import rfc8785

from rule_of_two.approvals.answer import Answer
from rule_of_two.approvals.arrival import (
    MAX_AUTHORS,
    MAX_ITEM_TEXT,
    MAX_ITEMS,
    MAX_NAME,
    MAX_PICKED,
    MAX_TEXT,
    Arrival,
    ArrivedItem,
)
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.approvals.messages import (
    MAX_CONSOLE_LINE,
    Answered,
    Asked,
    decode_to_console,
    encode_to_console,
    encode_to_gateway,
)
from rule_of_two.approvals.question import DIGEST_TYPE
from rule_of_two.errors import BadRequest, LimitExceeded
from rule_of_two.records import replace
from tests.approvals.samples import a_question, a_release, an_answer, an_arrival, an_item

BOUND: dict[str, dict[str, Any]] = {
    "result": {"digest": "c" * 64},
    "result without the items": {"without": "c" * 64},
    "no result without the items": {"without": None},
    "one item less": {"items": (an_item(1), an_item(2))},
    "item's id": {"items": (an_item(1, id="i9"), *an_arrival().items[1:])},
    "item's digest": {"items": (an_item(1, digest="9" * 64), *an_arrival().items[1:])},
    "order": {"items": an_arrival().items[::-1]},
}
SHOWN: dict[str, dict[str, Any]] = {
    "where": {"where": "elsewhere"},
    "name": {"items": (an_item(1, name="other"),)},
    "labels": {"items": (an_item(1, labels=frozenset("AB")),)},
    "authors": {"items": (an_item(1, authors=("bob",)),)},
    "authors unknown": {"items": (an_item(1, authors=None),)},
    "no authors": {"items": (an_item(1, authors=()),)},
    "size": {"items": (an_item(1, size=1),)},
    "text": {"items": (an_item(1, text=""),)},
    "asks": {"items": (an_item(1), an_item(2, asks=False))},
    "left out": {"items": (an_item(1, left_out=1),)},
    "more authors": {"items": (an_item(1, more_authors=1),)},
}


def test_the_digest_binds_the_results_and_the_items() -> None:
    question = a_release()
    document = {
        "type": DIGEST_TYPE,
        "session": question.session,
        "action": "call_tool",
        "upstream": "mail",
        "name": "search_messages",
        "pin": question.pin,
        "arguments": question.arguments,
        "forwarded": {},
        "held": {"B": 4, "C": 6},
        "adds": ["A"],
        "policy_version": question.policy_version,
        "nonce": question.nonce,
        "expires_at": "2026-11-22T14:03:40.000000+00:00",
        "arrival": {
            "digest": "a" * 64,
            "without": "b" * 64,
            "items": [["i1", f"{1:064x}"], ["i2", f"{2:064x}"], ["i3", f"{3:064x}"]],
        },
    }
    assert question.digest == hashlib.sha256(rfc8785.dumps(document)).hexdigest()


@pytest.mark.parametrize("change", BOUND.values(), ids=list(BOUND))
def test_each_bound_member_changes_the_digest(change: dict[str, Any]) -> None:
    question = a_release(offers=(Choice.YES, Choice.NO))
    assert replace(question, arrival=replace(an_arrival(), **change)).digest != question.digest


@pytest.mark.parametrize("change", SHOWN.values(), ids=list(SHOWN))
def test_whatever_else_is_shown_changes_what_an_answer_says_was_shown(change: dict[str, Any]) -> None:
    items = change.get("items", (an_item(1),))
    first = an_arrival(*(an_item(number) for number in range(1, len(items) + 1)))
    question = a_release(first, offers=(Choice.YES,))
    assert replace(question, arrival=replace(first, **change)).shown != question.shown


def test_the_same_contents_are_the_same_question_whatever_the_items_are_called_here() -> None:
    again = an_arrival(*(replace(item, id=f"other{item.id}") for item in an_arrival().items))
    assert a_release(again).fingerprint == a_release().fingerprint
    assert a_release(replace(again, digest="c" * 64)).fingerprint != a_release().fingerprint
    asks_more = an_arrival(*(replace(item, asks=True) for item in an_arrival().items))
    assert a_release(asks_more, labels=frozenset("A")).fingerprint != a_release().fingerprint


def test_what_is_bound_can_be_checked_again_from_the_journal() -> None:
    arrival = an_arrival()
    assert Arrival.of_bound(arrival.bound).bound == arrival.bound


@pytest.mark.parametrize(
    "bound", [{}, {"digest": 1, "without": None, "items": []}, {"digest": "a" * 64, "without": None, "items": [[1, 2]]}]
)
def test_what_was_never_bound_is_refused(bound: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        Arrival.of_bound(bound)


@pytest.mark.parametrize(
    "items",
    [(), (an_item(1, asks=False),), (an_item(1), an_item(1, name="twice"))],
    ids=["none", "none asks", "one id twice"],
)
def test_a_result_that_nobody_can_be_asked_about_is_refused(items: tuple[ArrivedItem, ...]) -> None:
    with pytest.raises(BadRequest):
        Arrival(digest="a" * 64, where="", items=items)


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""},
        {"id": "a b"},
        {"id": "i\n1"},
        {"id": "i" * 41},
        {"digest": "A" * 64},
        {"digest": "a" * 64 + "\n"},
        {"size": -1},
        {"left_out": -1},
    ],
    ids=str,
)
def test_an_item_that_is_not_named_by_us_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        an_item(**change)


def test_a_grant_and_a_rest_that_there_is_not_cannot_be_offered() -> None:
    with pytest.raises(BadRequest, match="grant"):
        a_release(offers=(Choice.YES, Choice.GRANT))
    with pytest.raises(BadRequest, match="without"):
        a_release(an_arrival(without=None), offers=(Choice.WITHOUT,))
    with pytest.raises(BadRequest, match="without"):
        a_question(offers=(Choice.WITHOUT,))


def test_an_answer_names_only_items_that_were_asked_about_and_only_where_the_rest_can_go_without() -> None:
    arrival = an_arrival()
    assert arrival.has(())
    assert arrival.has(("i1",))
    assert arrival.has(("i2", "i1"))
    assert not arrival.has(("i3",))
    assert not arrival.has(("i1", "i9"))
    assert not replace(arrival, without=None).has(("i1",))
    assert not an_arrival(an_item(1), an_item(2, asks=False)).can_pick


def test_a_yes_for_items_that_are_not_in_the_question_approves_nothing() -> None:
    question = a_release()
    assert an_answer(question, items=("i1",)).approves(question, now=question.created_at)
    assert not an_answer(question, items=("i9",)).approves(question, now=question.created_at)
    call = a_question()
    assert not an_answer(call, items=("i1",)).approves(call, now=call.created_at)


def test_the_items_are_signed_and_an_answer_without_any_is_signed_as_ever() -> None:
    key, question = ApproverKey.generate(), a_release()
    signed = an_answer(question, items=("i1",)).signed(key)
    assert signed.signature is not None
    assert key.public.verifies(signed.signature, signed.statement)
    for other in ((), ("i2",), ("i1", "i2")):
        assert not key.public.verifies(signed.signature, replace(signed, items=other).statement)
    assert b"items" not in an_answer(question).statement


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": Choice.NO, "items": ("i1",)},
        {"verdict": Choice.WITHOUT, "items": ("i1",)},
        {"items": ("i1", "i1")},
        {"items": tuple(map(str, range(MAX_PICKED + 1)))},
    ],
    ids=["no", "without", "twice", "too many"],
)
def test_items_stand_once_each_with_a_yes_and_are_few(changes: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        an_answer(a_release(), **changes)


def test_the_longest_answer_fits_in_a_line() -> None:
    letters = tuple(an_item(number, id=f"{number:040}") for number in range(MAX_PICKED + 1))
    question = a_release(an_arrival(*letters))
    answer = Answer.to(
        question,
        Choice.YES,
        approver="\u0416" * 100,
        now=question.created_at,
        items=tuple(item.id for item in letters[:MAX_PICKED]),
    ).signed(ApproverKey.generate())
    assert len(encode_to_gateway(Answered(answer=answer))) < MAX_CONSOLE_LINE


def test_what_is_too_long_to_be_shown_is_cut_and_counted() -> None:
    authors = tuple(f"{number}@{'x' * 400}" for number in range(MAX_AUTHORS + 5))
    long = an_item(1, text="x" * 10_000_000, name="n" * 1700, authors=authors)
    arrival = a_release(an_arrival(long, where="w" * 1700)).arrival
    assert arrival is not None
    (item,) = arrival.items
    assert (len(item.text), item.left_out) == (MAX_ITEM_TEXT, 10_000_000 - MAX_ITEM_TEXT)
    assert item.name == "n" * MAX_NAME + "… (+700)"
    assert item.authors is not None
    assert (len(item.authors), item.more_authors) == (MAX_AUTHORS, 5)
    assert arrival.where == "w" * MAX_NAME + "… (+700)"
    assert arrival.bounded() == replace(arrival, items=(item.bounded(),), where=arrival.bounded().where)


def test_many_long_items_fit_in_a_line_and_come_back_the_same() -> None:
    letters = tuple(an_item(number, text="\0" * 1000, asks=number % 2 == 0) for number in range(MAX_ITEMS))
    question = a_release(an_arrival(*letters))
    assert question.arrival is not None
    assert sum(len(item.text) for item in question.arrival.items) <= MAX_TEXT
    received = decode_to_console(encode_to_console(Asked(question=question)))
    assert isinstance(received, Asked)
    assert (received.question.digest, received.question.shown) == (question.digest, question.shown)


def test_a_hundred_thousand_items_are_too_many_to_be_asked_about() -> None:
    letters = tuple(an_item(number) for number in range(100_000))
    with pytest.raises(LimitExceeded, match="100,000 items"):
        an_arrival(*letters)


def test_text_that_is_not_unicode_can_be_shown() -> None:
    question = a_release(an_arrival(an_item(1, text="\ud800x", name="\udfff", authors=("\ud83d\ude00",))))
    assert question.arrival is not None
    item = question.arrival.items[0]
    assert (item.text, item.name, item.authors) == ("\ufffdx", "\ufffd", ("\U0001f600",))
    encode_to_console(Asked(question=question))
