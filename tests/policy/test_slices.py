"""A slice holds what can apply, and decides as the whole set does."""

from __future__ import annotations

import cedarpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.model import NONE, Action, Facts, Principal, SessionView
from rule_of_two.policy.context import context_of
from rule_of_two.policy.entities import EntityStore
from rule_of_two.policy.load import Policies

from .conftest import LoadText

SCOPES = {
    "principal": [
        "principal",
        "principal is Gateway::Session",
        "principal is Gateway::Approver",
        'principal == Gateway::Session::"s"',
        'principal in Gateway::Agent::"agent"',
        'principal is Gateway::Session in Gateway::Profile::"x"',
    ],
    "action": [
        "action",
        'action in Gateway::Action::"use"',
        'action == Gateway::Action::"call_tool"',
        'action in [Gateway::Action::"get_prompt", Gateway::Action::"approve_call"]',
        'action == Gateway::Action::"complete"',
    ],
    "resource": [
        "resource",
        "resource is Gateway::Tool",
        "resource is Gateway::Server",
        'resource in Gateway::Server::"a"',
        'resource is Gateway::Tool in Gateway::Server::"b"',
        'resource == Gateway::Tool::"a__x"',
        'resource == Gateway::Prompt::"a__x"',
    ],
}
REQUESTS = [
    Facts(action, server, name, NONE)
    for action in (Action.CALL_TOOL, Action.GET_PROMPT, Action.COMPLETE)
    for server in "ab"
    for name in "xy"
]


def policies_of(load_text: LoadText) -> Policies:
    """One permit for each combination of scopes that the schema knows."""
    texts: list[str] = []
    for principal in SCOPES["principal"]:
        for action in SCOPES["action"]:
            for resource in SCOPES["resource"]:
                text = f'@id("own.p{len(texts)}") permit ({principal}, {action}, {resource});'
                texts.append(text)
    return load_text("\n".join(_valid(texts, load_text)))


def _valid(texts: list[str], load_text: LoadText) -> list[str]:
    schema = load_text('@id("own.x") permit (principal, action, resource);').schema
    return [text for text in texts if cedarpy.validate_policies(text, schema).validation_passed]


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> Policies:
    from rule_of_two.policy.load import load_policies

    folder = tmp_path_factory.mktemp("policies")

    def load(text: str, *sets: str) -> Policies:
        (folder / "own.cedar").write_text(text)
        return load_policies(["own.cedar", *sets], relative_to=folder)

    return policies_of(load)


@pytest.mark.parametrize("facts", REQUESTS, ids=lambda facts: f"{facts.action}-{facts.qualified}")
def test_a_slice_decides_as_the_whole_set(every: Policies, facts: Facts) -> None:
    found = EntityStore(every, Principal(), "generic").participants("s", facts)
    whole = cedarpy.PolicySet.from_str("\n".join(policy.text for policy in every.by_id.values()))
    request = {
        "principal": found.principal,
        "action": found.action,
        "resource": found.resource,
        "context": {
            **context_of(facts, SessionView("s")),
            "approved": True,
            "approvals": 1,
            "now": "2026-11-22T10:30:00Z",
        },
    }
    results = [
        cedarpy.is_authorized(request, handle, found.handle, every.schema) for handle in (whole, found.slice.handle)
    ]
    reasons = [set(result.diagnostics.id_annotations_by_reason.values()) for result in results]
    assert reasons[0] == reasons[1] != set()
    assert len(found.slice.ids) < len(every.by_id)


def test_equal_slices_are_one(every: Policies) -> None:
    entities = EntityStore(every, Principal(), "generic")
    first = entities.participants("s", Facts(Action.CALL_TOOL, "a", "unknown-1", NONE))
    other = entities.participants("s", Facts(Action.CALL_TOOL, "a", "unknown-2", NONE))
    assert first.slice is other.slice


@given(st.lists(st.sampled_from(range(40)), unique=True, min_size=1))
def test_a_policy_of_one_tool_is_in_no_other_tools_slice(numbers: list[int]) -> None:
    from rule_of_two.policy.slices import Slices

    text = 'permit (principal, action, resource == Gateway::Tool::"a__t{}");'
    tree = {"op": "All"}
    slices = Slices(
        {
            f"own.t{number}": (
                {
                    "principal": tree,
                    "action": tree,
                    "resource": {"op": "==", "entity": {"type": "Gateway::Tool", "id": f"a__t{number}"}},
                },
                text.format(number),
            )
            for number in numbers
        }
    )
    session, action = ({"type": f"Gateway::{kind}", "id": "call_tool"} for kind in ("Session", "Action"))
    tool, server = {"type": "Gateway::Tool", "id": "a__t3"}, {"type": "Gateway::Server", "id": "a"}
    assert slices.cut(session, action, tool, server).ids == (("own.t3",) if 3 in numbers else ())
