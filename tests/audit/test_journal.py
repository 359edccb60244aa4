"""What is written when: decisions at once, outcomes soon, nothing twice, nothing lost to a busy file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from rule_of_two.audit.journal import FLUSH_SECONDS, Journal
from rule_of_two.errors import StoreError
from rule_of_two.model import NONE, Action, Facts, Outcome, SessionView, Verdict
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
    return Journal(store, lambda: "2026-11-22T10:00:00+00:00", policy_version="p", client="generic")


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
                while journal.unflushed:  # noqa: ASYNC110  # the very thing under test is what happens without a word
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


def test_arguments_of_any_size_of_integer_have_a_digest(store: JournalStore) -> None:
    journal = _journal(store)
    numbers = [journal.decision_now(FACTS, SessionView("s"), ALLOW, arguments={"n": n}) for n in (1, 2**70, 2**70)]
    digests = [entry.body["arguments_sha256"] for number in numbers if (entry := store.get(number))]
    assert digests[1] == digests[2] != digests[0]
