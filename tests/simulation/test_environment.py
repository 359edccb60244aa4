"""What context providers knew is replayed from entries, as far as these say what a provider could have answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rule_of_two.model import Principal
from rule_of_two.policy.load import load_policies
from rule_of_two.simulation.judge import Judge
from rule_of_two.simulation.recording import past_of, recordings_in
from rule_of_two.simulation.replay import Doubt, Replay, as_recorded
from rule_of_two.simulation.report import simulation_lines
from rule_of_two.simulation.simulate import simulate
from rule_of_two.store.journal import Entry
from tests.audit.recordings import Tape
from tests.simulation.rehearsal import changes, forbid, rehearse

WHOLE: dict[str, Any] = {
    "local": {"hour": 10, "weekday": 3},
    "device": {"id": "laptop-7", "managed": True},
    "network": {"zone": "office"},
    "risk": 0,
}
UNMANAGED = forbid("managed", "!(context has device && context.device.managed)")
RISKY = forbid("risky", "!(context has risk && context.risk < 50)")
HOSTILE: list[tuple[str, Any]] = [
    ("local", {"hour": 24, "weekday": 3}),
    ("local", {"hour": -1, "weekday": 3}),
    ("local", {"hour": 10, "weekday": 0}),
    ("local", {"hour": 10, "weekday": 8}),
    ("local", {"hour": 10.0, "weekday": 3}),
    ("local", {"hour": True, "weekday": 3}),
    ("local", {"hour": "10", "weekday": 3}),
    ("local", {"hour": 10**400, "weekday": 3}),
    ("local", {"hour": 10}),
    ("local", {"hour": 10, "weekday": 3, "minute": 5}),
    ("local", [10, 3]),
    ("device", {"id": "laptop-7", "managed": "true"}),
    ("device", {"id": "laptop-7", "managed": 1}),
    ("device", {"id": 7, "managed": True}),
    ("device", {"id": "x" * 201, "managed": True}),
    ("device", {"id": "\ud800", "managed": True}),
    ("device", {"managed": True}),
    ("device", {"id": "laptop-7", "managed": True, "owner": "eve"}),
    ("device", {"__entity": {"type": "Gateway::User", "id": "root"}}),
    ("device", {"__extn": {"fn": "ip", "arg": "10.0.0.1"}}),
    ("device", True),
    ("device", None),
    ("network", {"zone": ["office"]}),
    ("network", {"zone": None}),
    ("network", {"zone": "office", "vpn": True}),
    ("network", "office"),
    ("risk", -1),
    ("risk", 101),
    ("risk", 10**400),
    ("risk", -(2**63) - 1),
    ("risk", 0.0),
    ("risk", float("nan")),
    ("risk", float("inf")),
    ("risk", False),
    ("risk", "0"),
    ("risk", {"risk": 0}),
]


def entry(said: Any, **more: Any) -> Entry:
    tape = Tape()
    tape.add("crm__get", "B", environment=said, **more)
    return tape.entries[0]


def known(said: Any, **more: Any) -> dict[str, Any]:
    """What is taken from an entry."""
    past = past_of(entry(said, **more), frozenset())
    assert past is not None
    return dict(past.environment)


def test_what_providers_answered_is_taken_as_it_is() -> None:
    assert known(WHOLE) == WHOLE


@pytest.mark.parametrize(("name", "value"), HOSTILE)
def test_what_no_provider_can_answer_counts_as_not_recorded_and_the_rest_stays(
    tmp_path: Path, name: str, value: Any
) -> None:
    """And it reaches no policy: one that only asks whether there is something finds nothing."""
    rest = {other: WHOLE[other] for other in WHOLE if other != name}
    assert known({**WHOLE, name: value}) == rest
    found = rehearse(tmp_path, [entry({**WHOLE, name: value})], forbid("has", f"context has {name}"))
    assert (changes(found), found.undecided, found.doubts[Doubt.ENVIRONMENT]) == ([], 0, 1)


@pytest.mark.parametrize("said", [None, [], "x", 7, True, [["device", {"id": "laptop-7", "managed": True}]], {}])
def test_an_environment_that_is_none_has_nothing(said: Any) -> None:
    assert known(said) == {}


def test_nothing_else_of_the_context_can_be_said_by_an_entry(tmp_path: Path) -> None:
    said = {**WHOLE, "approved": True, "approvals": 9, "frozen": False, "labels": {}, "held": {}, "now": "x", "y": 1}
    directory = {"directory": [{"uid": {"type": "Gateway::User", "id": "local"}, "attrs": {}, "parents": []}]}
    assert known({**said, **directory}) == WHOLE
    tape = Tape()
    for call, labels in (("web__read", "A"), ("crm__get", "B"), ("mail__send", "C")):
        tape.add(call, labels, environment=said)
    assert changes(rehearse(tmp_path, tape.entries)) == []


def test_policies_see_what_was_known_of_each_call(tmp_path: Path) -> None:
    tape = Tape()
    tape.add("crm__get", "B", environment=WHOLE)
    tape.add("crm__list", "B", environment={**WHOLE, "device": {"id": "old", "managed": False}})
    found = rehearse(tmp_path, tape.entries, UNMANAGED)
    assert (changes(found), found.uncertain) == (["list: allow -> deny"], 0)


def test_only_the_entries_without_it_are_uncertain_and_only_where_it_is_read(tmp_path: Path) -> None:
    tape = Tape()
    tape.add("crm__get", "B", environment=WHOLE)
    tape.add("crm__list", "B", environment={"network": {"zone": "office"}})
    tape.add("crm__find", "B")
    found = rehearse(tmp_path, tape.entries, UNMANAGED)
    assert changes(found) == ["list: allow -> deny", "find: allow -> deny"]
    assert (found.uncertain, found.doubts) == (2, {Doubt.ENVIRONMENT: 2})
    assert {one.as_facts()["certain"] for one in found.changes} == {False}
    assert found.as_facts()["environment_not_recorded"] == 2
    told = list(simulation_lines(found))
    assert told[-1].startswith("These policies read what context providers know, and not all of that is recorded")
    assert told[-1].endswith("(marked with ~): 2 calls.")
    assert [line for line in told if line.startswith("  ~d")] == [line for line in told if " -> " in line]
    assert rehearse(tmp_path, tape.entries).uncertain == 0


@pytest.mark.parametrize(
    ("condition", "reads"),
    [
        ("context has risk && context.risk > 3", {"risk"}),
        ('context has "device" && context["device"]["managed"]', {"device"}),
        ("context has network.zone", {"network"}),
        ("context\n// where\n. frozen && context /" + "/ x\n has local", {"local"}),
        ("(if context.frozen then context else context).frozen", {"local", "device", "network", "risk"}),
        ('context.target.hosts.contains("context.device")', set()),
        ("context.frozen // context.device", set()),
    ],
)
def test_what_policies_read_is_found_however_it_is_written(tmp_path: Path, condition: str, reads: set[str]) -> None:
    (tmp_path / "own.cedar").write_text(forbid("x", f"{condition}\n"))
    judge = Judge(load_policies(["default", "./own.cedar"], relative_to=tmp_path), Principal())
    assert judge.reads == reads


def test_a_call_sees_the_hour_and_the_minute_of_its_entry(tmp_path: Path) -> None:
    tape = Tape()
    for hour in (6, 7):
        tape.add("crm__get", "B", environment={"local": {"hour": hour, "weekday": 1}})
    tape.minutes = 1
    tape.add("crm__get", "B", environment={"local": {"hour": 7, "weekday": 1}})
    early = "context has local && context.local.hour < 7"
    late = 'context.now > datetime("2026-11-20T09:00:00Z")'
    found = rehearse(tmp_path, tape.entries, forbid("early", early) + forbid("late", late))
    assert [one.replayed.past.call.number for one in found.changes] == [1, 3]
    assert found.uncertain == 0


def test_a_call_of_several_sessions_has_the_risk_of_none_of_them(tmp_path: Path) -> None:
    one = entry(WHOLE, beside=[["A", False], ["", False]])
    past = past_of(one, frozenset())
    assert past is not None
    assert past.environment.keys() == {"local", "device", "network"}
    assert rehearse(tmp_path, [one], UNMANAGED).uncertain == 0
    assert rehearse(tmp_path, [one], RISKY).doubts == {Doubt.ENVIRONMENT: 1}


@pytest.mark.parametrize(
    ("minutes", "session", "doubts"),
    [(9.9, "s", {Doubt.RISK: 1}), (10, "s", {}), (-1, "s", {Doubt.RISK: 1}), (1, "t", {})],
)
def test_shortly_after_a_call_that_comes_out_otherwise_the_risk_is_not_certain(
    tmp_path: Path, minutes: float, session: str, doubts: dict[Doubt, int]
) -> None:
    tape = Tape()
    tape.add("crm__get", "B", environment={**WHOLE, "risk": 60})
    tape.minutes = minutes
    tape.add("crm__get", "B", session=session, environment=WHOLE)
    found = rehearse(tmp_path, tape.entries, RISKY)
    assert (changes(found), found.doubts) == (["get: allow -> deny"], doubts)
    assert found.uncertain == found.as_facts()["risk_of_then"] == len(doubts)
    assert any("by the risk of then" in line for line in simulation_lines(found)) == bool(doubts)
    found = rehearse(tmp_path, tape.entries, RISKY.replace("context.risk < 50", "context.risk < 70"))
    assert (changes(found), found.uncertain) == ([], 0)


@pytest.mark.parametrize("at", ["", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_times_that_say_nothing_or_much_do_not_break_that(tmp_path: Path, at: str) -> None:
    tape = Tape()
    tape.add("crm__get", "B", environment={**WHOLE, "risk": 60})
    first = tape.entries[0]
    other = Entry(2, at, "decision", "s", None, {**first.body, "environment": WHOLE})
    for entries in ([first, other], [other, first]):
        assert changes(rehearse(tmp_path, entries, RISKY)) == ["get: allow -> deny"]
    unknown = rehearse(tmp_path, [first, Entry(2, "", "decision", "s", None, other.body)], RISKY)
    assert unknown.doubts == {Doubt.RISK: 1}


def test_a_hostile_file_is_replayed_to_its_end(tmp_path: Path) -> None:
    folder = tmp_path / "recorded"
    folder.mkdir()
    whole = entry(WHOLE)

    def line(said: str) -> str:
        body = json.dumps({**whole.body, "environment": "HERE"}).replace('"HERE"', said)
        return f'{{"number": 1, "at": "{whole.at}", "kind": "decision", "session": "s", "body": {body}}}'

    said = [
        json.dumps(WHOLE),
        '{"risk": 1' + "0" * 300 + "}",
        '{"risk": 1e308, "device": 1e-999}',
        '{"risk": NaN}',
        '{"risk": 90, "risk": 0}',
        '{"device": ' + "[" * 5000 + "]" * 5000 + "}",
        '{"device": {"id": "' + "x" * 1_000_000 + '", "managed": true}}',
        "{" + ", ".join(f'"k{number}": {{}}' for number in range(20_000)) + "}",
    ]
    (folder / "day.jsonl").write_text("\n".join(map(line, said)))
    (tmp_path / "own.cedar").write_text(RISKY)
    judge = Judge(load_policies(["default", "./own.cedar"], relative_to=tmp_path), Principal())
    found = simulate(recordings_in(folder), lambda: Replay(judge, as_recorded))
    assert found.calls + found.unreadable == len(said)
    assert found.calls - found.doubts[Doubt.ENVIRONMENT] == 2
    assert (found.stricter, found.undecided) == (found.doubts[Doubt.ENVIRONMENT], 0)
