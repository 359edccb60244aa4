"""The schema of the state: sessions, what they hold, who is connected, what was approved, which definitions were, what
was stored."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from rule_of_two.store.database import Database

if TYPE_CHECKING:
    from sqlite_utils import Database as Tables


def _first(tables: Tables) -> None:
    tables.table("sessions").create(
        {
            "id": str,
            "key": str,  # canonical JSON of (user, tenant, client, workspace, conversation)
            "boundary": str,
            "created_at": str,
            "ended_at": str,
            "ended_how": str,  # clean, orphaned, new
            "held_a": int,  # journal number of the call that first brought the label; null: not held
            "held_b": int,
            "held_c": int,
            "dropped": int,
            "frozen": int,
            "joined_from": str,  # the orphan whose labels this session took over
        },
        pk="id",
        not_null={"key", "boundary", "created_at", "dropped", "frozen"},
        defaults={"dropped": 0, "frozen": 0},
    )
    tables.table("sessions").create_index(["key"])
    tables.table("connections").create(
        {
            "id": str,
            "session": str,
            "key": str,
            "ambient": str,  # what the operator says that the host's own tools bring: joined by each of its sessions
            "process": int,
            "opened_at": str,
            "closed_at": str,
        },
        pk="id",
        not_null={"session", "key", "ambient", "opened_at"},
        defaults={"ambient": ""},
        foreign_keys=[("session", "sessions", "id")],
    )
    tables.table("connections").create_index(["session"])
    tables.table("reservations").create(
        {"number": int, "session": str, "connection": str, "labels": str, "at": str},
        pk="number",
        not_null={"session", "connection", "labels", "at"},
        foreign_keys=[("session", "sessions", "id")],
    )
    tables.table("reservations").create_index(["session"])
    tables.table("pins").create(
        {
            "upstream": str,
            "kind": str,
            "name": str,
            "digest": str,
            "definition": str,
            "accepted_by": str,
            "accepted_at": str,
        },
        pk=("upstream", "kind", "name"),
        not_null={"digest", "definition", "accepted_by", "accepted_at"},
    )


def _second(tables: Tables) -> None:
    sessions = tables.table("sessions")
    sessions.add_column("refusals", int, not_null_default=0)  # in a row, by people
    sessions.add_column("quiet_until", str)  # until then nothing of this session is asked
    sessions.add_column("tier", str)  # what answers to its newest gateway are worth at most
    sessions.add_column("began_by", str)  # the signed answer or command that began it, if a person did
    tables.table("receipts").create(
        {
            "digest": str,  # of the question: what was approved
            "approver": str,
            "session": str,
            "decision": int,  # journal number of the call that was sent on it
            "receipt": str,  # the answer as it was signed, JSON
            "used_at": str,
        },
        pk=("digest", "approver"),
        not_null={"session", "decision", "receipt", "used_at"},
    )
    tables.table("grants").create(
        {
            "id": str,  # that of the question
            "session": str,
            "receipt": str,  # the answer as it was signed, with the terms, JSON
            "covers": str,  # the labels that the session may hold, for who looks: what counts is in the receipt
            "uses_left": int,
            "expires_at": str,
            "given_at": str,
        },
        pk="id",
        not_null={"session", "receipt", "covers", "uses_left", "expires_at", "given_at"},
        foreign_keys=[("session", "sessions", "id")],
    )
    tables.table("grants").create_index(["session"])


def _ledger(tables: Tables) -> None:
    # AUTOINCREMENT: an endorsement covers all stamps up to a number, so none is ever given twice.
    tables.conn.execute(
        "CREATE TABLE ledger (number INTEGER PRIMARY KEY AUTOINCREMENT, store TEXT NOT NULL, kind TEXT NOT NULL, "
        "value TEXT, "  # as the call named it; null: the whole store
        "place TEXT, "  # as it is compared; null: it counts for the whole store
        "label TEXT NOT NULL, "
        "decision INTEGER NOT NULL, "  # journal number of the call that wrote it
        "session TEXT NOT NULL, tenant TEXT NOT NULL, origin TEXT NOT NULL, at TEXT NOT NULL)"
    )
    tables.conn.execute("CREATE INDEX ledger_place ON ledger (store, label, place, kind)")
    tables.table("endorsements").create(
        {
            "id": str,
            "kind": str,  # resource, item
            "subject": str,  # the store, or the upstream
            "endorsement": str,  # as it was signed, JSON
            "given_at": str,
        },
        pk="id",
        not_null={"kind", "subject", "endorsement", "given_at"},
    )
    tables.table("endorsements").create_index(["kind", "subject"])
    for table in ("ledger", "endorsements"):
        for change in ("UPDATE", "DELETE"):
            tables.conn.execute(
                f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table}: rows are only added'); END"
            )


def _compartments(tables: Tables) -> None:
    # Who may read everything private that the session has read, a JSON list; null: it is not known. What a session of
    # an older version holds, nobody is known to be a reader of.
    tables.table("sessions").add_column("readers", str)


def _checkpoints(tables: Tables) -> None:
    # Apart from the journal, so that who changes or turns back only one of the two files is found out.
    tables.conn.execute(
        "CREATE TABLE checkpoints (id INTEGER PRIMARY KEY AUTOINCREMENT, journal TEXT NOT NULL, "
        "number INTEGER NOT NULL, at TEXT NOT NULL, checkpoint TEXT NOT NULL)"  # as it was signed, JSON
    )
    for change in ("UPDATE", "DELETE"):
        tables.conn.execute(
            f"CREATE TRIGGER checkpoints_no_{change.lower()} BEFORE {change} ON checkpoints "
            "BEGIN SELECT RAISE(ABORT, 'checkpoints: rows are only added'); END"
        )


def _pin_answers(tables: Tables) -> None:
    # What people said to changed definitions; kept, so that each pin can be traced to somebody's word.
    tables.conn.execute(
        "CREATE TABLE pin_answers (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, "
        "upstream TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, "
        "digest TEXT NOT NULL, "  # of the definition that it is about; empty: that there is none
        "answer TEXT NOT NULL, "  # as it was signed, JSON
        "given_at TEXT NOT NULL)"
    )
    tables.conn.execute("CREATE INDEX pin_answers_of ON pin_answers (upstream, kind, name)")
    for change in ("UPDATE", "DELETE"):
        tables.conn.execute(
            f"CREATE TRIGGER pin_answers_no_{change.lower()} BEFORE {change} ON pin_answers "
            "BEGIN SELECT RAISE(ABORT, 'pin_answers: rows are only added'); END"
        )
    # What an answer is bound to, so that one given elsewhere accepts nothing here.
    tables.conn.execute("CREATE TABLE identity (id TEXT NOT NULL)")
    tables.conn.execute("INSERT INTO identity VALUES (?)", (secrets.token_hex(16),))


def _unanswered(tables: Tables) -> None:
    # What servers offered when nobody had answered for any of it yet, and nobody has answered for since.
    tables.table("unanswered").create({"upstream": str, "kind": str, "name": str}, pk=("upstream", "kind", "name"))


def _vain_starts(tables: Tables) -> None:
    # Upstreams that have not said yet what they offer, and how often they were started.
    tables.table("vain_starts").create({"upstream": str, "number": int}, pk="upstream", not_null={"number"})


def open_state(folder: Path) -> Database:
    """The state database in ``folder`` (created with mode 0700), migrated.

    :raises StoreError: see :class:`Database`.
    """
    migrations = (_first, _second, _ledger, _compartments, _pin_answers, _checkpoints, _unanswered, _vain_starts)
    return Database(folder / "state.db", migrations, title="state")
