"""The prover reads the schema as the engine does."""

from __future__ import annotations

from collections.abc import Iterator

import cedarpy
import pytest

from rule_of_two.errors import PolicyError
from rule_of_two.policy.load import SCHEMA_FILE
from rule_of_two.policy.proof.schema import Record, SchemaView, Type
from rule_of_two.policy.proof.schema_text import read_schema
from rule_of_two.policy.references import shipped_policies

TEXT = (shipped_policies() / SCHEMA_FILE).read_text(encoding="utf-8")
SCHEMA = cedarpy.Schema.from_str(TEXT)
VIEW = read_schema(TEXT, SCHEMA)


MANY = """
@doc("x") namespace N::M {
  @doc("y") entity A, B in [C] { "a b"?: Set<String>, c: { d: Long } } tags String;
  entity C enum ["x", "y"];
  type T = Set<Set<A>>; type U = { t: T };
  action "b b", c in [g] appliesTo { principal: [A, B], resource: B, context: U };
  action g;
}
"""


def valid(policy: str, schema: cedarpy.Schema = SCHEMA) -> bool:
    return cedarpy.validate_policies(policy, schema).validation_passed


def paths(kind: Type, so_far: str) -> Iterator[tuple[str, str | None]]:
    """Each attribute below a record, and the `has` that an optional one needs."""
    assert isinstance(kind, Record)
    for name, attribute in kind.attributes.items():
        yield f"{so_far}.{name}", None if attribute.required else f"{so_far} has {name}"
        if isinstance(attribute.type, Record) and attribute.required:
            yield from paths(attribute.type, f"{so_far}.{name}")


def test_every_action_has_the_types_and_the_context_that_the_engine_knows() -> None:
    assert len(VIEW.actions) > 10
    for action in VIEW.actions:
        for principal in VIEW.entities:
            scope = f"permit (principal is {principal}, action == {action.uid}, resource)"
            assert valid(f"{scope};") is (principal in action.principals)
        for resource in VIEW.entities:
            assert valid(f"permit (principal, action == {action.uid}, resource is {resource});") is (
                resource in action.resources
            )
        for path, guard in paths(action.context, "context"):
            unguarded = f"permit (principal, action == {action.uid}, resource) when {{ {path} == {path} }};"
            assert valid(unguarded) is (guard is None)
            if guard is not None:
                assert valid(unguarded.replace("when {", f"when {{ {guard} &&"))


def test_what_can_be_in_what_is_what_the_engine_takes() -> None:
    def takes(child: str, parent: str) -> bool:
        parents = [{"type": parent, "id": "p"}]
        entity = f'[{{"uid": {{"type": "{child}", "id": "c"}}, "attrs": {{}}, "parents": {parents}}}]'.replace("'", '"')
        try:
            cedarpy.Entities.from_json_str(entity, SCHEMA)
        except ValueError:
            return False
        return True

    plain = [
        name
        for name, shape in VIEW.entities.items()
        if not any(a.required for a in shape.attributes.attributes.values())
    ]
    assert len(plain) > 3
    for child in plain:
        for parent in VIEW.entities:
            assert takes(child, parent) is (parent in VIEW.entities[child].parents), (child, parent)


def test_actions_are_in_the_groups_that_the_engine_says() -> None:
    groups = {action.uid: action.groups for action in VIEW.actions}
    call = 'Gateway::Action::"call_tool"'
    assert groups[call] == {call, 'Gateway::Action::"use"'}
    assert groups['Gateway::Action::"approve_call"'] == {'Gateway::Action::"approve_call"'}


def test_actions_that_are_added_at_run_time_are_known() -> None:
    text = TEXT.rstrip().removesuffix("}") + (
        'action "crm__send" in ["call_tool"] appliesTo { principal: [Session], resource: [Tool], context: Use }; }'
    )
    view = read_schema(text, cedarpy.Schema.from_str(text))
    added = next(one for one in view.actions if one.uid.endswith('"crm__send"'))
    assert added.groups == {f'Gateway::Action::"{name}"' for name in ("crm__send", "call_tool", "use")}


@pytest.mark.parametrize(
    "text",
    [
        "entity A; action a appliesTo { principal: A, resource: [A], context: {} };",
        MANY,
        "entity A = { b: __cedar::Bool, e?: N::E }; namespace N { entity E in [A]; } // end",
        "",
    ],
)
def test_everything_in_the_schema_language_is_read(text: str) -> None:
    assert isinstance(read_schema(text, cedarpy.Schema.from_str(text)), SchemaView)


@pytest.mark.parametrize("text", ["entity", "entity A", "nonsense x;", "entity A { a: Missing };", 'action "\\u{61}";'])
def test_what_cannot_be_read_is_said_and_nothing_is_proved(text: str) -> None:
    with pytest.raises(PolicyError, match=r"the policy schema holds .*, which the prover cannot read"):
        read_schema(text, SCHEMA)
