"""A simulation reads a journal, or files, that anybody may have written: neither breaks it nor paints over it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rule_of_two.model import Principal
from rule_of_two.policy.load import load_policies
from rule_of_two.records import replace
from rule_of_two.simulation.judge import Judge
from rule_of_two.simulation.recording import recordings_in
from rule_of_two.simulation.replay import Replay, as_recorded
from rule_of_two.simulation.report import simulation_lines
from rule_of_two.simulation.simulate import simulate
from rule_of_two.store.journal import Entry, JournalStore, Line
from tests.attacks.test_lying_report import DANGEROUS, EVIL
from tests.audit.recordings import Tape
from tests.audit.test_recorded import ANYTHING
from tests.harness import House
from tests.simulation.rehearsal import changes, forbid, rehearse

FORGED = "0 would be looser, 0 stricter."
NAMES = (
    *("action", "upstream", "name", "outcome", "code", "labels", "held", "reserved", "dropped", "targets", "policies"),
    *("manifest", "beside", "approves", "grant", "observed", "principal", "client", "lowered_by", "communicates"),
)


def _plain(lines: list[str]) -> list[str]:
    assert not [line for line in lines if DANGEROUS & set(line) or "\n" in line]
    return lines


def test_no_name_no_target_and_no_message_writes_a_line(tmp_path: Path) -> None:
    evil = f"x\n{FORGED}{EVIL}"
    tape = Tape()
    tape.add(f"{evil}__{evil}", "A", session=evil, targets={"path": evil}, policies=[evil], manifest=evil)
    tape.add(f"mail__{evil}", "BC", session=evil, targets={"recipient": evil}, client=evil, principal={"user": evil})
    shown = _plain(list(simulation_lines(rehearse(tmp_path, tape.entries, forbid("all", "true")))))
    assert [line for line in shown if line.startswith(FORGED)] == []
    assert len([line for line in shown if "allow -> deny" in line or "ask -> deny" in line]) == 2


def test_a_name_without_end_does_not_fill_the_report(tmp_path: Path) -> None:
    tape = Tape()
    tape.add(f"x__{'y' * 1_000_000}", "A", targets={"path": "z" * 1_000_000})
    shown = list(simulation_lines(rehearse(tmp_path, tape.entries, forbid("all", "true"))))
    assert max(map(len, shown)) < 1000


def test_more_changes_than_fit_are_counted(tmp_path: Path) -> None:
    tape = Tape()
    for number in range(1200):
        tape.add(f"x__{number}", "A")
    found = rehearse(tmp_path, tape.entries, forbid("all", "true"))
    assert (found.stricter, len(found.changes)) == (1200, 1000)
    assert "  and 1,150 calls more; --json lists up to 1,000." in list(simulation_lines(found))


def test_more_targets_than_are_kept_are_not_all_known(tmp_path: Path) -> None:
    """A hundred harmless ones in front hide none that an allow-list would have stopped."""
    tape = Tape()
    targets = [{"kind": "host", "value": "good.example"}] * 100 + [{"kind": "host", "value": "evil.example"}]
    policy = forbid("hosts", '!(context.target.complete && ["good.example"].containsAll(context.target.hosts))')
    tape.add("web__get", "C", targets={})
    tape.entries[0].body["targets"] = targets
    found = rehearse(tmp_path, tape.entries, policy)
    assert (changes(found), found.uncertain) == (["get: allow -> deny"], 1)


def test_a_target_of_no_known_kind_is_not_known(tmp_path: Path) -> None:
    tape = Tape()
    tape.add("web__get", "C", targets={"hosst": "evil.example"})
    assert changes(rehearse(tmp_path, tape.entries, forbid("x", "!context.target.complete"))) == ["get: allow -> deny"]


def test_a_yes_that_answers_itself_or_a_later_call_gives_nothing_away(tmp_path: Path) -> None:
    tape = Tape()
    tape.add("web__read", "A")
    tape.add("crm__get", "B")
    tape.add("mail__send", "C", outcome="ask", observed=False)
    tape.add("mail__send", "C", outcome="allow", approves=4)
    tape.add("mail__send", "C", outcome="allow", approves=-1)
    tape.add("mail__send", "C", outcome="allow", approves=10**30)
    assert changes(rehearse(tmp_path, tape.entries)) == []


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00", "x", ""])
def test_a_time_that_cannot_be_breaks_nothing(tmp_path: Path, at: str) -> None:
    tape = Tape()
    tape.add("web__read", "A")
    found = rehearse(tmp_path, [replace(tape.entries[0], at=at)])
    assert (found.calls, changes(found), found.undecided) == (1, [], 0)


def test_thousands_of_principals_do_not_fill_the_memory(tmp_path: Path) -> None:
    tape = Tape()
    for number in range(300):
        tape.add("web__read", "A", principal={"user": f"u{number}"}, client=f"c{number}")
    assert rehearse(tmp_path, tape.entries).calls == 300


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(st.lists(st.dictionaries(st.sampled_from(NAMES), ANYTHING), max_size=6), st.sampled_from(["", "\n", EVIL]))
def test_no_entry_breaks_it(tmp_path: Path, bodies: list[dict[str, Any]], session: str) -> None:
    base = {"upstream": "u", "name": "n", "labels": ["A"], "outcome": "allow", "policies": ["p"]}
    entries = [
        Entry(number, "nonsense", "decision", session, None, {**base, **body})
        for number, body in enumerate(bodies, start=1)
    ]
    found = rehearse(tmp_path, entries, forbid("all", "context.labels.A"))
    _plain(list(simulation_lines(found)))
    orjson.dumps(found.as_facts(), option=orjson.OPT_NON_STR_KEYS)


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\n", b"{}\n", b"[1]\n", b'{"number": "1"}\n', b'{"number":1,"at":"","kind":"decision","body":[]}\n',
        b"[" * 100_000, b'{"number":1,"at":1,"kind":"decision","body":{}}', b"null", b"1e999999",
    ],
)  # fmt: skip
def test_what_is_no_entry_in_a_file_is_counted(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.jsonl").write_bytes(content)
    (recording,) = recordings_in(tmp_path)
    assert list(recording.entries()) == [None]


def test_files_do_not_confirm_each_others_calls(tmp_path: Path) -> None:
    """Numbers of two journals are the same and mean different calls."""
    folder = tmp_path / "recorded"
    folder.mkdir()
    tape, other = Tape(), Tape()
    tape.add("mail__send", "ABC", outcome="ask", observed=False)
    other.add("x__y", "A", outcome="allow", approves=1)
    for name, one in (("a", tape), ("b", other)):
        lines = [
            json.dumps({"number": e.number, "at": e.at, "kind": e.kind, "session": e.session, "body": e.body})
            for e in one.entries
        ]
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    judge = Judge(load_policies(["default"], relative_to=tmp_path), Principal())
    found = simulate(recordings_in(folder), lambda: Replay(judge, as_recorded))
    assert (found.calls, found.asked, found.looser, found.stricter) == (1, 1, 0, 0)


def test_a_journal_of_nobodys_is_reported_in_plain_lines(house: House) -> None:
    house.state.mkdir()
    store = JournalStore(house.state)
    evil = {"upstream": EVIL, "name": EVIL, "labels": ["A"], "outcome": "deny", "policies": [EVIL], "targets": [EVIL]}
    store.append_now(Line("2999-01-01T00:00:00+00:00", "decision", EVIL, None, evil))
    store.append_now(Line("x", "decision", None, None, {"labels": EVIL}))
    store.close()
    shown = house.run("policy", "simulate", "--since", "30d")
    assert "1 would be looser" in shown
    assert "Not readable, and counted as nothing: 1 entry." in shown
    assert not DANGEROUS & set(shown)
