"""What calls brought back is replayed as it was decided: by itself, after the call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rule_of_two.simulation.replay import Doubt
from rule_of_two.simulation.report import simulation_lines
from tests.audit.recordings import Tape
from tests.simulation.rehearsal import changes, forbid, rehearse

NO_READING = forbid("read", 'resource == Gateway::Tool::"web__read"')
NO_EVE = (
    '@id("own.eve") @message("No.") forbid (principal, action == Gateway::Action::"return_document", resource) '
    'when { resource has authors && resource.authors.contains(Gateway::User::"eve") };'
)
LEVEL = (
    '@id("own.level") @message("No.") forbid (principal, action == Gateway::Action::"return_document", resource) '
    "when { resource has confidentiality && resource.confidentiality > 1 };"
)
EVE: dict[str, Any] = {"id": "m2", "sha256": "2" * 64, "labels": ["A"], "authors": ["eve"]}
ANN: dict[str, Any] = {"id": "m1", "sha256": "1" * 64, "labels": [], "authors": ["ann"]}


def story(*, answer: str | None = None, outcome: str = "ask", labels: str = "A", **more: Any) -> Tape:
    """A session that acted and read something private; then a page that is looked at when it is there."""
    tape = Tape()
    tape.add("mail__send", "C")
    tape.add("crm__get", "B")
    sent = tape.add("web__read", "", defers=["A"])
    release = tape.add("web__read", labels, outcome=outcome, observed=False, releases=sent, **more)
    if answer == "yes":
        tape.add("web__read", "A", outcome="allow", releases=sent, approves=release, after=release)
    elif answer == "nobody":
        tape.add("web__read", "A", outcome="ask", observed=False, releases=sent, after=release)
    return tape


@pytest.mark.parametrize("answer", [None, "yes", "nobody"])
def test_a_call_of_two_decisions_is_one_call_and_its_question_one_question(tmp_path: Path, answer: str | None) -> None:
    found = rehearse(tmp_path, story(answer=answer).entries)
    assert (found.calls, found.asked, found.would_ask, found.looser, found.stricter) == (3, 1, 1, 0, 0)


def test_where_the_call_is_not_sent_nothing_comes_back(tmp_path: Path) -> None:
    tape = story(answer="yes")
    tape.add("mail__send", "C", outcome="ask", observed=False)
    found = rehearse(tmp_path, tape.entries, NO_READING)
    assert changes(found) == ["read: allow -> deny", "send: ask -> allow"]
    assert (found.asked, found.would_ask, found.would_deny) == (2, 0, 1)


def test_what_came_back_of_a_call_before_the_recording_begins_is_replayed(tmp_path: Path) -> None:
    assert changes(rehearse(tmp_path, story().entries[3:], NO_READING)) == ["read: ask -> deny"]


def test_policies_of_handing_over_are_asked_too(tmp_path: Path) -> None:
    own = (
        forbid("release", 'action == Gateway::Action::"release"')
        .replace(
            "(principal is Gateway::Session, action, resource)",
            '(principal is Gateway::Session, action == Gateway::Action::"release", resource)',
        )
        .replace('when {action == Gateway::Action::"release"}', "when { context.labels.A }")
    )
    found = rehearse(tmp_path, story().entries, own)
    assert changes(found) == ["read: ask -> deny"]
    assert "what came back of web__read" in "\n".join(simulation_lines(found))


def test_what_would_not_have_been_dropped_comes_too_and_what_would_be_is_uncertain(tmp_path: Path) -> None:
    dropped = story(outcome="allow", labels="", items=[ANN], dropped_items=[{**EVE, "policies": ["own.eve"]}])
    found = rehearse(tmp_path, dropped.entries)
    assert changes(found) == ["read: allow -> ask"]
    assert found.doubts[Doubt.DOCUMENTS] == 1
    same = rehearse(tmp_path, dropped.entries, NO_EVE)
    assert (changes(same), same.uncertain) == ([], 0)
    let_in = story(items=[ANN, EVE])
    assert rehearse(tmp_path, let_in.entries).uncertain == 0
    assert rehearse(tmp_path, let_in.entries, NO_EVE).as_facts()["items_not_kept"] == 1


def test_what_policies_read_of_items_beyond_what_is_kept_is_uncertain(tmp_path: Path) -> None:
    found = rehearse(tmp_path, story(items=[ANN]).entries, LEVEL)
    assert (changes(found), found.doubts[Doubt.DOCUMENTS]) == ([], 1)
    assert "labels, authors and ids" in "\n".join(simulation_lines(found))


def test_labels_of_a_call_that_ran_on_a_yes_go_with_it(tmp_path: Path) -> None:
    """They are held since the decision that the yes led to, which repeats the one that is replayed."""
    tape = Tape()
    asked = tape.add("web__read", "A", outcome="ask", observed=False)
    tape.add("web__read", "A", outcome="allow", approves=asked)
    tape.add("crm__get", "B")
    tape.add("mail__send", "C", outcome="ask", observed=False)
    found = rehearse(tmp_path, tape.entries, NO_READING)
    assert changes(found) == ["read: ask -> deny", "send: ask -> allow"]


def test_a_yes_that_came_while_the_client_was_away_is_one_to_the_first_question(tmp_path: Path) -> None:
    tape = story()
    again = tape.add("web__read", "A", outcome="ask", observed=False, releases=3, after=4)
    tape.add("web__read", "A", outcome="allow", releases=3, approves=again, after=again)
    tape.add("mail__send", "C", outcome="ask", observed=False)
    found = rehearse(tmp_path, tape.entries)
    assert (changes(found), found.asked, found.would_ask) == ([], 2, 2)


@pytest.mark.parametrize("releases", [99, 0, -1, True, "3", [3]])
def test_what_came_back_of_no_call_that_is_known_is_no_reason_to_fail(tmp_path: Path, releases: object) -> None:
    tape = Tape()
    tape.add("web__read", "A", releases=releases, items=[7, {"id": 7}], dropped_items="x", counts=[])
    rehearse(tmp_path, tape.entries, NO_EVE).as_facts()


def test_what_a_person_left_out_comes_where_nothing_asks(tmp_path: Path) -> None:
    tape = Tape()
    tape.add("crm__get", "B")
    sent = tape.add("web__read", "", defers=["A"])
    asked = tape.add("web__read", "A", outcome="ask", observed=False, policies=["own.then"], releases=sent)
    tape.add("web__read", "", outcome="allow", releases=sent, approves=asked, after=asked)
    tape.add("mail__send", "C")
    assert changes(rehearse(tmp_path, tape.entries)) == ["read: ask -> allow", "send: allow -> ask"]
