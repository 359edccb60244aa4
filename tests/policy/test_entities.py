"""The entities of a decision: as few as it takes, and parsed with the schema."""

from __future__ import annotations

import cedarpy
import pytest

from rule_of_two.model import NONE, Action, Facts, Principal, SessionView
from rule_of_two.policy.context import context_of
from rule_of_two.policy.engine import evaluate
from rule_of_two.policy.entities import EntityStore, Participants
from rule_of_two.records import replace

from .conftest import GENEROUS, LoadText

FROZEN = {
    **context_of(Facts(Action.CALL_TOOL, "a", "b", NONE), SessionView("s", frozen=True)),
    "approved": False,
    "approvals": 0,
}


def store(load_text: LoadText, principal: Principal) -> EntityStore:
    return EntityStore(load_text(GENEROUS), principal, "generic")


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        (Action.CALL_TOOL, {"type": "Gateway::Tool", "id": "files__read"}),
        (Action.READ_RESOURCE, {"type": "Gateway::Resource", "id": "files__read"}),
        (Action.GET_PROMPT, {"type": "Gateway::Prompt", "id": "files__read"}),
        (Action.COMPLETE, {"type": "Gateway::Server", "id": "files"}),
        (Action.RECEIVE, {"type": "Gateway::Server", "id": "files"}),
    ],
)
def test_each_action_has_its_resource(load_text: LoadText, action: Action, resource: dict[str, str]) -> None:
    found = store(load_text, Principal()).participants("s", Facts(action, "files", "read", NONE))
    assert found.resource == resource
    assert found.action == {"type": "Gateway::Action", "id": action.value}
    assert found.principal == {"type": "Gateway::Session", "id": "s"}


def test_a_handle_holds_as_many_entities_with_a_thousand_tools_as_with_one(load_text: LoadText) -> None:
    entities = store(load_text, Principal(roles=("engineer",)))
    sizes = {
        len(entities.participants("s", Facts(Action.CALL_TOOL, "files", f"t{number}", NONE)).handle)
        for number in range(1000)
    }
    actions = len(Action) + 8  # "use", the three of people, documents, release, lower_c and hold_result
    assert sizes == {5 + actions}  # session, user, agent, server, tool


def test_a_handle_is_parsed_once_for_each_session_and_resource(load_text: LoadText) -> None:
    entities = store(load_text, Principal())
    facts = Facts(Action.CALL_TOOL, "files", "read", NONE)
    first = entities.participants("s", facts).handle
    assert entities.participants("s", facts).handle is first
    assert entities.participants("t", facts).handle is not first
    assert entities.participants("s", Facts(Action.GET_PROMPT, "files", "read", NONE)).handle is not first


def test_names_that_join_to_the_same_id_keep_their_own_server(load_text: LoadText) -> None:
    entities = store(load_text, Principal())
    one = entities.participants("s", Facts(Action.CALL_TOOL, "a", "b__c", NONE))
    other = entities.participants("s", Facts(Action.CALL_TOOL, "a__b", "c", NONE))
    assert one.resource == other.resource
    assert one.handle is not other.handle


def decide(participants: Participants) -> bool:
    context = {**FROZEN, "now": "2026-11-22T10:30:00Z"}
    return evaluate(participants, context).allowed


def test_the_schema_makes_the_group_of_actions_known_and_without_it_the_invariant_vanishes(load_text: LoadText) -> None:
    ours = store(load_text, Principal()).participants("s", Facts(Action.CALL_TOOL, "a", "b", NONE))
    assert decide(ours) is False
    blind = replace(ours, handle=cedarpy.Entities.from_json_str("[]"))
    assert decide(blind) is True
