"""Rows that say that something stored is fine: only an enrolled approver's signed word counts, as far as it goes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from rule_of_two.approvals.endorsement import Endorsement, ItemSubject, ResourceSubject, endorsement_text
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.records import replace
from tests.gateway.test_ledger import NOTE, adds, house, taint
from tests.harness import Gateway, House
from tests.people import enrol

ALICE: Final = ApproverKey.generate()
MALLORY: Final = ApproverKey.generate()
SUBJECT: Final = ResourceSubject(store="notes", kind="note", value=NOTE, labels=("A",), up_to=1)


def word(subject: ResourceSubject | ItemSubject = SUBJECT, approver: str = "alice") -> Endorsement:
    return Endorsement.to(subject, approver=approver, now=datetime.now(UTC))


def write(own: House, text: str, *, kind: str = "resource", store: str = "notes") -> None:
    own.sql("INSERT INTO endorsements VALUES (?, ?, ?, ?, 'now')", f"row {hash(text)}", kind, store, text)


@asynccontextmanager
async def tainted(tmp_path: Path, *people: tuple[Any, ...], **principal: Any) -> AsyncIterator[tuple[House, Gateway]]:
    """A gateway on a state in which the note is stamped."""
    own = house(tmp_path)
    enrol(own, *(people or (("alice", ALICE),)))
    await taint(own)
    async with own.gateway() as gateway:
        yield own, gateway


async def brings(gateway: Gateway) -> list[str]:
    return adds(await gateway.call("notes__get", {"name": NOTE}))


FORGED: Final[dict[str, Callable[[], str]]] = {
    "unsigned": lambda: endorsement_text(word()),
    "by another key": lambda: endorsement_text(word().signed(MALLORY)),
    "by a key that is not enrolled": lambda: endorsement_text(word(approver="mallory").signed(MALLORY)),
    "changed after it was signed": lambda: endorsement_text(
        replace(word(replace(SUBJECT, labels=("B",))).signed(ALICE), subject=SUBJECT)
    ),
    "for another place": lambda: endorsement_text(word(replace(SUBJECT, value="note://other")).signed(ALICE)),
    "for another kind": lambda: endorsement_text(word(replace(SUBJECT, kind="path")).signed(ALICE)),
    "for the stamps before": lambda: endorsement_text(word(replace(SUBJECT, up_to=0)).signed(ALICE)),
    "for another label": lambda: endorsement_text(word(replace(SUBJECT, labels=("B",))).signed(ALICE)),
    "for another store": lambda: endorsement_text(word(replace(SUBJECT, store="mirror")).signed(ALICE)),
    "for an item": lambda: endorsement_text(
        word(ItemSubject(upstream="notes", name="get", id=NOTE, digest="0" * 64)).signed(ALICE)
    ),
    "a signed word for something else": lambda: json.dumps(
        {**json.loads(endorsement_text(word().signed(ALICE))), "nonce": "other"}
    ),
    "no text": lambda: "",
    "no endorsement": lambda: "{}",
    "no Unicode": lambda: endorsement_text(word()).replace("note://plans", "\\ud800"),
}


async def test_what_somebody_wrote_endorses_nothing(tmp_path: Path) -> None:
    async with tainted(tmp_path) as (own, gateway):
        for text in FORGED.values():
            write(own, text())
        assert await brings(gateway) == ["A"]


async def test_an_approvers_word_counts_at_once_and_only_for_what_was_there(tmp_path: Path) -> None:
    async with tainted(tmp_path) as (own, gateway):
        write(own, endorsement_text(word().signed(ALICE)))
        assert await brings(gateway) == []
    await taint(own)
    async with own.gateway() as gateway:
        assert await brings(gateway) == ["A"]


async def test_the_word_of_somebody_who_is_no_approver_any_more_counts_no_longer(tmp_path: Path) -> None:
    async with tainted(tmp_path) as (own, gateway):
        write(own, endorsement_text(word().signed(ALICE)))
        assert await brings(gateway) == []
    enrol(own, ("bob", MALLORY))
    async with own.gateway() as gateway:
        assert await brings(gateway) == ["A"]


async def test_nobody_endorses_for_another_tenant(tmp_path: Path) -> None:
    async with tainted(tmp_path, ("alice", ALICE, {"tenant": "other"})) as (own, gateway):
        write(own, endorsement_text(word().signed(ALICE)))
        assert await brings(gateway) == ["A"]


async def test_policy_says_who_endorses(tmp_path: Path) -> None:
    (tmp_path / "own.cedar").write_text(
        '@id("own.nobody") @message("Nobody vouches for notes.") forbid (principal, '
        'action == Gateway::Action::"endorse", resource == Gateway::Server::"mirror");'
    )
    own = house(tmp_path, policies=["default", "./own.cedar"])
    enrol(own, ("alice", ALICE))
    await taint(own)
    async with own.gateway() as gateway:
        write(own, endorsement_text(word().signed(ALICE)))
        assert await brings(gateway) == ["A"]  # mirror keeps things there too
    denied = own.run("ledger", "endorse", "notes", "note", NOTE, "--yes", "--unsigned", code=1)
    assert "takes signed answers only" in denied


@pytest.mark.parametrize("enrolled", [False, True])
async def test_where_nobody_is_enrolled_it_is_advisory(tmp_path: Path, enrolled: bool) -> None:
    """Whose gateways want signatures, their notes are not endorsed without."""
    own = house(tmp_path)
    if enrolled:
        enrol(own, ("alice", ALICE))
    await taint(own)
    own.settings.pop("approvals", None)
    said = own.run("ledger", "endorse", "notes", "note", NOTE, "--yes", "--unsigned", code=1 if enrolled else 0)
    assert ("takes signed answers only" in said) is enrolled
    assert len(own.sql("SELECT 1 FROM endorsements")) == (0 if enrolled else 1)
    async with own.gateway() as gateway:
        assert await brings(gateway) == (["A"] if enrolled else [])
    (entry,) = own.journal("endorsement") or [{"assurance": "unsigned, advisory"}]
    assert entry["assurance"] == "unsigned, advisory"
