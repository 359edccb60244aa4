"""Counting and grouping: what was asked, by which call, with what others brought."""

from __future__ import annotations

from rule_of_two.audit.report import MOST_CALLS, MOST_GROUPS, MOST_NAMES, MOST_TARGETS, Survey, Tally, survey
from rule_of_two.records import replace
from tests.audit.recordings import Tape


def _survey(tape: Tape) -> Survey:
    return survey(tape.entries, tape.find)


def test_causes_are_ordered_by_their_questions() -> None:
    tape = Tape()
    tape.add("files__read", "A", targets={"path": "/srv/a"})
    tape.add("files__private", "B", targets={"path": "/srv/b"})
    once = tape.add("web__post", "C", targets={"host": "a.example"})
    often = [tape.add("mail__send", "C", targets={"recipient": f"{one}@b.example"}) for one in "xyyz"]
    found = _survey(tape)
    first, second = (group for _, group in found.ordered())
    assert (first.call, first.questions, first.decisions) == ("mail__send", 4, often[:3])
    assert (second.call, second.questions, second.decisions) == ("web__post", 1, [once])
    assert first.targets.most(2) == [("y@b.example", 2), ("x@b.example", 1)]
    assert [(one.label, one.call, one.targets.most(1)) for one in first.brought] == [
        ("A", "files__read", [("/srv/a", 4)]),
        ("B", "files__private", [("/srv/b", 4)]),
    ]
    assert (found.calls, found.asked, found.denied, found.let_pass, len(found.sessions)) == (7, 5, 0, 5, 1)


def test_the_same_call_after_others_is_another_cause() -> None:
    tape = Tape()
    for session, reads in (("s", "files__read"), ("t", "web__get")):
        tape.add(reads, "AB", session=session)
        tape.add("mail__send", "C", session=session)
    assert [[one.call for one in group.brought] for _, group in _survey(tape).ordered()] == [
        ["files__read", "files__read"],
        ["web__get", "web__get"],
    ]


def test_what_the_call_carries_itself_came_from_nobody_else() -> None:
    tape = Tape()
    tape.add("files__read", "AB")
    tape.add("web__get", "AC")
    ((_, group),) = _survey(tape).ordered()
    assert [one.label for one in group.brought] == ["B"]


def test_labels_that_no_call_brought_and_calls_that_are_gone_are_named_so() -> None:
    tape = Tape()
    tape.held["s"] = {"A": 0, "B": 99}
    tape.add("mail__send", "C")
    ((_, group),) = _survey(tape).ordered()
    assert [(one.label, one.call) for one in group.brought] == [
        ("A", "before the first call"),
        ("B", "a call that the journal does not have"),
    ]


def test_what_an_own_policy_denies_is_a_cause_of_its_own() -> None:
    tape = Tape()
    tape.add("mail__send", "C", outcome="deny", policies=["own.no-mail"], code="denied_by_policy", passes=False)
    ((_, group),) = _survey(tape).ordered()
    assert (group.cause, group.policies, group.denied, group.asked) == ("policy", ("own.no-mail",), 1, 0)
    assert group.brought == ()


def test_a_yes_a_text_nobody_asked_for_and_a_refusal_are_counted_apart() -> None:
    tape = Tape()
    tape.add("files__read", "AB")
    asked = tape.add("mail__send", "C", observed=False, passes=False)
    tape.add("mail__send", "C", outcome="allow", approves=asked)
    tape.add("files__log", "A", action="receive", outcome="deny", policies=["own.no-logs"], passes=False)
    tape.add("files__none", "", outcome="deny", policies=[], code="unknown_tool", passes=False)
    found = _survey(tape)
    assert (found.calls, found.asked, found.confirmed, found.left_out, found.refused) == (3, 1, 1, 1, 1)


def test_the_time_is_that_of_the_first_and_the_last_decision() -> None:
    tape = Tape()
    tape.add("files__read", "A")
    tape.minutes = 90
    tape.add("files__read", "A")
    found = _survey(tape)
    assert found.since is not None
    assert found.until is not None
    assert (found.until - found.since).total_seconds() == 5400


def test_entries_that_cannot_be_read_are_counted() -> None:
    tape = Tape()
    tape.add("files__read", "A")
    (entry,) = tape.entries
    entries = [entry, replace(entry, body={}), replace(entry, kind="outcome", body={})]
    found = survey(entries, tape.find)
    assert (found.calls, found.unreadable) == (1, 1)


def test_servers_tell_which_tools_no_manifest_names() -> None:
    tape = Tape()
    tape.add("files__read", "A", manifest="filesystem")
    tape.add("files__odd", "ABC", manifest=None)
    tape.add("crm__list", "ABC", manifest=None)
    tape.add("crm__note", "ABC", manifest=None, action="read_resource")
    servers = _survey(tape).servers
    assert (servers["files"].tools, servers["files"].manifest) == ({"read": True, "odd": False}, "filesystem")
    assert (servers["crm"].tools, servers["crm"].manifest, servers["crm"].only_tools) == ({"list": False}, None, False)


def test_the_last_act_of_a_session_is_known_with_the_questions_after_it() -> None:
    tape = Tape()
    first = tape.add("mail__send", "C")
    tape.add("files__read", "A")
    tape.add("files__private", "B")
    assert _survey(tape).quiet_ends == {"s": (first, 1)}
    last = tape.add("mail__send", "C")
    assert _survey(tape).quiet_ends == {"s": (last, 0)}


def test_what_is_kept_does_not_grow_with_what_a_client_makes_up() -> None:
    tape = Tape()
    tape.held["s"] = {"A": 0, "B": 0, "C": 0}
    for number in range(MOST_CALLS + 100):
        tape.add(f"up{number}__tool{number}", "C", targets={"path": f"/{number}"}, manifest=None)
        tape.add("files__one", "C", targets={"path": f"/{number}"}, manifest=None)
    found = _survey(tape)
    assert len(found.groups) == MOST_GROUPS
    assert len(found.seen) == MOST_CALLS
    assert len(found.servers) == MOST_NAMES
    assert found.ungrouped + sum(group.questions for group in found.groups.values()) == found.questions
    one = next(group for _, group in found.ordered() if group.call == "files__one")
    assert len(one.targets.times) == MOST_TARGETS
    assert one.targets.others == MOST_CALLS + 100 - MOST_TARGETS


def test_a_tally_keeps_the_order_among_equals() -> None:
    tally = Tally()
    tally.add(["b", "a"])
    tally.add(["c", "c"])
    assert tally.most(2) == [("c", 2), ("b", 1)]


def test_a_call_whose_result_is_decided_by_itself_is_one_call_with_one_question() -> None:
    tape = Tape()
    tape.add("mail__send", "C")
    tape.add("crm__get", "B")
    sent = tape.add("web__read", "", defers=["A"], targets={"host": "a.example"})
    asked = tape.add("web__read", "A", outcome="ask", observed=False, releases=sent, targets={"host": "a.example"})
    tape.add("web__read", "A", outcome="ask", observed=False, releases=sent, after=asked)
    tape.add("web__read", "A", outcome="allow", releases=sent, approves=asked, after=asked)
    found = _survey(tape)
    assert (found.calls, found.asked, found.denied, found.confirmed) == (3, 1, 0, 1)
    ((_, group),) = found.ordered()
    assert (group.cause, group.call, group.decisions) == ("third_label", "web__read", [asked])
    assert sorted((call.name, call.labels, times) for call, times in found.seen.values()) == [
        ("get", frozenset("B"), 1),
        ("read", frozenset("A"), 1),
        ("send", frozenset("C"), 1),
    ]


def test_what_nobody_could_be_asked_about_is_confirmed_by_nobody() -> None:
    tape = Tape()
    sent = tape.add("web__read", "", defers=["A"])
    first = tape.add(
        "web__read", "A", outcome="ask", observed=False, releases=sent, policies=["default.permit-document"]
    )
    tape.add("web__read", "", outcome="allow", releases=sent, after=first)
    assert (_survey(tape).asked, _survey(tape).confirmed) == (1, 0)
