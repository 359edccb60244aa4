"""Sessions are carried forward as the other policies would have had them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rule_of_two.records import replace
from rule_of_two.simulation.recording import Past
from rule_of_two.simulation.replay import Relabelled, as_recorded
from rule_of_two.simulation.report import fails
from rule_of_two.simulation.simulate import Simulation
from tests.audit.recordings import Tape
from tests.simulation.rehearsal import changes, forbid, rehearse

NO_READING = forbid("read", 'resource == Gateway::Tool::"web__read"')
NO_PRIVATE = forbid("private", 'resource == Gateway::Tool::"crm__get"')


def stopped(tape: Tape, call: str, labels: str, **more: Any) -> int:
    """A call that the policies of then denied."""
    return tape.add(call, labels, outcome="deny", policies=["own.then"], code="denied_by_policy", **more)


def asked(tape: Tape, call: str, labels: str, **more: Any) -> int:
    """A call that was asked about in enforce mode, and that nobody answered."""
    return tape.add(call, labels, outcome="ask", policies=["r2.ask-third-label"], observed=False, **more)


def confirmed(tape: Tape, call: str, labels: str) -> int:
    """A call that was asked about and ran after a person's yes."""
    number = asked(tape, call, labels)
    tape.add(call, labels, outcome="allow", approves=number)
    return number


def test_what_was_recorded_under_the_same_policies_does_not_change(tmp_path: Path) -> None:
    tape = Tape()
    tape.add("web__read", "A")
    tape.add("crm__get", "B")
    asked(tape, "mail__send", "C")
    confirmed(tape, "mail__send", "C")
    confirmed(tape, "mail__send", "C")
    found = rehearse(tmp_path, tape.entries)
    assert changes(found) == []
    assert (found.calls, found.asked, found.would_ask) == (5, 3, 3)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "A", "B", "C", "AB", "AC", "BC", "ABC"]),
            st.sampled_from(["s", "t"]),
            st.sampled_from(["observed", "no", "yes"]),
        ),
        max_size=14,
    )
)
def test_no_recording_of_the_same_policies_changes(tmp_path: Path, calls: list[tuple[str, str, str]]) -> None:
    tape = Tape()
    for labels, session, answer in calls:
        held = set(tape.held.get(session, {}))
        asks = held | set(labels) == set("ABC") and (held != set("ABC") or "C" in labels)
        if not asks or answer == "observed":
            tape.add("x__y", labels, session=session)
        else:
            number = asked(tape, "x__y", labels, session=session)
            if answer == "yes":
                tape.add("x__y", labels, session=session, outcome="allow", approves=number)
    assert changes(rehearse(tmp_path, tape.entries)) == []


def test_a_call_that_is_denied_now_brings_no_label(tmp_path: Path) -> None:
    tape = Tape()
    tape.add("web__read", "A")
    tape.add("crm__get", "B")
    asked(tape, "mail__send", "C")
    found = rehearse(tmp_path, tape.entries, NO_READING)
    assert changes(found) == ["read: allow -> deny", "send: ask -> allow"]
    assert (found.looser, found.stricter, found.asked, found.would_ask) == (1, 1, 1, 0)


def test_a_label_stays_that_another_call_brings_too(tmp_path: Path) -> None:
    tape = Tape()
    tape.add("web__read", "A")
    tape.add("web__other", "A")
    tape.add("crm__get", "B")
    asked(tape, "mail__send", "C")
    assert changes(rehearse(tmp_path, tape.entries, NO_READING)) == ["read: allow -> deny"]


def test_a_call_that_is_allowed_now_brings_its_labels(tmp_path: Path) -> None:
    tape = Tape()
    tape.add("web__read", "A")
    stopped(tape, "crm__get", "B")
    tape.add("mail__send", "C")
    found = rehearse(tmp_path, tape.entries)
    assert changes(found) == ["get: deny -> allow", "send: allow -> ask"]
    assert found.questions_a_day == 1


def test_a_call_that_is_asked_about_now_runs_only_if_a_person_said_yes(tmp_path: Path) -> None:
    ask = forbid("ask", 'resource == Gateway::Tool::"crm__get"')[:-1] + " unless { context.approved };"
    tape = Tape()
    tape.add("web__read", "A")
    tape.add("crm__get", "B")
    asked(tape, "mail__send", "C")
    assert changes(rehearse(tmp_path, tape.entries, ask)) == ["get: allow -> ask", "send: ask -> allow"]
    assert changes(rehearse(tmp_path, tape.entries, ask, all_yes=True)) == ["get: allow -> ask"]


def test_a_yes_is_found_at_the_end_of_a_chain_of_questions(tmp_path: Path) -> None:
    tape = Tape()
    tape.add("web__read", "A")
    first = asked(tape, "crm__send", "BC")
    second = asked(tape, "crm__send", "BC", approves=first)
    tape.add("crm__send", "BC", outcome="allow", approves=second)
    asked(tape, "mail__send", "C")
    found = rehearse(tmp_path, tape.entries)
    assert (changes(found), found.asked, found.calls) == ([], 2, 3)


def test_a_no_is_no_yes(tmp_path: Path) -> None:
    tape = Tape()
    tape.add("web__read", "A")
    number = asked(tape, "crm__send", "BC")
    tape.add("crm__send", "BC", outcome="deny", policies=[], code="approval_denied", approves=number)
    tape.add("mail__send", "C")
    assert changes(rehearse(tmp_path, tape.entries)) == []


def test_what_a_standing_yes_covered_is_no_question_on_either_side(tmp_path: Path) -> None:
    tape = Tape()
    tape.add("web__read", "A")
    tape.add("crm__get", "B")
    tape.add("mail__send", "C", outcome="allow", grant="q-1", passes=True)
    found = rehearse(tmp_path, tape.entries)
    assert (changes(found), found.asked, found.would_ask) == ([], 0, 0)
    assert changes(rehearse(tmp_path, tape.entries, forbid("c", "context.labels.C"))) == ["send: ask -> deny"]


def test_labels_from_before_the_recording_stay(tmp_path: Path) -> None:
    tape = Tape()
    asked(tape, "mail__send", "C", held={"A": 0, "B": 7000})
    assert changes(rehearse(tmp_path, tape.entries, NO_READING)) == []


@pytest.mark.parametrize(("dropped", "expected"), [(True, []), (False, ["send: deny -> allow"])])
def test_what_a_person_did_to_a_session_stays_done(tmp_path: Path, dropped: bool, expected: list[str]) -> None:
    tape = Tape()
    tape.add("mail__send", "C", outcome="deny", policies=["r2.deny-c-when-dropped"], dropped=dropped)
    assert changes(rehearse(tmp_path, tape.entries)) == expected


def test_a_frozen_session_stays_frozen(tmp_path: Path) -> None:
    tape = Tape()
    tape.add("mail__send", "C", outcome="deny", policies=["r2.deny-all-when-frozen"], code="session_frozen")
    assert changes(rehearse(tmp_path, tape.entries)) == []


def test_what_no_policy_decided_stays_as_it_was(tmp_path: Path) -> None:
    tape = Tape()
    tape.add("mail__nope", "C", outcome="deny", policies=[], code="unknown_tool")
    tape.add("files__read", "B", outcome="deny", policies=["gateway.protected-path"])
    found = rehearse(tmp_path, tape.entries)
    assert (found.calls, found.fixed, changes(found)) == (0, 2, [])


def test_several_sessions_that_a_call_was_judged_by_are_each_asked(tmp_path: Path) -> None:
    """What names no conversation is fine only if it is fine in each of them."""
    tape = Tape()
    tape.add("web__read", "A")
    tape.add("crm__get", "B")
    body: dict[str, Any] = {"held": {}, "reserved": {"A": 1, "B": 2}}
    tape.add("mail__send", "C", **body, outcome="allow", beside=[["A", False], ["B", False]])
    tape.add("mail__send", "C", **body, outcome="ask", observed=False, beside=[["AB", False], ["B", False]])
    assert changes(rehearse(tmp_path, tape.entries)) == []
    assert changes(rehearse(tmp_path, tape.entries, NO_PRIVATE)) == ["get: allow -> deny", "send: ask -> allow"]


def test_text_that_is_left_out_is_no_question_and_brings_nothing(tmp_path: Path) -> None:
    ask = forbid("receive", 'action == Gateway::Action::"receive"')[:-1] + " unless { context.approved };"
    tape = Tape()
    tape.add("web__receive", "A", action="receive")
    tape.add("crm__get", "B")
    asked(tape, "mail__send", "C")
    found = rehearse(tmp_path, tape.entries, ask)
    assert changes(found) == ["receive: allow -> ask", "send: ask -> allow"]
    assert found.would_ask == 0


def test_a_set_by_which_c_counts_only_where_it_communicates(tmp_path: Path) -> None:
    folder = tmp_path / "only"
    folder.mkdir()
    (folder / "set.yaml").write_text("version: 1\nc: communication\n")
    (folder / "x.cedar").write_text(forbid("never", "false"))
    tape = Tape()
    tape.add("web__read", "AB")
    asked(tape, "files__write", "C", communicates=False)
    asked(tape, "mail__send", "C", communicates=True)
    assert changes(rehearse(tmp_path, tape.entries, "", "./only")) == ["write: ask -> allow"]


def test_c_that_such_a_set_took_off_is_put_back_without_it(tmp_path: Path) -> None:
    tape = Tape()
    tape.add("web__read", "AB")
    tape.add("files__write", "", lowered_by=["policy set ./only: C counts only where it communicates"])
    assert changes(rehearse(tmp_path, tape.entries)) == ["write: allow -> ask"]


LOWER = (
    '@id("own.lower") permit (principal, action == Gateway::Action::"lower_c", resource) '
    'when { ["ann@a.example"].containsAll(context.target.recipients) && context.target.known };'
)


def reached(tape: Tape, address: str = "ann@a.example", **more: Any) -> None:
    """The last call went there."""
    last = tape.entries[-1]
    targets = [{"kind": "recipient", "value": address, **more}]
    tape.entries[-1] = replace(last, body={**last.body, "targets": targets})


def test_c_that_policies_would_leave_out_of_account_asks_nobody(tmp_path: Path) -> None:
    tape = Tape()
    tape.add("web__read", "AB")
    calls: dict[str, dict[str, Any]] = {"send": {}, "reply": {"indirect": True}, "copy": {"exact": False}}
    for name, more in calls.items():
        asked(tape, f"mail__{name}", "C")
        reached(tape, **more)
    asked(tape, "mail__tell", "C")
    reached(tape, "eve@a.example")
    assert changes(rehearse(tmp_path, tape.entries, LOWER)) == ["send: ask -> allow"]


def test_c_that_policies_left_out_of_account_is_put_back_without_them(tmp_path: Path) -> None:
    tape = Tape()
    tape.add("web__read", "AB")
    line = "policy own.lower: [C] is left out of account"
    tape.add("mail__send", "", lowered_by=[line], communicates=True, irreversible=True)
    reached(tape)
    assert changes(rehearse(tmp_path, tape.entries)) == ["send: allow -> ask"]
    assert changes(rehearse(tmp_path, tape.entries, LOWER)) == []


def test_policies_see_whose_session_it_was(tmp_path: Path) -> None:
    tape = Tape()
    tape.add("web__read", "A", principal={"user": "ann", "purpose": "travel", "configuration": ["A", "B"]})
    tape.add("web__read", "A", principal={"user": ["x"], "purpose": 3, "configuration": "x"}, client=7)
    found = rehearse(tmp_path, tape.entries, forbid("p", 'principal.purpose == Gateway::Purpose::"travel"'))
    assert changes(found) == ["read: allow -> deny"]


@pytest.mark.parametrize(
    ("reached", "condition", "now", "uncertain"),
    [
        ({"given": True}, "!context.target.given", "allow", 0),
        ({"given": False}, "!context.target.given", "deny", 0),
        ({}, "!context.target.given", "deny", 1),
        ({"given": "x"}, "!context.target.given", "deny", 1),
        ({}, "!context.target.complete || !context.target.known", "allow", 0),
        ({"value": None}, "!context.target.complete", "deny", 0),
        ({"given": True}, 'context.target.urls.contains("https://a.example/x")', "allow", 1),
    ],
)
def test_of_addresses_only_what_the_journal_keeps_is_known(
    tmp_path: Path, reached: dict[str, Any], condition: str, now: str, uncertain: int
) -> None:
    tape = Tape()
    tape.add("web__fetch", "AC")
    (entry,) = tape.entries
    targets = [{"kind": "url", "value": "a.example", **reached}]
    found = rehearse(tmp_path, [replace(entry, body={**entry.body, "targets": targets})], forbid("x", condition))
    assert changes(found) == ([] if now == "allow" else [f"fetch: allow -> {now}"])
    assert found.uncertain == uncertain


def test_a_policy_that_fails_is_a_denial_and_told(tmp_path: Path) -> None:
    tape = Tape()
    tape.add("web__read", "A")
    found = rehearse(tmp_path, tape.entries, forbid("e", "9223372036854775807 + context.approvals + 1 > 0"))
    assert (changes(found), found.undecided) == (["read: allow -> deny"], 1)


def following(found: Simulation) -> list[tuple[str, bool]]:
    return [(one.replayed.past.call.name, one.replayed.follows) for one in found.changes]


def test_what_only_follows_from_an_earlier_change_makes_nothing_looser(tmp_path: Path) -> None:
    """Where reading is denied no question comes later; no policy is looser for it."""
    tape = Tape()
    tape.add("web__read", "A")
    tape.add("crm__get", "B")
    asked(tape, "mail__send", "C")
    found = rehearse(tmp_path, tape.entries, NO_READING)
    assert following(found) == [("read", False), ("send", True)]
    assert not fails("looser", found, [])
    assert fails("stricter", found, [])


def test_what_is_looser_by_itself_counts_beside_what_follows(tmp_path: Path) -> None:
    tape = Tape()
    tape.add("web__read", "A")
    stopped(tape, "crm__get", "B")
    stopped(tape, "mail__send", "C")
    found = rehearse(tmp_path, tape.entries, NO_READING)
    assert following(found) == [("read", False), ("get", False), ("send", False)]
    assert fails("looser", found, [])


def test_a_question_that_follows_from_a_newly_allowed_call_is_nothing_stricter(tmp_path: Path) -> None:
    tape = Tape()
    tape.add("web__read", "A")
    stopped(tape, "crm__get", "B")
    tape.add("mail__send", "C")
    found = rehearse(tmp_path, tape.entries)
    assert following(found) == [("get", False), ("send", True)]
    assert fails("looser", found, [])
    assert not fails("stricter", found, [])


def test_labels_that_a_manifest_takes_off_do_make_it_looser(tmp_path: Path) -> None:
    """No outcome of the reading call changes, so what comes of it later is no mere consequence."""
    tape = Tape()
    tape.add("web__read", "A")
    tape.add("crm__get", "B")
    asked(tape, "mail__send", "C")

    def relabel(past: Past) -> Relabelled:
        found = as_recorded(past)
        return Relabelled(replace(found.facts, labels=found.facts.labels - {"A"}))

    found = rehearse(tmp_path, tape.entries, relabel=relabel)
    assert following(found) == [("send", False)]
    assert fails("looser", found, [])
