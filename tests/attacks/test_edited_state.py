"""Somebody edits the state under a live gateway: it notices, and allows nothing until it is started again."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import Literal

import pytest

from tests.attacks.puppets import mark
from tests.harness import House, outcome

STORE_ERROR = ("deny", "store_error")


def edit(house: House, *statements: str) -> None:
    """Change the state from outside, with plain SQL."""
    with contextlib.closing(sqlite3.connect(house.state / "state.db")) as db, db:
        for statement in statements:
            assert db.execute(statement).rowcount > 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sessions SET held_a = NULL",
        "UPDATE sessions SET held_a = NULL, held_b = NULL",
        "UPDATE sessions SET key = replace(key, 'generic', 'cursor')",
        "UPDATE sessions SET boundary = 'nonsense'",
        "DELETE FROM sessions",
        "DELETE FROM connections",
    ],
)
async def test_labels_that_are_gone_from_the_state_are_not_forgotten(house: House, statement: str) -> None:
    async with house.gateway() as gateway:
        await gateway.call("rec__read_untrusted")
        await gateway.call("rec__read_private")
        edit(house, statement)
        for tool in ("send", "neutral"):
            assert outcome(await gateway.call(f"rec__{tool}")) == STORE_ERROR
    async with house.gateway() as gateway:  # which takes over what was there, or everything if that is not known
        assert outcome(await gateway.call("rec__send")) == ("ask", "approval_required")
    assert house.sent() == ["read_untrusted", "read_private"]


async def test_what_was_amiss_once_stays_so_until_a_restart_and_the_labels_are_written_back(house: House) -> None:
    async with house.gateway() as gateway:
        await gateway.call("rec__read_untrusted")
        await gateway.call("rec__read_private")
        edit(house, "UPDATE sessions SET held_a = NULL")
        refused = await gateway.call("rec__send")
        assert "somebody changed the state" in refused["content"][0]["text"]
        edit(house, "UPDATE sessions SET held_a = 1")
        assert outcome(await gateway.call("rec__neutral")) == STORE_ERROR
    async with house.gateway() as gateway:  # it was an end out of order, whatever the boundary
        assert outcome(await gateway.call("rec__neutral")) == ("allow", None)
        assert outcome(await gateway.call("rec__send")) == ("ask", "approval_required")
    assert "send" not in house.sent()


@pytest.mark.parametrize("what", ["dropped", "frozen"])
async def test_a_drop_or_a_freeze_that_was_undone_is_noticed(house: House, what: Literal["dropped", "frozen"]) -> None:
    async with house.gateway() as gateway:
        mark(house, what)
        assert outcome(await gateway.call("rec__send"))[0] == "deny"
        mark(house, what, on=False)
        assert outcome(await gateway.call("rec__send")) == STORE_ERROR
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("rec__send"))[0] == "deny"
    assert house.sent() == []


async def test_a_boundary_that_was_shortened_is_noticed(house: House) -> None:
    house.settings["sessions"] = {"boundary": "human"}
    async with house.gateway() as gateway:
        await gateway.call("rec__read_untrusted")
        edit(house, "UPDATE sessions SET boundary = 'connection'")
        assert outcome(await gateway.call("rec__neutral")) == STORE_ERROR


async def test_a_reservation_that_is_gone_is_noticed(house: House) -> None:
    async with house.gateway() as gateway:
        gateway.start("tools/call", {"name": "rec__hang", "arguments": {}})
        await gateway.call("rec__read_private")
        assert house.sent() == ["hang", "read_private"]
        edit(house, "DELETE FROM reservations")
        assert outcome(await gateway.call("rec__send")) == STORE_ERROR
    async with house.gateway() as gateway:  # the call that hung counts, although its reservation is gone
        assert outcome(await gateway.call("rec__send")) == ("ask", "approval_required")
    assert "send" not in house.sent()


async def test_a_reply_whose_reservation_is_gone_is_not_handed_over(house: House) -> None:
    flag = house.folder / "go on"
    async with house.gateway() as gateway:
        waiting = gateway.start("tools/call", {"name": "rec__slow_untrusted", "arguments": {"until": str(flag)}})
        while house.sent() != ["slow_untrusted"]:
            await gateway.request("ping")
        edit(house, "DELETE FROM reservations")
        flag.touch()
        assert outcome((await waiting)["result"]) == STORE_ERROR
    assert house.held() == {"A"}


async def test_the_state_of_others_may_change_as_it_does(house: House) -> None:
    """A second gateway reads, reserves and settles all the time; a person starts a new session. Nothing is amiss."""
    async with house.gateway() as one, house.gateway() as two:
        for _ in range(5):
            for gateway in (one, two):
                assert outcome(await gateway.call("rec__read_untrusted")) == ("allow", None)
                assert outcome(await gateway.call("rec__send")) == ("allow", None)
