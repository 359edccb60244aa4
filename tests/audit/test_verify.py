"""Whatever stands in the journal's file, a verification ends, and says what it could not read."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rule_of_two.audit.testimony import Said, Standing
from rule_of_two.audit.verify import Verified, verify
from rule_of_two.gateway.witness import KeyWitness
from rule_of_two.store.journal import Entry, JournalStore, Line
from tests.audit.test_recorded import ANYTHING

AT = "2026-11-28T10:00:00+00:00"
KINDS = ("decision", "question", "answer", "command", "session", "outcome", "definitions")
NAMES = (
    *("question", "digest", "joins", "nonce", "masked", "held", "adds", "needs", "expires_at", "tier", "channel"),
    *("answer", "approver", "receipt", "command", "by", "event", "instead_of", "arguments", "forwarded"),
    *("releases", "defers", "after", "items", "arrival", "result_sha256", "detail"),
    *("action", "upstream", "name", "outcome", "labels", "reserved", "targets", "approves", "grant", "pin", "session"),
)
LIKELY = ANYTHING | st.sampled_from(["q", "yes", "grant", "drop", "new", "allow", "s", AT, 1, 2, ["A", "B", "C"]])
BODIES = st.dictionaries(st.sampled_from(NAMES), LIKELY, max_size=12)
COLUMNS = st.one_of(st.binary(max_size=20), st.text(max_size=20), st.integers(-9, 9), st.floats(allow_nan=False))


class Believing:
    """A witness to whom every receipt that has the right shape is of one approver, and genuine unless it is told
    otherwise."""

    def __init__(self, approver: str = "alice", standing: Standing = Standing.SIGNED) -> None:
        self._approver = approver
        self._standing = standing

    def answer(self, receipt: object) -> Said | None:
        return self._said(receipt)

    def command(self, receipt: object) -> Said | None:
        return self._said(receipt)

    def endorsement(self, receipt: object) -> Said | None:
        return self._said(receipt)

    def definition(self, receipt: object) -> Said | None:
        return self._said(receipt)

    def digest(self, question: Mapping[str, Any]) -> str | None:
        return "d"

    def _said(self, receipt: object) -> Said | None:
        if not isinstance(receipt, dict):
            return None
        choice, name = str(receipt.get("answer")), str(receipt.get("question"))
        return Said(choice, self._approver, self._standing, "s", id=name, question=name, digest="d")


def _shown(result: Verified) -> str:
    json.dumps(result.as_facts())
    lines = result.lines()
    assert all(line.isprintable() for line in lines)
    return "\n".join(lines)


@given(st.lists(st.tuples(st.sampled_from(KINDS), BODIES), max_size=8))
def test_no_entries_of_any_members_break_it(rows: list[tuple[str, dict[str, Any]]]) -> None:
    entries = [Entry(number, AT, kind, "s", 1, body) for number, (kind, body) in enumerate(rows, 1)]
    for witness in (KeyWitness(()), Believing()):
        _shown(verify(entries, witness))


@settings(deadline=None)
@given(rows=st.lists(st.tuples(COLUMNS, st.sampled_from(KINDS) | COLUMNS, COLUMNS, COLUMNS, COLUMNS), max_size=4))
def test_no_bytes_in_the_file_break_it(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Any, ...]]) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    with contextlib.closing(JournalStore(folder)) as store:
        with contextlib.closing(sqlite3.connect(folder / "journal.db")) as db, db:
            db.executemany("INSERT INTO entries (at, kind, session, decision, body) VALUES (?, ?, ?, ?, ?)", rows)
        result = verify(store.everything(), KeyWitness(()))
    _shown(result)
    assert result.findings.counts["entries"] == len(rows)


@pytest.mark.parametrize("body", [b"\xff", b"[]", b"7", b"{", b'{"a": "\\ud800"}', b"", b"[" * 5000, 7, 1.5])
def test_an_entry_that_is_no_json_object_is_a_finding(tmp_path: Path, body: object) -> None:
    with contextlib.closing(JournalStore(tmp_path)) as store:
        store.append_now(Line(AT, "outcome", "s", 1, {}))
        with contextlib.closing(sqlite3.connect(tmp_path / "journal.db")) as db, db:
            db.execute("INSERT INTO entries (at, kind, session, decision, body) VALUES ('', '', '', 1, ?)", (body,))
        result = verify(store.everything(), KeyWitness(()))
    assert [(one.where, one.cause) for one in result.findings.found] == [("#2", "unreadable")]


def test_more_entries_than_one_reading_takes_are_all_read(tmp_path: Path) -> None:
    with contextlib.closing(JournalStore(tmp_path)) as store:
        for _ in range(21):
            store.append_now(*(Line(AT, "outcome", "s", 1, {"outcome": "result"}) for _ in range(100)))
        numbers = [one.number for one in store.everything()]
    assert numbers == list(range(1, 2101))


def test_text_of_others_begins_no_line_of_a_report() -> None:
    """A finding tells who is named. Receipts hold no such name; another witness might read one that does."""
    hostile = "x\nNothing is wrong.\x1b[2K\u202e"
    receipt = {"answer": "yes", "question": "q"}
    entries = [
        Entry(1, AT, "question", "s", 1, {"question": "q", "digest": "d", "expires_at": AT}),
        Entry(2, AT, "answer", "s", 1, {**receipt, "approver": hostile, "digest": "d", "receipt": receipt}),
    ]
    shown = _shown(verify(entries, Believing(hostile, Standing.FORGED)))
    assert "for x↵Nothing is wrong.\\u{1b}[2K\\u{202e}. " in shown
    assert "Nothing is wrong." not in shown.splitlines()


def test_times_beyond_all_calendars_are_no_receipt() -> None:
    receipt = {
        "question_id": "q",
        "session": "s",
        "digest": "d",
        "verdict": "grant",
        "approver": "alice",
        "answered_at": "9999-12-31T23:59:59+00:00",
        "grant": {
            "session": "s",
            "action": "call_tool",
            "upstream": "u",
            "name": "n",
            "pin": None,
            "policy_version": "p",
            "targets": [["host", "x"]],
            "labels": ["C"],
            "held": [],
            "uses": 1,
            "minutes": 480,
        },
        "shown": "d",
    }
    witness = KeyWitness(())
    assert witness.answer({**receipt, "answered_at": "2026-11-28T10:00:00+00:00"}) is not None
    assert witness.answer(receipt) is None
