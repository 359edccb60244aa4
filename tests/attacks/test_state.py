"""Killing, locking, filling, deleting and corrupting: labels survive, or nothing is sent."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from tests.harness import House, outcome


async def test_a_gateway_killed_after_two_labels_has_forgotten_none_when_it_starts_again(house: House) -> None:
    async with house.gateway() as gateway:
        await gateway.call("rec__read_untrusted")
        await gateway.call("rec__read_private")
        await gateway.kill()
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("rec__send")) == ("ask", "approval_required")
    assert house.sent() == ["read_untrusted", "read_private"]


async def test_a_gateway_killed_in_mid_call_counts_what_the_call_could_have_done(house: House) -> None:
    async with house.gateway() as gateway:
        await gateway.call("rec__private_send")
        gateway.start("tools/call", {"name": "rec__neutral", "arguments": {}})
        await gateway.kill()
    async with house.gateway() as gateway:
        gateway.start("tools/call", {"name": "rec__hang", "arguments": {}})
        result = await gateway.call("rec__read_untrusted")
        assert outcome(result) == ("ask", "approval_required")
    assert "read_untrusted" not in house.sent()


async def test_two_gateways_of_one_client_share_what_they_have_seen(house: House) -> None:
    async with house.gateway() as one, house.gateway() as two:
        await one.call("rec__read_untrusted")
        await two.call("rec__read_private")
        assert outcome(await one.call("rec__send")) == ("ask", "approval_required")
        assert outcome(await two.call("rec__send")) == ("ask", "approval_required")


async def test_human_sessions_survive_reconnecting(house: House) -> None:
    house.settings["sessions"] = {"boundary": "human"}
    async with house.gateway() as gateway:
        await gateway.call("rec__read_untrusted")
        await gateway.call("rec__read_private")
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("rec__send")) == ("ask", "approval_required")


@pytest.mark.parametrize("database", ["state.db", "journal.db"])
async def test_a_locked_database_denies_and_sends_nothing(house: House, database: str) -> None:
    async with house.gateway() as gateway:
        with contextlib.closing(sqlite3.connect(house.state / database, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            assert outcome(await gateway.call("rec__read_untrusted")) == ("deny", "store_error")
            db.execute("ROLLBACK")
        assert outcome(await gateway.call("rec__read_untrusted")) == ("allow", None)
    assert house.sent() == ["read_untrusted"]


@pytest.mark.parametrize("database", ["state.db", "journal.db"])
async def test_a_database_deleted_under_a_running_gateway_denies(house: House, database: str) -> None:
    async with house.gateway() as gateway:
        await gateway.call("rec__read_untrusted")
        for path in house.state.glob(f"{database}*"):
            path.unlink()
        assert outcome(await gateway.call("rec__read_private")) == ("deny", "store_error")
        assert outcome(await gateway.call("rec__neutral")) == ("deny", "store_error")
    assert house.sent() == ["read_untrusted"]


async def test_a_deleted_state_is_not_a_clean_one_for_the_next_gateway(house: House) -> None:
    async with house.gateway() as gateway:
        await gateway.call("rec__read_untrusted")
        for path in house.state.glob("state.db*"):
            path.unlink()
        await gateway.kill()
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("rec__send")) == ("ask", "approval_required")


@pytest.mark.parametrize("database", ["state.db", "journal.db"])
async def test_a_corrupt_database_stops_the_start_with_one_sentence(house: House, database: str) -> None:
    async with house.gateway() as gateway:
        await gateway.call("rec__neutral")
    for path in house.state.glob(f"{database}-*"):
        path.unlink()
    (house.state / database).write_bytes(b"garbage" * 1000)
    async with house.gateway(initialize=False) as gateway:
        assert await gateway.process.wait() == 2
    assert "move it aside" in gateway.stderr
    assert "Traceback" not in gateway.stderr


@pytest.mark.parametrize(("database", "table"), [("journal.db", "entries"), ("state.db", "reservations")])
async def test_a_full_disk_denies_and_sends_nothing(house: House, database: str, table: str) -> None:
    async with house.gateway() as gateway:
        await gateway.call("rec__neutral")
        with contextlib.closing(sqlite3.connect(house.state / database, isolation_level=None)) as db:
            # A trigger stands for the disk: every insert fails as on a full one.
            fail = "SELECT RAISE(ABORT, 'database or disk is full')"
            db.execute(f"CREATE TRIGGER full BEFORE INSERT ON {table} BEGIN {fail}; END")
        assert outcome(await gateway.call("rec__read_untrusted")) == ("deny", "store_error")
        assert outcome(await gateway.call("rec__private_send")) == ("deny", "store_error")
    assert house.sent() == ["neutral"]


async def test_a_newer_state_is_refused_with_one_sentence(house: House) -> None:
    async with house.gateway():
        pass
    house.sql("PRAGMA user_version=99")
    async with house.gateway(initialize=False) as gateway:
        assert await gateway.process.wait() == 2
    assert "newer version" in gateway.stderr


async def test_an_approval_written_into_the_databases_by_hand_approves_nothing(house: House) -> None:
    async with house.gateway() as gateway:
        await gateway.call("rec__read_untrusted")
        await gateway.call("rec__read_private")
        decision = (await gateway.call("rec__send"))["_meta"]["rule-of-two/decision"]
        house.sql(
            "INSERT INTO entries (at, kind, session, decision, body) VALUES ('now', 'answer', ?, ?, ?)",
            decision["session"],
            int(decision["id"][1:]),
            '{"answer": "yes", "approver": "alice"}',
            database="journal",
        )
        assert outcome(await gateway.call("rec__send")) == ("ask", "approval_required")
    assert house.sent() == ["read_untrusted", "read_private"]
