"""Attempts to write the state and the journal: real rows in the real files, in transactions that are rolled back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from rule_of_two.doctor.brief import APART, Brief
from rule_of_two.doctor.finding import Area, Finding, Result
from rule_of_two.doctor.reach import way_to_change

_BUSY_SECONDS: Final = 5.0
_STATE: Final = (
    ("forge a receipt", "INSERT INTO receipts VALUES ('doctor', 'doctor', 'doctor', 0, '{}', '')"),
    ("forge a grant", "INSERT INTO grants VALUES ('doctor', 'doctor', '{}', '', 1, '', '')"),
    ("take labels away", "UPDATE sessions SET held_a = NULL, held_b = NULL, held_c = NULL"),
    (
        "accept a definition, as `manifest pin --accept` does",
        "INSERT INTO pins VALUES ('doctor', 'doctor', 'doctor', '', '', '', '')",
    ),
)
_JOURNAL: Final = (("write into the journal", "INSERT INTO entries (at, kind, body) VALUES ('', 'doctor', '{}')"),)


FORGED_SESSION: Final = "start a clean session by writing rows"
_FORGED: Final = (
    "INSERT INTO sessions (id, key, boundary, created_at) SELECT '{new}', key, boundary, created_at FROM sessions "
    "WHERE id = '{old}'; UPDATE connections SET session = '{new}' WHERE session = '{old}'; "
    "UPDATE sessions SET ended_at = created_at, ended_how = 'new' WHERE id = '{old}'"
)

_REFUSED: Final = frozenset(
    (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH)
)


def attempts(brief: Brief) -> tuple[Finding, ...]:
    """Write rows as a forger would, and look for other ways into the files."""
    state = Path(brief.state)
    return (
        *(written(state / "state.db", attempt, statement) for attempt, statement in _STATE),
        *(written(state / "journal.db", attempt, statement) for attempt, statement in _JOURNAL),
        forged(Path(brief.probe.folder, "state.db"), brief.probe.sessions[3]),
    )


def forged(file: Path, session: str) -> Finding:
    """Give the connections of a session of the probe's a new one, by rows. Whether a gateway goes on in it is for the
    probe to say (:func:`~rule_of_two.doctor.finding.judged`)."""
    try:
        with closing(_opened(file)) as db, db:
            db.executescript(_FORGED.format(old=session, new=f"{session}-forged"))
    except sqlite3.Error as error:
        result, evidence = _refusal(file, error)
    else:
        result, evidence = Result.SUCCEEDED, "a gateway goes on in a session that nobody signed, which holds nothing"
    close = "make an approver's key with `rule-of-two init`: then only a signed word begins a clean session"
    return Finding(
        attempt=FORGED_SESSION,
        area=Area.APPROVE,
        result=result,
        evidence=evidence,
        close="" if result is Result.FAILED else close,
    )


def written(file: Path, attempt: str, statement: str) -> Finding:
    """Try one statement in a transaction that is rolled back."""
    try:
        exists = file.exists()
    except OSError:
        exists = False
    if not exists:
        way = way_to_change(file)
        if way is None:
            return _finding(attempt, Result.FAILED, f"{file} cannot be reached or made")
        return _finding(attempt, Result.SUCCEEDED, f"{way}: the file is not there yet, and could be made first")
    try:
        _roll_back(file, statement)
    except sqlite3.Error as error:
        return _finding(attempt, *_refusal(file, error))
    return _finding(attempt, Result.SUCCEEDED, f"a row could be written to {file}; it was rolled back")


def _refusal(file: Path, error: sqlite3.Error) -> tuple[Result, str]:
    """What an error says of a file: only what the system or SQLite refuses to this user did not succeed. Whatever else
    went wrong (it was busy, or written by another version) says nothing of what could be done."""
    if (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _REFUSED:
        return Result.FAILED, f"{file} cannot be written: {error}"
    return Result.UNTRIED, f"{file} could not be tried: {error}"


def _roll_back(file: Path, statement: str) -> None:
    with closing(_opened(file)) as db:
        db.execute("BEGIN IMMEDIATE")
        try:
            db.execute(statement)
        finally:
            db.execute("ROLLBACK")


def _opened(file: Path) -> sqlite3.Connection:
    """A file that is there; none is made."""
    uri = f"{file.absolute().as_uri()}?mode=rw"
    return sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)


def _finding(attempt: str, result: Result, evidence: str) -> Finding:
    close = "" if result is Result.FAILED else APART
    return Finding(attempt=attempt, area=Area.REACH, result=result, evidence=evidence, close=close)
