"""Suggestions: sound ones, with their reasons; and what is never suggested."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from rule_of_two.audit.report import Survey, survey
from rule_of_two.gateway.config import Config
from rule_of_two.gateway.narrowing import Mounted
from rule_of_two.gateway.quieter import Suggestion, suggestions
from rule_of_two.gateway.review import Review, Tip, review
from tests.audit.recordings import Tape
from tests.gateway.test_narrowing import MOUNTED
from tests.manifests.bound import shipped_document, shipped_documents

SHIPPED = shipped_documents()


def _review(tape: Tape, **config: Any) -> Review:
    made = Config.model_validate({"version": 1, "mcpServers": {}, **config})
    return review(lambda: tape.entries, tape.find, config=made, file=Path("/nowhere/rule-of-two.yaml"))


def _tips(found: Review) -> list[Tip]:
    return [tip for _, tips in found.causes for tip in tips]


def _kinds(tips: Iterable[Tip]) -> list[tuple[str, int]]:
    return [(tip.suggestion.kind, tip.saved) for tip in tips]


def test_nothing_is_suggested_when_nothing_was_asked() -> None:
    tape = Tape()
    tape.add("files__read", "AB")
    assert suggestions(survey(tape.entries, tape.find), {}, SHIPPED, ["default"]) == []
    assert _review(tape).causes == ()


def test_a_shipped_manifest_that_knows_every_tool_is_named_with_its_reason() -> None:
    tape = Tape()
    tape.add("clock__get_current_time", "ABC", manifest=None)
    tape.add("clock__convert_time", "ABC", manifest=None)
    (tip, *_) = _tips(_review(tape, mcpServers={"clock": {"command": "./start.sh"}}))
    assert tip.suggestion.line == 'mcpServers: {"clock": {manifest: time}}'
    assert "it really is that server (PyPI mcp-server-time" in tip.suggestion.only_if
    assert (tip.saved, tip.saved_in_all, tip.suggestion.at_most) == (1, 2, False)


@pytest.mark.parametrize("more", [{"name": "set_alarm"}, {"action": "read_resource"}])
def test_a_shipped_manifest_that_does_not_know_all_of_it_is_not(more: dict[str, Any]) -> None:
    tape = Tape()
    tape.add("clock__get_current_time", "ABC", manifest=None)
    tape.add("clock__other", "ABC", manifest=None, **more)
    tips = [tip for tip in _tips(_review(tape)) if tip.suggestion.kind == "manifest"]
    assert {tip.suggestion.line.partition(",")[0] for tip in tips} == {'mcpServers: {"clock": {manifest: ./…yaml}}'}
    assert all(tip.suggestion.at_most for tip in tips)


def test_the_worst_that_a_manifest_allows_is_what_it_is_credited_with() -> None:
    """read_file may be [] for trusted folders; who names the manifest has named none, and its rules are not counted."""
    tape = Tape()
    tape.add("docs__read_file", "ABC", manifest=None)
    tape.add("mail__send", "C")
    tips = _tips(_review(tape))
    assert [tip.saved for tip in tips if tip.suggestion.line == 'mcpServers: {"docs": {manifest: filesystem}}'] == [1]
    assert sum(tip.saved_in_all for tip in tips if "filesystem" in tip.suggestion.line) == 1  # not the message's


def test_a_tool_that_its_manifest_does_not_name() -> None:
    tape = Tape()
    tape.add("files__read_file", "AB", manifest="filesystem")
    tape.add("files__new_tool", "ABC", manifest=None)
    ((_, tips),) = _review(tape).causes
    assert ("tool", 1) in _kinds(tips)
    (tip,) = [tip for tip in tips if tip.suggestion.kind == "tool"]
    assert tip.suggestion.line == "name the tool new_tool in the manifest of files, with the labels that it has"
    assert tip.suggestion.at_most


def test_what_the_configuration_has_by_now_is_not_suggested_again() -> None:
    tape = Tape()
    tape.add("clock__get_current_time", "ABC", manifest=None)
    found = survey(tape.entries, tape.find)
    mounted = {"clock": Mounted("clock", shipped_document("time"))}
    assert [one.kind for one in suggestions(found, mounted, SHIPPED, ["default"])] == ["new_session"]


def test_dropping_c_where_a_session_only_read_from_then_on() -> None:
    tape = Tape()
    tape.add("mail__send", "C")
    tape.add("files__read", "A")
    tape.add("files__private", "B")
    ((_, tips),) = _review(tape).causes
    (tip,) = [tip for tip in tips if tip.suggestion.kind == "drop"]
    assert tip.suggestion.line == "rule-of-two session drop SESSION after the last change (as in s)"
    assert (tip.saved, tip.more) == (1, 0)
    tape.add("mail__send", "C")
    assert "drop" not in dict(_kinds(_tips(_review(tape))))


def test_a_new_session_after_a_pause_says_how_many_pauses_there_were() -> None:
    tape = Tape()
    tape.add("files__read", "AB")
    tape.minutes = 45
    tape.add("mail__send", "C")
    ((_, tips),) = _review(tape).causes
    assert [(tip.suggestion.kind, tip.saved, tip.renewals) for tip in tips] == [("new_session", 1, 1)]
    assert "really is new" in tips[0].suggestion.only_if


def test_a_shipped_set_for_what_servers_ask_only_as_observed() -> None:
    denied: dict[str, Any] = {"outcome": "deny", "policies": ["default.deny"], "action": "sample"}
    tape = Tape()
    tape.add("files__sampling/createMessage", "A", observed=True, **denied)
    ((group, tips),) = _review(tape).causes
    assert group.cause == "policy"
    assert [(tip.suggestion.line, tip.saved) for tip in tips] == [("policies: [default, sampling]", 1)]
    assert _tips(_review(tape, policies=["default", "sampling"])) == []
    enforced = Tape()
    enforced.add("files__sampling/createMessage", "A", passes=False, **denied)
    assert _tips(_review(enforced)) == []


def test_an_own_policys_denial_is_left_to_its_author() -> None:
    tape = Tape()
    tape.add("mail__send", "C", outcome="deny", policies=["own.no-mail"], observed=True)
    assert [tips for _, tips in _review(tape).causes] == [()]


def test_several_values_together_are_shown_only_where_they_do_more_than_one(tmp_path: Path) -> None:
    tape = Tape()
    for name in ("a", "b"):
        (tmp_path / name).mkdir(mode=0o700)
        target = {"path": str(tmp_path / name / "x.md")}
        tape.add("files__read_text_file", "AB", targets=target, manifest="filesystem")
    tape.add("mail__send", "C")
    servers = {"files": {"command": "x", "manifest": "filesystem"}}
    ((_, tips),) = _review(tape, mcpServers=servers).causes
    line = f'mcpServers: {{"files": {{parameters: {{trusted_folders: ["{tmp_path}/a", "{tmp_path}/b"]}}}}}}'
    assert line in [tip.suggestion.line for tip in tips]
    assert all(tip.suggestion.together for tip in tips)
    alone = Tape()
    alone.entries = [*tape.entries[:1], *tape.entries[2:]]
    lines = [tip.suggestion.line for _, tips in _review(alone, mcpServers=servers).causes for tip in tips]
    assert line.replace(f', "{tmp_path}/b"', "") in lines
    assert line not in lines


def test_a_host_that_is_not_what_it_looks_like_says_so() -> None:
    tape = Tape()
    tape.add("files__private", "B")
    tape.add("mail__get", "AC", targets={"url": "xn--pypal-4ve.example"}, manifest="test")
    made = suggestions(survey(tape.entries, tape.find), {"mail": MOUNTED}, SHIPPED, ["default"])
    assert 'trusted_hosts: ["xn--pypal-4ve.example"]' in made[0].line
    assert "MIXES" in made[0].only_if


def _everything() -> tuple[Survey, dict[str, Mounted]]:
    """A journal that provokes a suggestion of every kind."""
    tape = Tape()
    tape.add("mail__send", "C", manifest=None)
    tape.add("files__odd", "C", manifest=None)
    tape.add("files__read_text_file", "AB", targets={"path": "/srv/docs/a/x.md"}, manifest="filesystem")
    tape.add("clock__convert_time", "ABC", manifest=None)
    tape.add("files__ask", "A", action="sample", outcome="deny", policies=["default.deny"], observed=True)
    tape.add("files__roots", "A", action="list_roots", outcome="deny", policies=["default.deny"], observed=True)
    tape.add("mail__send", "C", session="t")
    tape.add("web__get", "A", session="t")
    tape.add("files__read_text_file", "AB", targets={"path": "/srv/docs/a/x.md"}, session="t", manifest="filesystem")
    return survey(tape.entries, tape.find), {"files": Mounted("files", shipped_document("filesystem"))}


def _all(policies: Sequence[str] = ("default",)) -> list[Suggestion]:
    found, mounted = _everything()
    return suggestions(found, mounted, SHIPPED, policies)


def test_every_suggestion_has_a_reason_and_none_weakens_the_invariant() -> None:
    made = _all()
    assert {one.kind for one in made} == {"parameter", "manifest", "tool", "policies", "drop", "new_session"}
    assert all(one.only_if for one in made)
    said = " ".join(f"{one.line} {one.only_if}" for one in made)
    assert re.search(r"approv|permit|disable|authority|\byes\b|ambient|unattended", said) is None
    assert {one.line for one in made if one.kind == "policies"} == {
        "policies: [default, sampling]",
        "policies: [default, roots]",
    }


def test_no_server_crowds_another_out(tmp_path: Path) -> None:
    tape = Tape()
    names = [f"files{number}" for number in range(12)]
    for name in names:
        for folder in "abcdef":
            target = {"path": f"{tmp_path}/{folder}/x.md"}
            tape.add(f"{name}__read_text_file", "AB", targets=target, manifest="filesystem")
    tape.add("mail__send", "C")
    mounted = {name: Mounted(name, shipped_document("filesystem")) for name in names}
    made = suggestions(survey(tape.entries, tape.find), mounted, SHIPPED, ["default"])
    assert {one.server for one in made if one.kind == "parameter"} == set(names)
    assert len(made) < 40
