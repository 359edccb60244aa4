"""The schema of the journal, and how an older one becomes this one. Views are for people with SQL, such as Datasette's.

A journal that was written before there was a chain is chained when it is first opened, and an entry says so.
"""

from __future__ import annotations

import secrets
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import orjson

from rule_of_two.errors import StoreError
from rule_of_two.store.chain import content, genesis, link

if TYPE_CHECKING:
    from sqlite_utils import Database as Tables

CHAINED: Final = "chained"
"""The event of the entry that says up to where entries were there before there was a chain."""

ANSWERS_QUESTION: Final = "kind = 'answer' AND instr(body, '\"question\"')"
LISTS_ITEMS: Final = "kind = 'outcome' AND instr(body, '\"items\"')"
"""Conditions of indexes: a query that is to use one repeats it word for word. They use no function of JSON's, which no
index may where the schema is not trusted."""

_BATCH: Final = 20_000
_LONG: Final = 100_000
"""Entries that are chained at once, and from how many on somebody is told that it takes a while."""


def first(tables: Tables) -> None:
    """Entries, which are only added."""
    # AUTOINCREMENT: a number is never given twice, even after the newest entries were cut off.
    tables.conn.execute(
        "CREATE TABLE entries (seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, kind TEXT NOT NULL, "
        "session TEXT, decision INTEGER, body TEXT NOT NULL)"
    )
    # Only what follows a decision names one, so that appending decisions touches no index.
    tables.conn.execute("CREATE INDEX entries_decision ON entries (decision) WHERE decision IS NOT NULL")
    for change in ("UPDATE", "DELETE"):
        _refuse(tables, "entries", change)


def chained(tables: Tables) -> None:
    """A hash for each entry, what pruning leaves behind, indexes for long journals, and views."""
    execute = tables.conn.execute
    execute("CREATE TABLE journal (id TEXT NOT NULL, created_at TEXT NOT NULL)")
    execute("ALTER TABLE entries ADD COLUMN hash BLOB")
    _chain(tables)
    # What was pruned up to `last`, as it was signed; and of each older entry that was kept, the hash before it.
    execute("CREATE TABLE prunes (last INTEGER PRIMARY KEY, record TEXT NOT NULL)")
    execute("CREATE TABLE kept (seq INTEGER PRIMARY KEY, previous BLOB NOT NULL)")
    execute("DROP TRIGGER entries_no_delete")
    execute(
        "CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries "
        "WHEN OLD.seq > (SELECT coalesce(max(last), 0) FROM prunes) OR OLD.seq IN (SELECT seq FROM kept) "
        "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
    )
    for table in ("journal", "prunes"):
        for change in ("UPDATE", "DELETE"):
            _refuse(tables, table, change)
    execute("CREATE INDEX entries_session ON entries (session) WHERE session IS NOT NULL")
    execute(f"CREATE INDEX entries_items ON entries (session) WHERE {LISTS_ITEMS}")
    execute("CREATE INDEX entries_words ON entries (session) WHERE kind IN ('answer', 'command')")
    execute(f"CREATE INDEX entries_answers ON entries (kind) WHERE {ANSWERS_QUESTION}")
    execute("CREATE INDEX entries_policies ON entries (kind) WHERE kind = 'policies'")
    for name, query in VIEWS.items():
        execute(f"CREATE VIEW {name} AS {query}")


def _refuse(tables: Tables, table: str, change: str) -> None:
    tables.conn.execute(
        f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
        "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
    )


def _chain(tables: Tables) -> None:
    """Give the journal its name, and every entry that is there already its hash; the next entry says so."""
    execute = tables.conn.execute
    journal, now = secrets.token_hex(16), datetime.now(UTC).isoformat(timespec="microseconds")
    execute("INSERT INTO journal VALUES (?, ?)", (journal, now))
    ((total,),) = execute("SELECT count(*) FROM entries").fetchall()
    if not total:
        return
    execute("DROP TRIGGER entries_no_update")
    previous, last, done, began = genesis(journal), -(1 << 63), 0, 0
    query = f"SELECT seq, {RAW_COLUMNS} FROM entries WHERE seq > ? ORDER BY seq LIMIT {_BATCH}"  # noqa: S608  # literals
    while batch := execute(query, (last,)).fetchall():
        hashes = []
        for number, *columns in batch:
            try:
                inside = raw_content(columns)
            except StoreError:
                continue  # no gateway wrote it: it stays outside the chain, where it is found
            previous = link(previous, number, inside)
            hashes.append((previous, number))
        tables.conn.executemany("UPDATE entries SET hash = ? WHERE seq = ?", hashes)
        began, last, done = began or int(batch[0][0]), int(batch[-1][0]), done + len(batch)
        if total >= _LONG:
            sys.stderr.write(f"rule-of-two: the journal is being chained, once: {done:,} of {total:,} entries\n")
    _refuse(tables, "entries", "UPDATE")
    body = orjson.dumps({"event": CHAINED, "journal": journal, "from": began, "to": last, "entries": total})
    ((newest,),) = execute("SELECT max(seq) FROM sqlite_sequence WHERE name = 'entries'").fetchall()
    number = max(int(newest or 0), last) + 1
    row = (number, now, "journal", None, None, body.decode())
    inside = content(now, "journal", None, None, body)
    execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, link(previous, number, inside)))


RAW_COLUMNS: Final = (
    "CAST(at AS BLOB), CAST(kind AS BLOB), CAST(session AS BLOB), "
    "CASE WHEN typeof(decision) = 'integer' THEN decision END, CAST(body AS BLOB)"
)
"""Bytes that need not be text, so that SQLite's own decoding cannot fail on what somebody else wrote."""


def raw_content(columns: list[Any] | tuple[Any, ...]) -> bytes:
    """The content digest of an entry whose columns are :data:`RAW_COLUMNS`, whatever bytes they are."""
    at, kind, session, decision, body = columns
    try:
        texts = [None if one is None else one.decode() for one in (at, kind, session)]
        return content(texts[0] or "", texts[1] or "", texts[2], decision, body or b"")
    except (UnicodeDecodeError, orjson.JSONEncodeError) as error:
        raise StoreError(f"it is no text: {error}") from error


def _members(*names: str) -> str:
    return ", ".join(f"{_member(name)} AS {name.replace('.', '_')}" for name in names)


def _member(path: str) -> str:
    return f"CASE WHEN json_valid(body) THEN json_extract(body, '$.{path}') END"


_HEAD: Final = "SELECT seq AS number, at, session"

VIEWS: Final = {
    "decisions": f"{_HEAD}, {_members('outcome', 'code', 'action', 'upstream')}, {_member('name')} AS tool, "
    f"{_members('labels', 'held', 'targets', 'policies', 'messages', 'policy_version', 'arguments_sha256')}, "
    f"{_members('approves', 'releases', 'observed')}, "
    f"{_member('grant')} AS on_grant, {_member('principal.user')} AS user, {_member('principal.tenant')} AS tenant, "
    f"{_member('client')} AS client FROM entries WHERE kind = 'decision'",
    "questions": f"{_HEAD}, decision, {_members('question', 'digest', 'action', 'upstream')}, "
    f"{_member('name')} AS tool, "
    f"{_members('arguments', 'held', 'adds', 'needs', 'tier', 'expires_at', 'joins')} "
    "FROM entries WHERE kind = 'question'",
    "answers": f"{_HEAD}, decision, {_members('question', 'answer', 'approver', 'assurance', 'reason')} "
    "FROM entries WHERE kind = 'answer'",
    "commands": f"{_HEAD}, {_members('command', 'by', 'assurance')} FROM entries WHERE kind = 'command'",
    "outcomes": f"{_HEAD}, decision, {_members('outcome', 'detail')}, "
    "CASE WHEN json_valid(body) THEN json_array_length(body, '$.items') END AS items "
    "FROM entries WHERE kind = 'outcome'",
    "sessions_seen": "SELECT session, count(*) AS entries, min(seq) AS first_number, max(seq) AS last_number, "
    "min(at) AS first_at, max(at) AS last_at, sum(kind = 'decision') AS decisions, sum(kind = 'question') AS questions "
    "FROM entries WHERE session IS NOT NULL GROUP BY session",
    "events": f"{_HEAD}, kind, {_member('event')} AS event, body FROM entries "
    "WHERE kind NOT IN ('decision', 'question', 'answer', 'command', 'outcome')",
}
"""For people with SQL. A body that is no JSON gives empty columns."""

MIGRATIONS: Final = (first, chained)
