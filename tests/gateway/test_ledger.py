"""Stored resources through whole gateways: what is stamped when, what reading joins, and who is told."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.harness import DECISION, SECONDS, UPSTREAMS, Gateway, House, outcome

NOTE = "note://plans/today"
NOBODY = ("ask", "approval_required")
"""What asks, where no console is attached."""
SEND = {"to": "bob@example.org", "body": "hello"}


def house(folder: Path, **settings: Any) -> House:
    """A recorder and a notebook."""
    made = House(folder, settings)
    notebook = {
        "command": sys.executable,
        "args": [str(UPSTREAMS / "notebook.py"), str(folder / "notes.json")],
        "manifest": str(UPSTREAMS / "notebook.yaml"),
    }
    recorder = {**made.recorder("sent")}
    made.servers = {"rec": recorder, "notes": notebook, "mirror": {**notebook, "store": "notes"}}
    return made


@pytest.fixture
def own(tmp_path: Path) -> House:
    return house(tmp_path)


def adds(result: dict[str, Any]) -> list[str]:
    return list(result["_meta"][DECISION]["adds"])


async def until(so: Callable[[], bool]) -> None:
    """Wait for what other processes do."""
    async with asyncio.timeout(SECONDS):
        while not so():  # noqa: ASYNC110  # they set no event of ours
            await asyncio.sleep(0.01)


async def taint(own: House, label: str = "A", name: str = NOTE) -> None:
    """A session that has seen something writes it down in words of its own, and ends."""
    async with own.gateway() as gateway:
        await gateway.call("rec__read_untrusted" if label == "A" else "rec__read_private")
        assert outcome(await gateway.call("notes__put", {"name": name, "text": "in other words"})) == ("allow", None)


async def test_what_one_session_wrote_brings_its_labels_to_the_next(own: House) -> None:
    await taint(own)
    async with own.gateway() as gateway:
        assert adds(await gateway.call("notes__get", {"name": "note://other"})) == []
        assert adds(await gateway.call("notes__get", {"name": NOTE})) == ["A"]
        await gateway.call("rec__read_private")
        assert outcome(await gateway.call("rec__send", SEND)) == NOBODY
    assert own.held() == {"A", "B"}


async def test_the_journal_and_why_say_through_what_it_came(own: House) -> None:
    await taint(own)
    async with own.gateway() as gateway:
        read = (await gateway.call("notes__get", {"name": "note://plans"}))["_meta"][DECISION]
    (wrote,) = [one for one in own.journal("decision") if "stamps" in one]
    assert wrote["stamps"] == {f"notes:note:{NOTE}": ["A"]}
    (entry,) = [one for one in own.journal("decision") if f"d{one['seq']}" == read["id"]]
    written = {"label": "A", "resource": f"notes:note:{NOTE}", "decision": wrote["seq"], "session": wrote["session"]}
    assert entry["stored"] == [written]
    told = own.run("why", read["id"])
    sentence = f"It carries [A] through the stored resource notes:note:{NOTE}, written at d{wrote['seq']} by session"
    assert f"{sentence} {wrote['session']}." in told
    told = own.run("why", f"d{wrote['seq']}")
    assert f"What it writes keeps what was seen: [A] clings to notes:note:{NOTE}." in told


async def test_another_tenant_is_told_only_that_it_is_stamped(own: House) -> None:
    await taint(own)
    own.settings["principal"] = {"tenant": "other"}
    async with own.gateway() as gateway:
        read = (await gateway.call("notes__get", {"name": "note://plans"}))["_meta"][DECISION]
    assert read["adds"] == ["A"]
    told = own.run("why", read["id"])
    assert "[A] through the stored resource notes:note:note://plans, written by another tenant's session." in told
    assert NOTE not in own.run("--json", "ledger", "show", "notes", "note", "note://plans")


@pytest.mark.parametrize("server", ["notes", "mirror"])
async def test_it_counts_through_every_server_of_the_store_and_every_way_in(own: House, server: str) -> None:
    await taint(own)
    async with own.gateway() as gateway:
        assert adds(await gateway.call(f"{server}__names", {"name": "note://plans"})) == ["A"]
    own.servers = {server: {**own.servers["notes"], "store": "notes"}}  # else several offer the resource
    async with own.gateway() as gateway:
        reply = await gateway.request("resources/read", {"uri": NOTE})
        assert reply["result"]["_meta"][DECISION]["adds"] == ["A"]


async def test_moving_takes_the_labels_along(own: House) -> None:
    await taint(own)
    async with own.gateway() as gateway:
        moved = await gateway.call("mirror__move", {"name": "note://plans", "to": "note://elsewhere"})
        assert outcome(moved) == ("allow", None)
        assert sorted(adds(moved)) == ["A", "C"]  # it reads what it moves
    async with own.gateway() as gateway:
        assert adds(await gateway.call("notes__get", {"name": "note://elsewhere/today"})) == ["A"]


async def test_a_write_that_names_nothing_stamps_the_whole_store(own: House) -> None:
    async with own.gateway() as gateway:
        await gateway.call("rec__read_private")
        assert outcome(await gateway.call("notes__anything")) == ("allow", None)
    async with own.gateway() as gateway:
        assert adds(await gateway.call("mirror__get", {"name": NOTE})) == ["B"]
    async with own.gateway() as gateway:
        assert adds(await gateway.call("mirror__clock")) == ["A", "B"]  # what carries A or B reads


async def test_what_a_clean_session_wrote_stays_clean_whatever_it_reads_later(own: House) -> None:
    async with own.gateway() as gateway:
        await gateway.call("notes__put", {"name": NOTE, "text": "mine"})
        await gateway.call("rec__read_untrusted")
    async with own.gateway() as gateway:
        assert adds(await gateway.call("notes__get", {"name": NOTE})) == []
    assert own.sql("SELECT count(*) FROM ledger") == [(0,)]


async def test_a_read_under_way_counts_for_what_is_written_meanwhile(own: House, tmp_path: Path) -> None:
    go = tmp_path / "go"
    async with own.gateway() as gateway:
        reading = gateway.start("tools/call", {"name": "rec__slow_untrusted", "arguments": {"until": str(go)}})
        await until(lambda: bool(own.sent()))
        await gateway.call("notes__put", {"name": NOTE, "text": "half of it"})
        go.touch()
        await reading
    assert own.sql("SELECT label FROM ledger") == [("A",)]


async def test_a_write_that_failed_upstream_stays_stamped(own: House) -> None:
    async with own.gateway() as gateway:
        await gateway.call("rec__read_untrusted")
        assert (await gateway.call("notes__put", {"name": NOTE, "text": "fail"}))["isError"]
    async with own.gateway() as gateway:
        assert adds(await gateway.call("notes__get", {"name": NOTE})) == ["A"]


async def test_writing_on_and_on_stamps_once_even_with_labels_that_are_held(own: House) -> None:
    async with own.gateway() as gateway:
        await gateway.call("rec__read_untrusted")
        for text in "abc":
            await gateway.call("notes__put", {"name": NOTE, "text": text})
        await gateway.call("notes__put", {"name": "note://new", "text": "d"})
    assert own.sql("SELECT value, label FROM ledger") == [(NOTE, "A"), ("note://new", "A")]


async def racing(own: House, gateway: Gateway) -> asyncio.Future[dict[str, Any]]:
    """A read of a note that was decided, and waits in the server until another session has written there."""
    go = own.folder / "go"
    arguments = {"name": NOTE, "until": str(go)}
    reading = gateway.start("tools/call", {"name": "notes__get", "arguments": arguments})
    await until((own.folder / "notes.reading").exists)
    await taint(own)
    go.touch()
    return reading


async def test_what_is_written_while_it_is_read_joins_before_it_is_handed_over(own: House) -> None:
    own.settings["principal"] = {"agent": "reader"}
    own.file = "reader.yaml"
    async with own.gateway() as gateway:
        await gateway.call("rec__send", SEND)
        own.file, own.settings["principal"] = "writer.yaml", {"agent": "writer", "user": "writer"}
        result = (await (await racing(own, gateway)))["result"]
        assert result["content"][0]["text"] == "in other words"
        assert own.sql("SELECT held_a IS NULL, held_b IS NULL FROM sessions ORDER BY rowid LIMIT 1") == [(0, 1)]
        assert outcome(await gateway.call("rec__read_private")) == NOBODY


async def test_what_would_complete_the_set_is_withheld(own: House) -> None:
    own.file = "reader.yaml"
    async with own.gateway() as gateway:
        await gateway.call("rec__send", SEND)
        await gateway.call("rec__read_private")
        own.file, own.settings["principal"] = "writer.yaml", {"user": "writer"}
        result = (await (await racing(own, gateway)))["result"]
        assert outcome(result) == NOBODY
        assert "in other words" not in json.dumps(result)
    assert [one["outcome"] for one in own.journal("outcome")].count("withheld") == 1
    assert own.sql("SELECT held_a FROM sessions ORDER BY rowid LIMIT 1") == [(None,)]


async def test_a_stamp_that_somebody_deletes_ends_everything(own: House) -> None:
    async with own.gateway() as gateway:
        await gateway.call("rec__read_untrusted")
        await gateway.call("notes__put", {"name": NOTE, "text": "x"})
        own.sql("DROP TRIGGER ledger_no_delete")
        own.sql("DELETE FROM ledger")
        assert outcome(await gateway.call("notes__get", {"name": "note://other"})) == ("deny", "store_error")
        assert outcome(await gateway.call("rec__neutral")) == ("deny", "store_error")
    assert own.sql("SELECT value, label FROM ledger") == [(NOTE, "A")]  # written back for those who come next


async def test_without_a_ledger_nothing_runs(own: House) -> None:
    async with own.gateway() as gateway:
        await gateway.call("rec__neutral")
        own.sql("DROP TABLE ledger")
        assert outcome(await gateway.call("notes__get", {"name": NOTE})) == ("deny", "store_error")
