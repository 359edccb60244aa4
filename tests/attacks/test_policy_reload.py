"""Whoever can write to the files of policies, by accident or on purpose: what was in order stays in force."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rule_of_two.approvals.desk import Desk
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.audit.journal import Journal
from rule_of_two.gateway.reload import Reloader
from rule_of_two.gateway.rulebook import Rulebook
from rule_of_two.gateway.timing import timestamp, utc_now
from rule_of_two.model import Principal
from rule_of_two.policy.sources import Sources
from rule_of_two.store.journal import JournalStore
from tests.approvals.samples import Lenient
from tests.harness import House, outcome
from tests.people import ASK_BEFORE_EVERY_ACT, enrol, granted, human, send
from tests.policies import BLOCK_NOTHING, BLOCK_READS, events, own, until


class Watched:
    """A reloader whose looks a test decides."""

    def __init__(self, folder: Path, store: JournalStore) -> None:
        self.file = folder / "own.cedar"
        self.file.write_text(BLOCK_READS)
        self.store = store
        sources = Sources(("./own.cedar",), (), folder)
        self.rules = Rulebook(sources.load(), Principal(), "generic")
        journal = Journal(
            store, timestamp, policy_version=lambda: self.rules.version, principal=Principal(), client="generic"
        )
        self.files = sources.look()
        self.reloader = Reloader(sources, self.rules, Desk(clock=utc_now, judge=Lenient()), journal)

    async def begin(self) -> None:
        await self.reloader.began(self.files)

    @property
    def told(self) -> list[str]:
        return [entry.body["event"] for entry in self.store.tail(100) if entry.kind == "policies"]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with contextlib.closing(JournalStore(tmp_path)) as store:
        yield Watched(tmp_path, store)


async def test_a_file_that_is_being_written_is_never_loaded(watched: Watched) -> None:
    """An editor truncates and then writes; each look finds another state of it."""
    await watched.begin()
    before = watched.rules.version
    for text in ("", BLOCK_NOTHING[:40], BLOCK_NOTHING[:80], ""):
        watched.file.write_text(text)
        await watched.reloader.look()
    assert (watched.told, watched.rules.version) == (["in_force"], before)
    watched.file.write_text(BLOCK_NOTHING)
    await watched.reloader.look()
    assert watched.rules.version == before
    await watched.reloader.look()
    assert (watched.told, watched.rules.version == before) == (["in_force", "in_force"], False)


async def test_wrong_content_is_said_once_however_often_it_is_seen(watched: Watched) -> None:
    await watched.begin()
    watched.file.write_text("permit")
    for _ in range(5):
        os.utime(watched.file)
        await watched.reloader.look()
    assert watched.told == ["in_force", "refused"]
    watched.file.write_text("permit (")
    for _ in range(3):
        await watched.reloader.look()
    assert watched.told == ["in_force", "refused", "refused"]


async def test_what_was_changed_with_its_old_size_and_time_is_seen(watched: Watched) -> None:
    await watched.begin()
    await watched.reloader.look()
    before, status = watched.rules.version, watched.file.stat()
    watched.file.write_text(BLOCK_READS.replace("Nothing", "NOTHING"))
    os.utime(watched.file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert watched.file.stat().st_size == status.st_size
    await watched.reloader.look()
    await watched.reloader.look()
    assert watched.rules.version != before


async def test_a_journal_that_cannot_be_written_keeps_the_old_policies_until_it_can(watched: Watched) -> None:
    await watched.begin()
    before = watched.rules.version
    watched.file.write_text(BLOCK_NOTHING)
    watched.store.close()
    await watched.reloader.look()
    await watched.reloader.look()
    assert watched.rules.version == before


def _pipe(folder: Path) -> None:
    os.mkfifo(folder / "z.cedar")


def _folder(folder: Path) -> None:
    (folder / "z.cedar").mkdir()


def _circle(folder: Path) -> None:
    (folder / "z.cedar").symlink_to(folder / "z.cedar")


def _bytes(folder: Path) -> None:
    (folder / "z.cedar").write_bytes(b"\xff\xfe\x00")


def _deep(folder: Path) -> None:
    (folder / "z.cedar").write_text(f'@id("own.deep") permit (principal, action, resource) when {{ {"(" * 5000} }};')


def _large(folder: Path) -> None:
    with (folder / "z.cedar").open("wb") as file:
        file.truncate(1 << 30)


def _invariant(folder: Path) -> None:
    (folder / "z.cedar").write_text('@id("r2.ask-third-label") permit (principal, action, resource);')


def _settings(folder: Path) -> None:
    (folder / "set.yaml").write_text("version: 1\nc: communication\n")


def _settings_pipe(folder: Path) -> None:
    os.mkfifo(folder / "set.yaml")


def _settings_folder(folder: Path) -> None:
    (folder / "set.yaml").mkdir()


def _settings_circle(folder: Path) -> None:
    (folder / "set.yaml").symlink_to(folder / "set.yaml")


def _hostile_name(folder: Path) -> None:
    (folder / "z\n\x1b[2J\u202e.cedar").write_text("permit")


@pytest.mark.parametrize(
    "drop",
    [
        _pipe,
        _folder,
        _circle,
        _bytes,
        _deep,
        _large,
        _invariant,
        _settings,
        _settings_pipe,
        _settings_folder,
        _settings_circle,
        _hostile_name,
    ],
)
async def test_whatever_is_dropped_beside_the_policies_the_last_good_ones_stay(
    house: House, drop: Callable[[Path], None]
) -> None:
    file = own(house, BLOCK_READS)
    async with house.gateway() as gateway:
        drop(file.parent)
        await until(house, "refused")
        assert outcome(await gateway.call("rec__read_private"))[0] == "deny"
        assert outcome(await gateway.call("rec__read_untrusted"))[0] == "allow"
    assert len(events(house, "in_force")) == 1
    assert "\x1b" not in gateway.stderr
    assert all(line.startswith("rule-of-two: ") for line in gateway.stderr.splitlines())


async def test_every_decision_names_the_version_that_made_it_while_policies_change_under_load(house: House) -> None:
    file = own(house, BLOCK_READS)
    async with house.gateway() as gateway:

        async def calls() -> None:
            while len(events(house, "in_force")) < 4:
                await asyncio.gather(*(gateway.call("rec__read_private") for _ in range(20)))

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(calls())
            for count, text in enumerate((BLOCK_NOTHING, BLOCK_READS, BLOCK_NOTHING), start=2):
                file.write_text(text)
                await until(house, "in_force", count)
        await gateway.call("rec__read_private")
    blocking, open_to_all = (events(house, "in_force")[place]["version"] for place in (0, 1))
    made = {(one["policy_version"], one["outcome"]) for one in house.journal("decision")}
    assert made == {(blocking, "deny"), (open_to_all, "allow")}


async def test_a_grant_that_was_given_under_other_policies_is_none(house: House) -> None:
    key = ApproverKey.generate()
    file = own(house, ASK_BEFORE_EVERY_ACT)
    enrol(house, ("alice", key))
    async with house.gateway() as gateway, human(house, key=key) as person:
        await granted(gateway, person, uses=5)
        assert await send(gateway, person, 1)
        file.write_text(ASK_BEFORE_EVERY_ACT + BLOCK_READS)
        await until(house, "in_force", 2)
        assert not await send(gateway, person, 1)
