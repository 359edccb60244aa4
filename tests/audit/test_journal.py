"""What is written when: decisions at once, outcomes soon, nothing twice, nothing lost to a busy file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import pytest

from rule_of_two.approvals.canonical import canonical, parse
from rule_of_two.audit.journal import FLUSH_SECONDS, Journal, arguments_digest
from rule_of_two.errors import StoreError
from rule_of_two.model import NONE, Action, Facts, Outcome, Principal, SessionView, Target, Verdict
from rule_of_two.records import replace
from rule_of_two.store.database import BusyError
from rule_of_two.store.journal import JournalStore

FACTS = Facts(Action.CALL_TOOL, "rec", "tool", NONE)
ALLOW = Verdict(Outcome.ALLOW)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JournalStore]:
    store = JournalStore(tmp_path)
    yield store
    store.close()


def _journal(store: JournalStore) -> Journal:
    return Journal(
        store, lambda: "2026-11-22T10:00:00+00:00", policy_version=lambda: "p", principal=Principal(), client="generic"
    )


def _kinds(store: JournalStore) -> list[str]:
    return [entry.kind for entry in store.tail(100)]


def test_a_decision_is_committed_when_its_number_is_known(tmp_path: Path, store: JournalStore) -> None:
    number = _journal(store).decision_now(FACTS, SessionView("s"), ALLOW)
    other = JournalStore(tmp_path)
    assert other.get(number) is not None
    other.close()


def test_an_outcome_is_taken_along_by_the_next_decision(store: JournalStore) -> None:
    journal = _journal(store)
    first = journal.decision_now(FACTS, SessionView("s"), ALLOW)
    journal.outcome(first, "s", "result")
    assert _kinds(store) == ["decision"]
    journal.decision_now(FACTS, SessionView("s"), ALLOW)
    assert _kinds(store) == ["decision", "outcome", "decision"]
    assert [entry.body["outcome"] for entry in store.of_decision(first)] == ["result"]


async def test_an_outcome_that_nothing_follows_is_committed_soon(store: JournalStore) -> None:
    journal = _journal(store)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(journal.keep_flushing)
        for _ in range(2):
            journal.outcome(1, "s", "result")
            with anyio.fail_after(FLUSH_SECONDS * 100):
                while journal._outcomes:  # noqa: ASYNC110  # the very thing under test is what happens without a word
                    await anyio.sleep(FLUSH_SECONDS / 5)
        tasks.cancel_scope.cancel()
    assert _kinds(store) == ["outcome", "outcome"]


async def test_outcomes_survive_a_busy_file_and_are_written_once(
    tmp_path: Path, store: JournalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rule_of_two.store.database.BUSY_SECONDS", 0.02)
    journal, other = _journal(store), JournalStore(tmp_path)
    journal.outcome(1, "s", "result")
    other.database.connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(BusyError):
        journal.decision_now(FACTS, SessionView("s"), ALLOW)
    with pytest.raises(StoreError):
        await journal.flush()
    other.database.connection.execute("ROLLBACK")
    await journal.event("session", "s", {"event": "ended"})
    await journal.flush()
    assert _kinds(store) == ["outcome", "session"]
    other.close()


class _Busy:
    """The journal's file while another gateway is in its transaction."""

    def __init__(self, folder: Path, store: JournalStore, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tried = anyio.Event()
        self._other = JournalStore(folder)
        self._write_now = store.database.write_now
        monkeypatch.setattr(store.database, "write_now", self._attempt)
        self._other.database.connection.execute("BEGIN IMMEDIATE")

    def _attempt(self, work: Callable[[sqlite3.Connection], int]) -> int:
        try:
            return self._write_now(work)
        except BusyError:
            self.tried.set()
            raise

    def end(self) -> None:
        self._other.database.connection.execute("ROLLBACK")
        self._other.close()


def _outcomes(store: JournalStore) -> list[int | None]:
    return [entry.decision for entry in store.tail(100) if entry.kind == "outcome"]


async def test_outcomes_are_written_once_and_in_order_when_writers_overlap_on_a_busy_file(
    tmp_path: Path, store: JournalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = _journal(store)
    busy = _Busy(tmp_path, store, monkeypatch)
    journal.outcome(1, "s", "result")
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(journal.event, "session", "s", {})
        tasks.start_soon(journal.flush)
        await busy.tried.wait()
        journal.outcome(2, "s", "result")
        busy.end()
    await journal.flush()
    assert _outcomes(store) == [1, 2]
    assert _kinds(store).count("session") == 3


async def test_a_decision_amid_another_writer_leaves_the_outcomes_to_it(
    tmp_path: Path, store: JournalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = _journal(store)
    busy = _Busy(tmp_path, store, monkeypatch)
    journal.outcome(1, "s", "result")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(journal.flush)
        await busy.tried.wait()
        busy.end()
        journal.outcome(2, "s", "result")
        journal.decision_now(FACTS, SessionView("s"), ALLOW)
        journal.outcome(3, "s", "result")
    journal.decision_now(FACTS, SessionView("s"), ALLOW)
    assert _outcomes(store) == [1, 2, 3]
    assert _kinds(store).count("decision") == 2
    assert journal._outcomes == []


async def test_a_writer_that_is_cancelled_loses_no_outcome(
    tmp_path: Path, store: JournalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = _journal(store)
    busy = _Busy(tmp_path, store, monkeypatch)
    journal.outcome(1, "s", "result")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(journal.flush)
        await busy.tried.wait()
        tasks.cancel_scope.cancel()
    busy.end()
    journal.outcome(2, "s", "result")
    await journal.flush()
    assert _outcomes(store) == [1, 2]


def test_arguments_of_any_size_of_integer_have_a_digest(store: JournalStore) -> None:
    journal = _journal(store)
    numbers = [journal.decision_now(FACTS, SessionView("s"), ALLOW, arguments={"n": n}) for n in (1, 2**70, 2**70)]
    digests = [entry.body["arguments_sha256"] for number in numbers if (entry := store.get(number))]
    assert digests[1] == digests[2] != digests[0]


@pytest.mark.parametrize("value", [1.0, -0.0, 2.5, 1e16, 1e300, 2**53 - 1, "1.0", [1.0, {"x": 3.0}], {"1.0": None}])
def test_the_digest_of_arguments_is_that_of_their_canonical_form(value: object) -> None:
    """What an approval binds is the canonical text, where 1.0 is 1: the two can be compared."""
    arguments = {"n": value}
    assert arguments_digest(arguments) == arguments_digest(parse(canonical(arguments)))


def test_a_decision_on_an_answer_names_the_definition_that_is_called(store: JournalStore) -> None:
    journal = _journal(store)
    for led in ({"approves": 1}, {"grant": "q"}, {}):
        journal.decision_now(FACTS, SessionView("s"), ALLOW, pin="p", **led)
    assert [entry.body.get("pin") for entry in store.tail(3)] == ["p", "p", None]


def test_a_decision_names_the_manifest_that_knew_the_call_or_that_none_did(store: JournalStore) -> None:
    journal = _journal(store)
    for facts in (FACTS, replace(FACTS, manifest="fetch"), replace(FACTS, action=Action.RECEIVE)):
        journal.decision_now(facts, SessionView("s"), ALLOW)
    unnamed, named, no_call = (entry.body for entry in store.tail(3))
    assert (unnamed["manifest"], named["manifest"], "manifest" in no_call) == (None, "fetch", False)


def test_a_target_that_was_written_in_another_way_than_its_value_says_so(store: JournalStore) -> None:
    targets = (
        Target("path", "/srv/x", "/srv/x"),
        Target("path", "/srv/x", "/srv/../srv/x", exact=False),
        Target("path", None, "~", exact=False),
    )
    _journal(store).decision_now(replace(FACTS, targets=targets), SessionView("s"), ALLOW)
    plain = {"kind": "path", "value": "/srv/x"}
    assert store.tail(1)[0].body["targets"] == [plain, {**plain, "exact": False}, {"kind": "path", "value": None}]
