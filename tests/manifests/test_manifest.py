"""One mounted upstream: named and unnamed tools, prompts and resources, texts, secrets."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rule_of_two.errors import ConfigurationError
from rule_of_two.manifests.manifest import Manifest
from rule_of_two.model import ALL, INGRESS, Action, StoredResource, Target
from tests.manifests.bound import manifest, shipped_manifest

WHOLE = StoredResource("shelf", "store", None)
MIXED = """
    tools:
      login: {labels: [C], secrets: [/password, /keys/*]}
      read:
        labels: []
        rules: [{when: {x: {equals: 1}}, labels: [A, C]}]
    prompts:
      ask: {labels: [B, C], targets: {query: /q}, rules: [{when: {q: {equals: hi}}, labels: []}]}
    resources:
      - {uri: "note://secret/**", labels: [B], reads: {note: /uri}}
      - {uri: "note://**", labels: []}
"""
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
VALUES = st.recursive(
    SCALARS | st.sampled_from(["/", "/srv", "https://good.example", "a@b.c", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("name", ["other", "", "Login", "login ", "read\0", "x" * 5000])
def test_a_tool_that_is_not_named_can_do_everything(name: str) -> None:
    facts = manifest(MIXED).tool(name, {"x": 1}, {"readOnlyHint": True})
    assert (facts.labels, facts.reads, facts.writes, facts.name) == (ALL, (WHOLE,), (WHOLE,), name)
    assert not manifest(MIXED).classifies_tool(name)


def test_a_tool_whose_facts_no_argument_changes_still_goes_by_its_annotations() -> None:
    read_only, bound = {"readOnlyHint": True}, manifest("tools: {look: {labels: [B]}}")
    assert bound.tool("look", {"x": 1}, read_only) is bound.tool("look", {"x": 2}, read_only)
    assert bound.tool("look", {}, {"readOnlyHint": False}).labels == {"B", "C"}
    assert bound.tool("look", {}, read_only).labels == {"B"}


@pytest.mark.parametrize(
    ("uri", "owned"),
    [
        ("memory://graph", False),
        ("ui://up/page", True),  # its contents come with the server, and so does its name
        ("ui://up/../page", False),
        ("mail://inbox/1", False),
        ("chat://acme/people", True),  # it says so
        ("other://x", False),
    ],
)
def test_a_resource_is_the_servers_own_where_the_manifest_says_so(uri: str, owned: bool) -> None:
    bound = manifest("""
        resources:
          - {uri: "memory://graph", labels: [A, B]}
          - {uri: "ui://up/**", labels: []}
          - {uri: "mail://**", labels: [A, B]}
          - {uri: "chat://*/people", labels: [A, B], own: true}
    """)
    assert bound.owns_resource(uri) is owned
    assert not Manifest.unknown("up", "shelf").owns_resource(uri)


def test_an_upstream_without_a_manifest_can_do_everything() -> None:
    unknown = Manifest.unknown("up", "shelf")
    for facts in (unknown.tool("t", {}), unknown.prompt("p", {}), unknown.resource("x:y")):
        assert (facts.labels, facts.upstream, facts.writes) == (ALL, "up", (WHOLE,))
    assert unknown.ingress == INGRESS
    assert not unknown.classifies_tool("t")
    assert not unknown.classifies_prompt("p")
    assert not unknown.classifies_resource("x:y")


def test_a_prompt_has_targets_and_rules_of_its_own() -> None:
    ours = manifest(MIXED)
    facts = ours.prompt("ask", {"q": "hi"})
    assert (facts.action, facts.labels, facts.targets) == (
        Action.GET_PROMPT,
        frozenset(),
        (Target("query", "hi", "hi"),),
    )
    assert facts.lowered_by == ("test: rule 1 of prompt ask (q equals hi)",)
    assert ours.prompt("ask", {"q": "ho"}).labels == {"B", "C"}
    assert ours.prompt("login", {}).labels == ALL
    assert (ours.classifies_prompt("ask"), ours.classifies_prompt("login")) == (True, False)


@pytest.mark.parametrize(
    ("uri", "labels", "reads"),
    [
        ("note://secret/1", {"B"}, (StoredResource("shelf", "note", "note://secret/1"),)),
        ("note://open/1", set(), ()),
        ("note://open/../secret/1", ALL, (WHOLE,)),
        ("note://open/%2e%2e/secret/1", ALL, (WHOLE,)),
        ("NOTE://open/1", ALL, (WHOLE,)),
        ("other://open/1", ALL, (WHOLE,)),
        ("", ALL, (WHOLE,)),
    ],
)
def test_the_first_pattern_that_matches_a_resource_counts(
    uri: str, labels: set[str], reads: tuple[StoredResource, ...]
) -> None:
    facts = manifest(MIXED).resource(uri)
    assert (facts.action, facts.name, facts.reads) == (Action.READ_RESOURCE, uri, reads)
    assert facts.labels == labels
    assert manifest(MIXED).classifies_resource(uri) is (labels != ALL)


@pytest.mark.parametrize(
    ("text", "ingress"),
    [
        (MIXED, {"A", "B"}),
        ("tools: {t: {labels: [A, C]}}", {"A"}),
        ("tools: {t: {labels: [C]}}", set()),
        ("prompts: {t: {labels: [B]}}", {"B"}),
        ("resources: [{uri: 'x:**', labels: [B]}]", {"B"}),
        ("source: nothing is named", {"A", "B"}),
        ("tools: {t: {labels: [A, B, C]}}\ntexts: [A]", {"A"}),
        ("tools: {t: {labels: [C]}}\ntexts: [A, B]", {"A", "B"}),
        ("texts: []", set()),
    ],
)
def test_texts_that_no_call_brought_carry_what_anything_may_bring(text: str, ingress: set[str]) -> None:
    assert manifest(text).ingress == ingress


def test_secrets_are_pointers_into_the_arguments() -> None:
    password, keys = manifest(MIXED).secret_pointers("login")
    assert password.resolve({"password": "x"}) == ("x",)
    assert keys.resolve({"keys": ["a", "b"]}) == ("a", "b")
    assert manifest(MIXED).secret_pointers("read") == ()
    assert manifest(MIXED).secret_pointers("other") == ()


def test_a_parameter_that_the_manifest_does_not_declare_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="manifest 'test' has no parameter 'trusted_hosts'"):
        manifest(MIXED, trusted_hosts=[])


def test_a_bound_manifest_keeps_its_document() -> None:
    ours = manifest(MIXED)
    assert ours.document.server == "test"
    assert set(ours.document.tools) == {"login", "read"}


@pytest.mark.parametrize("name", ["filesystem", "fetch", "git", "memory", "sqlite", "everything"])
@given(
    keys=st.dictionaries(st.sampled_from(["path", "paths", "url", "repo_path", "query", "source", "dryRun"]), VALUES)
)
@settings(deadline=None)
def test_no_arguments_make_facts_fail_or_exceed_the_worst_case(name: str, keys: dict[str, Any]) -> None:
    ours = shipped_manifest(name)
    for tool, spec in ours.document.tools.items():
        worst = spec.labels.union(*(rule.labels for rule in spec.rules))
        facts = ours.tool(tool, keys)
        assert facts.labels <= worst
        assert facts.lowered_by == () or not facts.labels >= spec.labels
        assert len(facts.lowered_by) <= 1
