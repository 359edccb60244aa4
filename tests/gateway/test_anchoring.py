"""Checkpoints: where they go, when, and what is said if they cannot."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import anyio
import pytest

from rule_of_two.audit.checkpoint import checkpoint_in
from rule_of_two.gateway import anchoring as anchoring_module
from rule_of_two.gateway.anchoring import ANCHOR
from tests.audit.chains import Chained
from tests.harness import House


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_a_checkpoint_goes_to_the_state_beside_the_journal_and_where_the_operator_says(tmp_path: Path) -> None:
    chained = Chained(tmp_path / "state", anchors=(tmp_path / "elsewhere",))
    chained.append(3)
    await chained.checkpoint()
    await chained.checkpoint()  # nothing is new
    (kept,) = chained.sql("SELECT checkpoint FROM checkpoints", database="state", guarded=True)
    assert [json.loads(kept[0])] == lines(chained.folder / ANCHOR) == lines(tmp_path / "elsewhere")
    checkpoint = checkpoint_in(kept[0])
    assert checkpoint is not None
    assert (checkpoint.number, checkpoint.count) == (3, 3)
    assert (chained.folder / "journal.key").stat().st_mode & 0o777 == 0o600


async def test_checkpoints_count_what_is_new(tmp_path: Path) -> None:
    chained = Chained(tmp_path / "state")
    with chained.anchoring() as anchoring:
        for _ in range(3):
            chained.append(2)
            await anchoring.write()
    assert [one["count"] for one in lines(chained.folder / ANCHOR)] == [2, 4, 6]


async def test_an_anchor_that_cannot_be_written_is_written_down_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("rule_of_two.gateway.anchoring.say", said.append)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)  # nobody reads it
    (tmp_path / "link").symlink_to(tmp_path / "target")
    chained = Chained(
        tmp_path / "state", anchors=(pipe, tmp_path / "no" / "folder", tmp_path / "link", tmp_path / "last")
    )
    chained.append(1)
    with chained.anchoring() as anchoring:
        await anchoring.write()
        await anchoring.write()
    assert len(said) == 3
    assert len(lines(tmp_path / "last")) == 2  # the failures are entries too
    bodies = [
        json.loads(row[0]) for row in chained.sql("SELECT body FROM entries WHERE kind = 'journal'", guarded=True)
    ]
    assert [(one["event"], one["anchor"]) for one in bodies] == [
        ("anchor_failed", str(path)) for path in (pipe, tmp_path / "no" / "folder", tmp_path / "link")
    ]


async def test_an_anchor_that_hangs_holds_nothing_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rule_of_two.gateway.anchoring.ANCHOR_SECONDS", 2.0)
    monkeypatch.setattr("rule_of_two.gateway.anchoring.say", lambda message: None)
    answers, hanging = threading.Event(), tmp_path / "hanging"
    real = anchoring_module._append

    def append(path: Path, line: str) -> str | None:
        if path == hanging:
            answers.wait(20)
        return real(path, line)

    monkeypatch.setattr(anchoring_module, "_append", append)
    chained = Chained(tmp_path / "state", anchors=(hanging, tmp_path / "other"))
    chained.append(1)
    with chained.anchoring() as anchoring:
        await anchoring.write()
        assert len(lines(tmp_path / "other")) == 1
        await anchoring.write()  # that it failed is an entry; nothing else is put into the thread that hangs
        assert len(lines(tmp_path / "other")) == 2
        answers.set()
        while anchoring._busy:
            await anyio.lowlevel.checkpoint()
    assert len(lines(hanging)) == 1


async def test_one_is_written_as_soon_as_enough_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rule_of_two.gateway.anchoring.START_SECONDS", 60.0)
    monkeypatch.setattr("rule_of_two.gateway.anchoring.ENTRIES", 3)
    chained = Chained(tmp_path / "state")
    anchor = chained.folder / ANCHOR
    with chained.anchoring() as anchoring, anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anchoring.run)
            await anyio.wait_all_tasks_blocked()
            for _ in range(3):
                assert not anchor.exists()
                await anchoring.journal.event("session", "s", {})
            while not anchor.exists():  # a thread writes it
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()


async def test_a_gateway_leaves_one_when_it_ends(tmp_path: Path) -> None:
    house = House(tmp_path, settings={"audit": {"anchors": ["elsewhere"]}})
    async with house.gateway() as gateway:
        await gateway.request("tools/call", {"name": "rec__read", "arguments": {}})
    (newest,) = house.sql("SELECT max(seq) FROM entries", database="journal")
    assert lines(tmp_path / "elsewhere")[-1]["number"] == newest[0]
    facts = json.loads(house.run("--json", "audit", "verify"))
    assert facts["good"]
    assert facts["chain"]["checkpoints"] >= 3


def test_a_key_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    chained = Chained(tmp_path / "state")
    chained.append(1)
    anyio.run(chained.checkpoint)
    (chained.folder / "journal.key").chmod(0o644)
    chained.append(1)
    anyio.run(chained.checkpoint)
    assert len(lines(chained.folder / ANCHOR)) == 1
