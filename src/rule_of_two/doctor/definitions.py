"""By whose word definitions were accepted, and whether one of those that nobody was asked about is suspicious."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from rule_of_two.approvals.suspicion import marks_of
from rule_of_two.doctor.fact import Fact
from rule_of_two.escape import visible
from rule_of_two.store.pins import FIRST_USE

_WHAT: Final = "definitions"


def definitions(state: Path) -> Fact:
    """What the pins of a state say; nothing is written."""
    file = state / "state.db"
    try:
        if not file.exists():
            return Fact(_WHAT, True, "none was accepted yet")
        # Read-only, it would leave the files of its log behind.
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True)) as connection:
            query = "SELECT upstream, kind, name, definition, accepted_by FROM pins ORDER BY rowid"
            rows = connection.execute(query).fetchall()
        unasked = [row for row in rows if row[4] == FIRST_USE]
        found = [
            (upstream.rpartition(":")[0], f"{kind} {name}".rstrip())
            for upstream, kind, name, body, _ in unasked
            if any(one.strong for one in marks_of(json.loads(body), None, server=""))
        ]
    except (OSError, sqlite3.Error, ValueError) as error:
        return Fact(_WHAT, False, f"what was accepted cannot be read: {error}")
    says = f"{len(unasked)} accepted as first seen, {len(rows) - len(unasked)} by a person's word"
    if not found:
        return Fact(_WHAT, True, says)
    named = visible(", ".join(f"{what} of {server}" for server, what in found[:3])[:200])
    step = f"look at it: `rule-of-two manifest pin {visible(found[0][0])}`"
    return Fact(_WHAT, False, f"{says}; {len(found)} suspicious ({named})", step)
