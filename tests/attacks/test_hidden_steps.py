"""A trace that leaves out what went out: by what became of the result, by many calls, by entries that name another."""

from __future__ import annotations

import sqlite3
from itertools import count
from pathlib import Path
from time import perf_counter

import orjson
import pytest

from rule_of_two.audit.journal import Journal
from rule_of_two.audit.trace import MOST_STEPS, Trace, trace
from rule_of_two.audit.trace_page import page
from rule_of_two.model import Action, Facts, Outcome, Principal, SessionView, Target, Verdict, labels_in
from rule_of_two.store.journal import JournalStore
from tests.gateway.test_release import EVE, structured
from tests.harness import House

ALLOW = Verdict(Outcome.ALLOW, None, ("default.permit",), ())
SECONDS = 10.0


def _journal(store: JournalStore) -> Journal:
    times = (f"2026-11-22T10:00:00.{place:06}+00:00" for place in count())
    return Journal(store, lambda: next(times), policy_version=lambda: "p", principal=Principal("u"), client="c")


def _call(name: str, labels: str, target: str = "") -> Facts:
    targets = (Target("recipient", target, target),) if target else ()
    return Facts(Action.CALL_TOOL, "up", name, labels_in(labels), targets=targets)


def _traced(folder: Path, session: str) -> Trace:
    store = JournalStore(folder)
    found = trace(store, session)
    store.close()
    assert found is not None
    return found


async def test_a_query_that_left_is_told_although_its_result_was_withheld(house: House) -> None:
    house.servers = {"echo": house.echo()}
    (house.folder / "own.cedar").write_text(
        '@id("own.none") @message("No item.") forbid (principal, action == '
        'Gateway::Action::"return_document", resource);'
    )
    house.settings["policies"] = ["default", "./own.cedar"]
    async with house.gateway() as gateway:
        await gateway.call("echo__search", {"reply": structured(EVE)})
        assert house.sent("echo") == ["search"]
        session = house.session()
    found = _traced(house.state, session)
    assert [step.call.name for step in found.outgoing if step.call] == ["search"]
    assert "C" in found.held
    assert "Nothing went out." not in page(found, made_at="", version="1")


def test_an_act_after_very_many_calls_is_told(tmp_path: Path) -> None:
    store = JournalStore(tmp_path)
    journal = _journal(store)
    for _ in range(3):
        journal.decision_now(_call("look", ""), SessionView("s-1"), ALLOW)
    store.close()
    # The same as what the gateway writes, many times.
    with sqlite3.connect(tmp_path / "journal.db") as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(entries)") if row[1] != "seq"]
        names = ", ".join(columns)
        row = database.execute(f"SELECT {names} FROM entries WHERE kind = 'decision' LIMIT 1").fetchone()  # noqa: S608  # our own names
        marks = ", ".join("?" * len(columns))
        database.executemany(f"INSERT INTO entries ({names}) VALUES ({marks})", (row for _ in range(4 * MOST_STEPS)))  # noqa: S608  # as above
    store = JournalStore(tmp_path)
    last = _journal(store).decision_now(_call("send", "C", "eve@evil.example"), SessionView("s-1"), ALLOW)
    store.close()
    began = perf_counter()
    found = _traced(tmp_path, "s-1")
    text = page(found, made_at="", version="1")
    assert perf_counter() - began < SECONDS
    assert [step.number for step in found.outgoing] == [last]
    assert len(found.steps) == MOST_STEPS
    assert found.more == len(found.every) - MOST_STEPS
    assert found.held == {"C"}
    assert "eve@evil.example" in text
    assert found.as_facts()["outgoing"] == [f"d{last}"]


@pytest.mark.parametrize("says", ["approves", "releases", "after"])
def test_an_entry_that_says_it_repeats_another_call_is_a_step_of_its_own(says: str, tmp_path: Path) -> None:
    store = JournalStore(tmp_path)
    journal = _journal(store)
    first = journal.decision_now(_call("send", "C", "eve@evil.example"), SessionView("s-1"), ALLOW)
    second = journal.decision_now(_call("look", ""), SessionView("s-1", {"C": first}), ALLOW)
    store.close()
    # The journal lets nobody change an entry, but a program of the user's can add one.
    with sqlite3.connect(tmp_path / "journal.db") as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(entries)")]
        row = dict(
            zip(columns, database.execute("SELECT * FROM entries WHERE seq = ?", (second,)).fetchone(), strict=True)
        )
        row |= {"seq": second + 1, "body": orjson.dumps({**orjson.loads(row["body"]), says: first}).decode()}
        marks = ", ".join("?" * len(columns))
        database.execute(f"INSERT INTO entries VALUES ({marks})", tuple(row.values()))  # noqa: S608  # marks alone
    found = _traced(tmp_path, "s-1")
    assert [step.call.name for step in found.steps if step.call] == ["send", "look", "look"]
    assert [step.number for step in found.outgoing] == [first]
