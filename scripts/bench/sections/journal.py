"""Whether a long journal is written and read as fast as a short one: appends, and what people ask of it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from typing import Any, Final

from rule_of_two.audit.why import explain, origin_of
from rule_of_two.store.journal import JournalStore, Line
from scripts.bench.report import Column, Section, Target
from scripts.bench.rounds import progress
from scripts.bench.setting import Setting

_MEASURED: Final = 500
"""Appends whose median is shown."""
_BATCH: Final = 50
_LONG: Final = "s-long"
_AT: Final = "2026-07-01T12:00:00.000000+00:00"
_ITEM: Final = {"id": "https://example.org/page", "sha256": "b" * 64, "labels": ["A"], "authors": ["someone"]}


def run(setting: Setting) -> Section:
    """Fill a journal, and look at it each time that it is ten times as long."""
    most = 100_000 if setting.quick else 1_000_000
    section = Section(
        "journal",
        f"A journal of {most:,} entries",
        (
            Column("entries", "entries"),
            Column("append", "append", "µs"),
            Column("ratio", "of the first", "×"),
            Column("why", "why", "ms"),
            Column("show", "session show", "ms"),
            Column("tail", "audit tail", "ms"),
            Column("session", "a session's entries", "ms"),
            Column("grant", "why, by a grant", "ms"),
        ),
        notes=(
            "One session has every tenth entry; its first thousand are read. An append is a decision, committed.",
            "Processor time, not what waits for others on the machine.",
        ),
    )
    with closing(JournalStore(setting.scratch.folder / "journal")) as store:
        lines = _lines()
        size, written = 1_000, 0
        while size <= most:
            progress(f"journal: {size:,} entries")
            while written < size - _MEASURED - 3:
                batch = list(islice(lines, min(_BATCH, size - _MEASURED - 3 - written)))
                written = store.append_now(*batch)
            section.rows.append(_row(store, list(islice(lines, _MEASURED)), size))
            written = store.head().number
            size *= 10
    first, last = section.rows[0], section.rows[-1]
    for row in section.rows:
        row["ratio"] = row["append"] / first["append"]
    section.targets.append(Target("Core", f"appends flat over {most:,} entries", last["ratio"], 1.25, "×"))
    for what in ("why", "show", "tail", "session", "grant"):
        section.targets.append(Target("Core", f"{what} of {most:,} entries", last[what], 300, "ms"))
    return section


def _row(store: JournalStore, lines: list[Line], size: int) -> dict[str, Any]:
    times = [_timed(lambda line=line: store.append_now(line)) for line in lines]  # type: ignore[misc]
    asking = store.append_now(Line(_AT, "decision", _LONG, None, _decision("ask")))
    store.append_now(Line(_AT, "answer", _LONG, asking, {"question": "q", "answer": "grant", "approver": "alice"}))
    newest = store.append_now(Line(_AT, "decision", _LONG, None, _decision("allow") | {"grant": "q"}))
    return {
        "entries": f"{size:,}",
        "append": statistics.median(times) / 1000,
        "why": _timed(lambda: explain(store, f"d{asking}")) / 1e6,
        "show": _timed(lambda: [origin_of(store, number) for number in (1, 2, 3)]) / 1e6,
        "tail": _timed(lambda: store.tail(20)) / 1e6,
        "session": _timed(lambda: list(islice(store.of_session(_LONG), 1000))) / 1e6,
        "grant": _timed(lambda: explain(store, f"d{newest}")) / 1e6,
    }


def _timed(work: Callable[[], object]) -> float:
    begin = time.process_time_ns()
    work()
    return time.process_time_ns() - begin


def _lines() -> Iterator[Line]:
    """Decisions and their outcomes, in turn; the items of a result in those of the long session."""
    number = 0
    while True:
        number += 2
        session = _LONG if number % 20 == 0 else f"s-{number % 2000:08x}"
        yield Line(_AT, "decision", session, None, _decision("allow"))
        items = {"items": [_ITEM] * 3} if session == _LONG else {}
        yield Line(_AT, "outcome", session, number - 1, {"outcome": "result", "detail": "", **items})


def _decision(outcome: str) -> dict[str, Any]:
    return {
        "action": "tools/call",
        "upstream": "files",
        "name": "read_file",
        "labels": ["A", "B"],
        "targets": [{"kind": "path", "value": "/srv/docs/report.md"}],
        "manifest": "filesystem",
        "outcome": outcome,
        "code": None,
        "held": {"A": 1},
        "reserved": {},
        "dropped": False,
        "policies": ["default"],
        "messages": [],
        "policy_version": "a" * 64,
        "principal": {"user": "alice", "tenant": "acme", "agent": "agent", "purpose": "general"},
        "client": "generic",
        "arguments_sha256": "c" * 64,
    }
