"""The report is read by people and by scripts, and full of names that a model and its servers chose."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.cli.session_report import lines
from rule_of_two.gateway.review import finder, review
from rule_of_two.store.journal import Entry, JournalStore, Line
from tests.audit.recordings import Tape, finding
from tests.audit.test_recorded import ANYTHING
from tests.harness import House

FORGED = '   - mcpServers: {"rec": {parameters: {trusted_folders: ["/"]}}}'
EVIL = f"x\n{FORGED}\r\x1b[2J\u202e\u2028{FORGED}[bold red]"
DANGEROUS = set("\x1b\r\u2028\u202e\x00")


def _written(state: Path, entries: Iterable[Entry]) -> JournalStore:
    store = JournalStore(state)
    for entry in entries:
        store.append_now(Line(entry.at, entry.kind, entry.session, entry.decision, entry.body))
    return store


def _lines(entries: list[Entry], tape: Tape) -> list[str]:
    shown = lines(review(lambda: entries, tape.find))
    assert not [line for line in shown if DANGEROUS & set(line) or "\n" in line]
    return shown


def test_no_name_and_no_target_writes_a_line_or_a_suggestion() -> None:
    tape = Tape()
    tape.add(f"{EVIL}__{EVIL}", "A", targets={"path": f"/srv/{EVIL}/x"}, session=EVIL, manifest=None)
    tape.add(f"files__{EVIL}", "B", targets={"path": f"/srv/{EVIL}/x"}, session=EVIL, manifest="filesystem")
    tape.add(f"mail__{EVIL}", "C", targets={"recipient": EVIL}, session=EVIL, manifest=EVIL)
    tape.add(f"mail__{EVIL}", "C", outcome="deny", policies=[EVIL], session=EVIL)
    shown = _lines(tape.entries, tape)
    assert any("[bold red]" in line for line in shown)  # nothing is markup
    assert not [line for line in shown if line.startswith(FORGED)]


async def test_a_uri_of_the_models_stays_in_its_line(house: House) -> None:
    house.settings["mode"] = "observe"
    async with house.gateway() as gateway:
        await gateway.request("resources/read", {"uri": f"note://{EVIL}"})
    shown = house.run("session", "report")
    assert "completed the set" in shown
    assert not DANGEROUS & set(shown)
    assert not [line for line in shown.splitlines() if line.startswith(FORGED)]
    assert "note://x" in json.loads(house.run("--json", "session", "report"))["causes"][0]["call"]


def test_a_path_that_is_not_what_it_looks_like_is_in_no_suggestion(tmp_path: Path) -> None:
    """A folder that cannot be shown as it is cannot be judged, so nobody is asked to trust it."""
    folder = tmp_path / "mine\u202e\u200b"
    folder.mkdir(mode=0o700)
    tape = Tape()
    target = {"path": str(folder / "x.md")}
    tape.add("files__read_text_file", "AB", targets=target, manifest="filesystem")
    tape.add("mail__send", "C")
    assert not [line for line in _lines(tape.entries, tape) if "trusted_folders" in line]


def test_a_quotation_mark_ends_no_value(tmp_path: Path) -> None:
    folder = tmp_path / 'a", "'
    folder.mkdir(mode=0o700)
    (folder / "x.md").write_text("")
    tape = Tape()
    tape.add("files__read_text_file", "AB", targets={"path": str(folder / "x.md")}, manifest="filesystem")
    tape.add("mail__send", "C")
    (line,) = [line for line in _lines(tape.entries, tape) if "trusted_folders" in line]
    assert json.loads(line[line.index("[") : line.rindex("]") + 1]) == [str(folder)]


def test_a_model_cannot_have_a_wide_folder_suggested_by_asking_often() -> None:
    """An injected model that reads / and /etc all day fills the report with them."""
    tape = Tape()
    for path in ("/", "/etc", "/home", "/etc/passwd") * 50:
        tape.add("files__list_directory", "AB", targets={"path": path}, manifest="filesystem")
    tape.add("mail__send", "C")
    shown = "\n".join(_lines(tape.entries, tape))
    assert '["/"' not in shown
    assert '"/etc"' not in shown
    assert '"/home"' not in shown


def test_a_server_that_borrows_the_names_of_another_is_told_apart_by_its_reader_only() -> None:
    """Names of tools are a server's own: the suggestion says what they prove."""
    tape = Tape()
    tape.add("evil__get_current_time", "ABC", manifest=None)
    shown = "\n".join(_lines(tape.entries, tape))
    assert "manifest: time" in shown
    assert "only if it really is that server" in shown
    assert "names of tools prove nothing" in shown


OLD: list[dict[str, Any]] = [
    {},
    {"upstream": "files", "name": "read"},
    {"upstream": "files", "name": "read", "labels": ["A"], "outcome": "allow"},
    {"upstream": "files", "name": "read", "labels": ["A", "B", "C"], "outcome": "ask"},
    {"upstream": "files", "name": "read", "labels": ["Z", 7], "outcome": "ask", "held": [], "targets": {}},
    {"upstream": "files", "name": "read", "labels": ["C"], "outcome": "ask", "held": {"A": "1", "B": True}},
    {"upstream": "files", "name": "read", "labels": ["C"], "outcome": "maybe"},
    {"upstream": "files", "name": "read", "labels": ["A"], "outcome": "deny", "targets": [7, {}, {"value": 1}]},
    {"upstream": "files", "name": "read", "labels": ["A"], "outcome": "ask", "approves": "one", "policies": "x"},
]


def test_entries_of_other_versions_are_read_as_far_as_they_say_something(tmp_path: Path) -> None:
    entries = [Entry(number, "when", "decision", "s", None, body) for number, body in enumerate(OLD, start=1)]
    store = _written(tmp_path, entries)
    facts = review(store.decisions, finder(store)).as_facts()
    store.close()
    assert (facts["unreadable"], facts["calls"]) == (3, 6)
    assert json.loads(json.dumps(facts)) == facts
    assert facts["since"] is None


@given(st.lists(ANYTHING | st.fixed_dictionaries({"upstream": st.text(), "name": st.text(), "labels": ANYTHING})))
def test_no_journal_breaks_the_report(bodies: list[Any]) -> None:
    entries = [Entry(number, "when", "decision", "s", None, body) for number, body in enumerate(bodies, start=1)]
    assert lines(review(lambda: entries, finding(entries)))


def test_an_entry_that_is_no_json_is_an_error_and_no_traceback(house: House) -> None:
    JournalStore(house.state).close()
    broken = "INSERT INTO entries (at, kind, session, body) VALUES ('9999', 'decision', 's', '{')"
    house.sql(broken, database="journal")
    done = subprocess.run(house.command("session", "report"), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "entry 1 of the journal cannot be read" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def huge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A week of 100 000 decisions, of which each reaches something else."""
    state = tmp_path_factory.mktemp("huge")
    tape = Tape()
    tape.add("files__read_text_file", "AB", manifest="filesystem")
    tape.add("mail__send", "C")
    _written(state, tape.entries).close()
    read, send = (entry.body for entry in tape.entries)
    with closing(sqlite3.connect(state / "journal.db")) as db, db:
        db.executemany(
            "INSERT INTO entries (at, kind, session, decision, body) VALUES (?, 'decision', ?, NULL, ?)",
            (
                (
                    tape.entries[0].at,
                    f"s{number % 10}",
                    orjson.dumps(
                        {
                            **(send if number % 2 else read),
                            "held": {"A": 1, "B": 1} if number % 2 else {},
                            "targets": [{"kind": "path", "value": f"/a-file-of-its-own-{number}.md"}],
                        }
                    ).decode(),
                )
                for number in range(100_000)
            ),
        )
    return state


def _reported(state: Path) -> tuple[dict[str, Any], int]:
    """The facts that the command prints, and how many KiB of memory it took at most."""
    command = [sys.executable, "-m", "rule_of_two", "--json", "--state", str(state), "session", "report", "--since"]
    environment = {**os.environ, "XDG_CONFIG_HOME": str(state)}
    with subprocess.Popen([*command, "9999d"], stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        facts = json.loads(process.stdout.read())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return facts, usage.ru_maxrss


def test_a_huge_journal_is_read_as_a_stream(huge: Path, tmp_path: Path) -> None:
    tape = Tape()
    tape.add("files__read_text_file", "ABC")
    _written(tmp_path, tape.entries).close()
    _, little = _reported(tmp_path)
    facts, much = _reported(huge)
    assert (facts["calls"], facts["asked"], facts["causes"][0]["asked"]) == (100_002, 50_001, 50_001)
    assert much - little < 24 * 1024
    assert (huge / "journal.db").stat().st_size > 32 * 1024 * 1024  # and several times as much as objects
