"""Pruning: what goes, what stays, and that the rest of the journal can be checked as before."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from rule_of_two.approvals.approvers import Enrolled
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.audit.pruned import pruned
from rule_of_two.audit.why import UnknownDecision, explain
from rule_of_two.gateway.chain_check import verified
from rule_of_two.gateway.journal_key import GatewayKeys, journal_key, known_keys, public_file
from rule_of_two.gateway.pruning import Broken, Plan, finish, plan, prune
from rule_of_two.gateway.witness import KeyWitness
from rule_of_two.model import Approver
from rule_of_two.store.journal import JournalStore
from rule_of_two.store.pruning import Pruning
from rule_of_two.store.state import open_state
from tests.audit.chains import Chained
from tests.harness import House, outcome
from tests.people import enrol, human, tainted

ALICE = ApproverKey.generate()
SEND = {"name": "rec__private_send", "arguments": {"to": "bob@example.org"}}


async def pruning(folder: Path, before: str, *, dry: bool = False) -> Plan | None:
    with closing(open_state(folder)) as state, closing(JournalStore(folder)) as store:
        key = journal_key(folder)
        one = plan(store, state, GatewayKeys(known_keys([public_file(folder)])), before=before)
        if one is not None and not dry:
            await prune(store, one, key, now=lambda: "2026-10-01T00:00:00.000000+00:00")
    return one


@pytest_asyncio.fixture
async def old(tmp_path: Path) -> Chained:
    """Two entries of each month from January to June, with checkpoints."""
    one = Chained(tmp_path / "state")
    for month in range(1, 7):
        one.append(2, at=f"2026-0{month}-01T00:00:00.000000+00:00")
        await one.checkpoint()
    return one


def numbers(chained: Chained) -> list[int]:
    return [row[0] for row in chained.sql("SELECT seq FROM entries ORDER BY seq", guarded=True)]


async def test_the_oldest_go_and_the_rest_is_verified(old: Chained) -> None:
    one = await pruning(old.folder, "2026-03-01")
    assert one is not None
    assert (one.first, one.last, one.removed, one.kept) == (1, 4, 4, {})
    assert numbers(old) == list(range(5, 14))
    with closing(JournalStore(old.folder)) as store:
        with pytest.raises(
            UnknownDecision, match=r"'d4' is no decision any more: entries up to #4 were pruned, 2026-10-01"
        ):
            explain(store, "d4")
        with pytest.raises(UnknownDecision, match="the journal has no decision 'd900'"):
            explain(store, "d900")
    result = old.verified()
    assert result.good
    assert result.chain is not None
    assert result.chain.as_facts()["pruned"]["last"] == 4
    entry = old.sql("SELECT body FROM entries WHERE seq = 13", guarded=True)[0][0]
    assert json.loads(entry)["record"] == result.chain.as_facts()["pruned"]


async def test_pruning_again_goes_on_from_there(old: Chained) -> None:
    await pruning(old.folder, "2026-03-01")
    await pruning(old.folder, "2026-05-01")
    assert numbers(old) == [9, 10, 11, 12, 13, 14]
    assert old.verified().good
    assert await pruning(old.folder, "2026-05-01") is None


async def test_a_dry_run_changes_nothing(old: Chained) -> None:
    one = await pruning(old.folder, "2026-03-01", dry=True)
    assert one is not None
    assert numbers(old) == list(range(1, 13))


async def test_what_a_live_session_and_the_ledger_name_is_kept(old: Chained) -> None:
    columns = "id, key, boundary, created_at, dropped, frozen, refusals, held_a, ended_at"
    old.sql(
        f"INSERT INTO sessions ({columns}) VALUES ('s-1', '{{}}', 'human', '', 0, 0, 0, 2, NULL)",  # noqa: S608
        f"INSERT INTO sessions ({columns}) VALUES ('s-2', '{{}}', 'human', '', 0, 0, 0, 3, 'ended')",  # noqa: S608
        "INSERT INTO ledger (store, kind, label, decision, session, tenant, origin, at) "
        "VALUES ('s', 'path', 'A', 5, 's-2', 't', 'o', '')",
        database="state",
    )
    one = await pruning(old.folder, "2026-05-01")
    assert one is not None
    assert numbers(old) == [2, 5, *range(9, 14)]
    assert old.verified().good
    await pruning(old.folder, "2026-06-01")
    assert numbers(old) == [2, 5, *range(11, 15)]
    assert old.verified().good


async def test_what_pruning_kept_cannot_be_changed_unseen(old: Chained) -> None:
    old.sql(
        "INSERT INTO ledger (store, kind, label, decision, session, tenant, origin, at) "
        "VALUES ('s', 'path', 'A', 2, 's-2', 't', 'o', '')",
        database="state",
    )
    await pruning(old.folder, "2026-05-01")
    old.sql("UPDATE entries SET session = 's-9' WHERE seq = 2")
    assert old.found()[0] == ("#2", "changed")
    old.sql("DELETE FROM entries WHERE seq = 2")
    assert old.found() == [("#8", "kept_changed")]


@pytest.mark.parametrize(
    "forge",
    [
        "UPDATE prunes SET last = 6, record = json_set(record, '$.last', 6)",
        "UPDATE prunes SET record = json_set(record, '$.removed', 1)",
    ],
)
async def test_a_record_of_pruning_that_was_changed_is_found(old: Chained, forge: str) -> None:
    await pruning(old.folder, "2026-03-01")
    old.sql(forge, "DELETE FROM entries WHERE seq <= 6")
    assert "prune_forged" in {cause for _, cause in old.found()}


async def test_what_was_pruned_and_put_back_is_found(old: Chained) -> None:
    rows = old.sql("SELECT * FROM entries WHERE seq = 2", guarded=True)
    await pruning(old.folder, "2026-03-01")
    with closing(JournalStore(old.folder)) as store:
        store.database.execute_now("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", rows[0])
        assert old.found() == [("#2", "pruned")]
        assert await finish(store) == 1
    assert old.verified().good


async def test_a_broken_journal_is_not_pruned(old: Chained) -> None:
    old.sql("UPDATE entries SET session = 's-9' WHERE seq = 2")
    with pytest.raises(Broken, match="broken at #2"):
        await pruning(old.folder, "2026-03-01")
    assert len(numbers(old)) == 12


async def test_a_pruning_that_broke_off_is_finished_by_the_next(old: Chained, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(self: Pruning, last: int) -> int:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(Pruning, "remove", fail)
        with pytest.raises(RuntimeError):
            await pruning(old.folder, "2026-03-01")
    assert {cause for _, cause in old.found()} == {"pruned"}
    with closing(JournalStore(old.folder)) as store:
        assert await finish(store) == 4
        record = pruned(store)
    assert record is not None
    assert old.verified().good


def test_the_guards_let_nothing_else_go(old: Chained) -> None:
    with pytest.raises(Exception, match="append-only"):
        old.sql("DELETE FROM entries WHERE seq = 1", guarded=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lived(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A journal with a grant, calls on it, and a yes; verified."""
    house = House(tmp_path_factory.mktemp("lived"))
    enrol(house, ("alice", ALICE))
    async with house.gateway() as gateway, human(house, key=ALICE) as person:
        await tainted(gateway)
        waiting = gateway.start("tools/call", SEND)
        person.give(await person.question())
        assert outcome((await waiting)["result"]) == ("allow", None)
    return house


async def test_wherever_it_is_cut_nothing_that_is_left_is_called_wrong(lived: House, tmp_path: Path) -> None:
    times = [row[0] for row in lived.sql("SELECT at FROM entries ORDER BY seq", database="journal")]
    for place, at in enumerate(times[1:]):
        copy = tmp_path / str(place)
        shutil.copytree(lived.state, copy)
        await pruning(copy, at)
        assert checked(copy) == [], at
        with closing(JournalStore(copy)) as store:
            for entry in store.decisions():
                explain(store, f"d{entry.number}").lines()


def checked(folder: Path) -> list[tuple[str, str]]:
    witness = KeyWitness([Enrolled(Approver("alice", "alice", "local", signed=True), ALICE.public)])
    return [(one.where, one.cause) for one in verified(folder, witness).found]


def test_the_command_has_a_floor_and_says_what_it_did(lived: House) -> None:
    assert "audit.retention is 90d" in lived.run("audit", "prune", "--older-than", "30d", code=2)
    assert "never pruned" in lived.run("audit", "prune", "--older-than", "1h", "--below-retention", code=2)
    assert lived.run("audit", "prune") == "Nothing is old enough to be pruned.\n"
