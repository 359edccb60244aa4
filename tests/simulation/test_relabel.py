"""Other manifests over recorded calls: what they decide by what is kept, and what nobody can know any more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rule_of_two.gateway.narrowing import Mounted
from rule_of_two.manifests.document import ManifestDocument
from rule_of_two.model import label_text
from rule_of_two.simulation.recording import past_of
from rule_of_two.simulation.relabel import OtherManifests
from rule_of_two.simulation.replay import Relabelled
from tests.audit.recordings import Tape
from tests.simulation.rehearsal import changes, rehearse

TOOLS: dict[str, Any] = {
    "plain": {"labels": ["B"]},
    "reach": {
        "labels": ["A", "C"],
        "targets": {"url": "/url"},
        "rules": [{"when": {"url": {"host_in": ["good.example"]}}, "labels": ["C"]}],
    },
    "mode": {"labels": ["A", "B"], "rules": [{"when": {"mode": {"in": ["quick"]}}, "labels": ["C"]}]},
    "whole": {"labels": ["B"], "rules": [{"when": {"all": {"absent": True}}, "labels": ["A"]}]},
    "kind": {"labels": ["A"], "targets": {"recipient": "/to"}},
    "inside": {"labels": ["C"], "communicates": False, "reversible": True},
    "invite": {
        "labels": ["C"],
        "targets": {"guest": {"kind": "recipient", "at": "/guests/*", "optional": True}},
        "rules": [{"when": {"guest": {"absent": True}}, "labels": ["C"], "communicates": False, "reversible": True}],
    },
}
DOCUMENT = ManifestDocument.model_validate(
    {
        "version": 1,
        "server": "web",
        "tools": TOOLS,
        "prompts": {"advise": {"labels": ["A"]}},
        "resources": [{"uri": "note://**", "labels": ["B"]}],
    }
)


def relabelled(name: str, labels: str = "", *, partly: bool = False, **more: Any) -> Relabelled:
    tape = Tape()
    tape.add(f"web__{name}", labels, **more)
    if partly:
        tape.entries[0].body["targets"] *= 101
    past = past_of(tape.entries[0], frozenset())
    assert past is not None
    return OtherManifests({"web": Mounted("web", DOCUMENT)}, {})(past)


@pytest.mark.parametrize(
    ("name", "more", "labels", "certain"),
    [
        ("plain", {"labels": "AC"}, "[B]", True),
        ("unheard_of", {}, "[A][B][C]", True),
        ("reach", {"targets": {"url": "good.example"}}, "[C]", True),
        ("reach", {"targets": {"url": "other.example"}}, "[A][C]", True),
        ("reach", {}, "[A][C]", False),
        ("reach", {"targets": {"path": "/x"}}, "[A][C]", False),
        ("reach", {"targets": {"url": "good.example"}, "partly": True}, "[A][C]", False),
        ("mode", {}, "[A][B][C]", False),
        ("whole", {}, "[A][B]", False),
        ("kind", {"targets": {"recipient": "a@b.example"}}, "[A]", True),
        ("kind", {}, "[A]", False),
        ("advise", {"action": "get_prompt"}, "[A]", True),
        ("note://x", {"action": "read_resource"}, "[B]", True),
        ("note://x", {"action": "subscribe"}, "[B]", True),
        ("log", {"action": "receive", "labels": "A"}, "[A]", False),
    ],
)
def test_what_a_manifest_makes_of_a_call(name: str, more: dict[str, Any], labels: str, certain: bool) -> None:
    found = relabelled(name, **more)
    assert (label_text(found.facts.labels), found.certain) == (labels, certain)


@pytest.mark.parametrize(
    ("stored", "labels"),
    [
        ([{"label": "A", "resource": "web:note:x"}], "[A][B]"),
        ([{"label": "C"}, {"label": 7}, "A", None], "[B]"),
        ("A", "[B]"),
        ({"label": "A"}, "[B]"),
    ],
)
def test_what_stored_things_brought_stays_under_other_manifests(stored: object, labels: str) -> None:
    tape = Tape()
    tape.add("web__plain", "B")
    tape.entries[0].body["stored"] = stored
    past = past_of(tape.entries[0], frozenset())
    assert past is not None
    assert label_text(OtherManifests({"web": Mounted("web", DOCUMENT)}, {})(past).facts.labels) == labels


def test_a_value_that_was_written_in_another_way_matches_no_rule() -> None:
    found = relabelled("reach", targets={}, partly=False)
    assert not found.certain
    tape = Tape()
    tape.add("web__reach", "C")
    tape.entries[0].body["targets"] = [{"kind": "url", "value": "good.example", "exact": False}]
    past = past_of(tape.entries[0], frozenset())
    assert past is not None
    one = OtherManifests({"web": Mounted("web", DOCUMENT)}, {})(past)
    assert (label_text(one.facts.labels), one.certain) == ("[A][C]", False)


def test_what_is_uncertain_is_not_taken_for_wholly_known() -> None:
    found = relabelled("mode", targets={"host": "good.example"})
    assert [target.value for target in found.facts.targets] == ["good.example", None]


def test_effects_are_those_of_the_manifest() -> None:
    facts = relabelled("inside").facts
    assert (facts.communicates, facts.irreversible) == (False, False)


def test_a_server_that_no_manifest_is_known_for_keeps_its_labels() -> None:
    tape = Tape()
    tape.add("other__x", "B", manifest=None)
    past = past_of(tape.entries[0], frozenset())
    assert past is not None
    found = OtherManifests({}, {"web": DOCUMENT})(past)
    assert (label_text(found.facts.labels), found.certain) == ("[B]", True)


def test_a_manifest_is_found_by_the_name_that_the_journal_has() -> None:
    tape = Tape()
    tape.add("mine__plain", "AC", manifest="web")
    past = past_of(tape.entries[0], frozenset())
    assert past is not None
    assert label_text(OtherManifests({}, {"web": DOCUMENT})(past).facts.labels) == "[B]"


def test_labels_that_a_manifest_adds_stay_in_the_session(tmp_path: Path) -> None:
    tape = Tape()
    tape.add("web__plain", "")
    tape.add("x__read", "A", manifest=None)
    tape.add("x__send", "C", manifest=None)
    relabel = OtherManifests({"web": Mounted("web", DOCUMENT)}, {})
    found = rehearse(tmp_path, tape.entries, relabel=relabel)
    assert changes(found) == ["send: allow -> ask"]
    assert found.uncertain == 0


@pytest.mark.parametrize(
    ("said", "given"),
    [([True], True), ([False], False), ([None], None), ([True, False], False), ([False, True], False)],
)
def test_whether_an_address_was_given_stays_the_recordings_word(said: list[bool | None], given: bool | None) -> None:
    tools = {"several": {"labels": ["C"], "targets": {"url": "/urls/*"}}}
    document = ManifestDocument.model_validate({"version": 1, "server": "web", "tools": tools})
    tape = Tape()
    tape.add("web__several", "C")
    tape.entries[0].body["targets"] = [{"kind": "url", "value": "a.example", "given": one} for one in said]
    past = past_of(tape.entries[0], frozenset())
    assert past is not None
    found = OtherManifests({"web": Mounted("web", document)}, {})(past)
    assert [target.given for target in found.facts.targets] == [given] * len(said)


def test_what_a_rule_says_of_acts_is_not_believed_of_a_call_whose_arguments_nobody_kept() -> None:
    for found in (relabelled("invite"), relabelled("invite", targets={"recipient": "ann@acme.example"}, partly=True)):
        assert (found.facts.communicates, found.facts.irreversible, found.facts.lowered_by) == (True, True, ())
        assert not found.certain
    known = relabelled("invite", targets={"recipient": "ann@acme.example"})
    assert (known.facts.communicates, known.facts.irreversible, known.certain) == (True, True, True)
