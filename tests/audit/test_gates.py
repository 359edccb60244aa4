"""What `why` says of the second gate is said of whatever stands in an entry, in lines that nobody else begins."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.audit.documents import HandedOver, call_of, count_of, listed, lists_of, named
from rule_of_two.audit.gates import gate_lines, item_lines, released_lines
from rule_of_two.store.journal import Entry, JournalStore, Line
from tests.audit.test_recorded import ANYTHING

NAMES = (
    "releases",
    "defers",
    "counts",
    "items",
    "dropped_items",
    "withheld_items",
    "lowered_by",
    "after",
    "more_items",
)
LISTS = st.lists(
    ANYTHING | st.dictionaries(st.sampled_from(["id", "sha256", "labels", "authors", "name", "policies"]), ANYTHING),
    max_size=4,
)
COUNTS = st.dictionaries(st.sampled_from(["items", "dropped", "withheld"]), st.integers(-5, 5) | ANYTHING)
WHOLE: dict[str, Any] = {"upstream": "web", "name": "read", "labels": ["A"], "outcome": "allow", "policies": ["p"]}


@given(st.dictionaries(st.sampled_from(NAMES), LISTS | COUNTS | ANYTHING, max_size=6), st.booleans())
def test_nothing_in_an_entry_breaks_what_is_said_of_it(body: dict[str, Any], whole: bool) -> None:
    entry = Entry(5, "2026-11-28T10:00:00+00:00", "decision", "s", 3, {**(WHOLE if whole else {}), **body})
    lines = [*gate_lines(entry), *item_lines(entry.body), *released_lines(entry)]
    assert all(line.isprintable() for line in lines)
    assert 0 < call_of(entry) <= 5
    assert count_of(entry.body) >= len(listed(entry.body.get("items")))
    assert all(count >= len(found) for found, count in lists_of(entry.body).values())


def test_what_came_untrusted_is_named_first_and_the_rest_is_counted() -> None:
    items = [{"id": f"m{number}", "sha256": "", "labels": ["A"] if number == 5 else []} for number in range(6)]
    assert named(listed(items), 9) == "m5 [A]; m0; m1 and 6 more"
    handed = HandedOver(3, "mail__search", "", listed(items), 9)
    assert handed.text == "d3 mail__search: m5 [A]; m0; m1 and 6 more"


def test_a_result_of_one_piece_and_authors_without_end_stay_short() -> None:
    body = {"withheld_items": [{"name": "w-1"}]}
    assert item_lines(body) == [
        "The result is one piece: 0 handed over, 0 dropped by policy, 1 not handed over.",
        "Not handed over: the whole result, withheld as w-1. It is shown to a person at `rule-of-two console`.",
    ]
    (one,) = listed([{"id": "x", "authors": [f"a{number}" for number in range(20)]}])
    assert one.text == "x by a0, a1, a2 and 17 more"


def test_no_entry_of_anybodys_breaks_the_counting(tmp_path: Path) -> None:
    with closing(JournalStore(tmp_path)) as store:
        lines = [Line("", "outcome", "s", 1, {"items": [{}], "more_items": more}) for more in (2**62, 2**62, -3, "x")]
        store.append_now(*lines, Line("", "outcome", "s", 1, {"items": "items"}), Line("", "outcome", "t", 1, {}))
        with closing(sqlite3.connect(tmp_path / "journal.db")) as db, db:
            text = '{"items": ['
            db.execute("INSERT INTO entries (at, kind, session, body) VALUES ('', 'outcome', 's', ?)", (text,))
        results, items = store.count_handed_over("s", before=100)
        assert (results, items >= 2**63 - 4) == (4, True)
        assert [one.number for one in store.handed_over("s", before=4, count=2)] == [3, 2]
