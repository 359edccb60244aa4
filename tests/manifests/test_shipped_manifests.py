"""Each shipped manifest against the real server: every name classified, none invented, every pointer in the schema."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from rule_of_two.manifests.hints import hinted, sent_hints
from rule_of_two.manifests.manifest import Manifest
from rule_of_two.manifests.recognise import Launch, recognise
from rule_of_two.shipped import shipped
from scripts.servers import SERVERS
from tests.manifests.bound import shipped_manifest
from tests.manifests.offered import in_schema, pointers
from tests.servers import real_server, running

NAMES = sorted(SERVERS)


def arguments(name: str, folder: Path) -> Sequence[str]:
    if name == "filesystem":
        return (str(folder),)
    return ("--db-path", str(folder / "test.db")) if name == "sqlite" else ()


@pytest.mark.parametrize("name", NAMES)
def test_a_manifest_is_named_as_its_server_and_says_where_it_comes_from(name: str) -> None:
    document = shipped_manifest(name).document
    server = SERVERS[name]
    registry = {"npm": "npm", "pypi": "PyPI"}[server.source]
    assert document.server == name
    assert document.source.startswith(f"{registry} {server.package} {server.version}")
    assert "tools/list" in document.source


@pytest.mark.parametrize("name", NAMES)
def test_each_labels_line_is_argued_in_a_comment_beside_it(name: str) -> None:
    text = (shipped("tool_manifests") / f"{name}.yaml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if re.search(r"\blabels:", line)]
    assert lines
    assert [line for line in lines if not re.search(r"labels: \[[ABC, ]*\] # \w", line)] == []


STAYS: Final = {
    "everything": {"toggle-simulated-logging", "toggle-subscriber-updates"},
    "memory": {
        "create_entities",
        "create_relations",
        "add_observations",
        "delete_entities",
        "delete_observations",
        "delete_relations",
    },
    "sqlite": {"append_insight"},
}
"""Acts that reach nobody but later sessions of the same user. Whatever writes files, or runs what others wrote, may."""
TAKEN_BACK: Final = {"everything": {"toggle-simulated-logging", "toggle-subscriber-updates"}}


@pytest.mark.parametrize("name", NAMES)
def test_only_what_was_looked_into_is_said_to_reach_nobody_or_to_be_taken_back(name: str) -> None:
    document = shipped_manifest(name).document
    entries = {**document.tools, **document.prompts}
    assert {tool for tool, spec in entries.items() if not spec.communicates} == STAYS.get(name, set())
    assert {tool for tool, spec in entries.items() if spec.reversible} == TAKEN_BACK.get(name, set())
    assert all("C" in entries[tool].labels for tool in STAYS.get(name, set()))


@pytest.mark.parametrize("name", sorted(STAYS))
def test_where_only_communication_counts_these_are_no_c_and_each_decision_says_why(name: str) -> None:
    document = shipped_manifest(name).document
    plain = Manifest(document, upstream=name, store=name)
    ours = Manifest(document, upstream=name, store=name, only_communication="lethal-trifecta")
    for tool, spec in document.tools.items():
        facts = ours.tool(tool, {})
        assert ("C" in facts.labels) == ("C" in spec.labels and tool not in STAYS[name]), tool
        assert any("lethal-trifecta" in line for line in facts.lowered_by) == (tool in STAYS[name]), tool
        assert facts.writes == plain.tool(tool, {}).writes, tool


@pytest.mark.parametrize("name", NAMES)
def test_each_such_line_is_argued_beside_it(name: str) -> None:
    text = (shipped("tool_manifests") / f"{name}.yaml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if re.match(r"\s*(communicates|reversible):", line)]
    assert bool(lines) == (name in STAYS)
    assert [line for line in lines if not re.search(r": (true|false) # \w", line)] == []


@pytest.mark.real
@pytest.mark.parametrize("name", sorted(STAYS))
def test_the_real_servers_own_hints_do_not_contradict_that(name: str, tmp_path: Path) -> None:
    ours = shipped_manifest(name)
    with running([*real_server(name), *arguments(name, tmp_path)]) as server:
        tools = {tool["name"]: tool for tool in server.list_all("tools/list", "tools")}
    for tool in STAYS[name]:
        facts = ours.tool(tool, {}, tools[tool].get("annotations"))
        assert not facts.communicates, tool
        assert facts.irreversible == (tool not in TAKEN_BACK.get(name, set())), tool


@pytest.mark.real
@pytest.mark.parametrize("tool", sorted(TAKEN_BACK["everything"]))
def test_a_toggle_is_taken_back_by_the_same_call(tool: str) -> None:
    with running(real_server("everything")) as server:
        assert server.call(tool).startswith("Started")
        assert server.call(tool).startswith("Stopped")
        assert server.call(tool).startswith("Started")


@pytest.mark.real
@pytest.mark.parametrize("name", NAMES)
def test_the_manifest_names_exactly_what_the_real_server_has(name: str, tmp_path: Path) -> None:
    ours = shipped_manifest(name)
    with running([*real_server(name), *arguments(name, tmp_path)]) as server:
        tools = server.list_all("tools/list", "tools")
        resources = [item["uri"] for item in server.list_all("resources/list", "resources")]
        templates = [item["uriTemplate"] for item in server.list_all("resources/templates/list", "resourceTemplates")]
        prompts = {item["name"] for item in server.list_all("prompts/list", "prompts")}
    uris = [*resources, *(re.sub(r"\{[^}]*\}", "1", template) for template in templates)]
    assert {tool["name"] for tool in tools} == set(ours.document.tools)
    assert prompts == set(ours.document.prompts)
    assert [uri for uri in uris if not ours.classifies_resource(uri)] == []
    for tool in tools:
        spec = ours.document.tools[tool["name"]]
        assert [each for each in pointers(spec) if not in_schema(tool["inputSchema"], each)] == []
        known = ours.document.known_hints_of(spec)
        assert hinted(tool.get("annotations"), known) <= spec.labels, tool["name"]
        assert spec.known_hints <= sent_hints(tool.get("annotations")), tool["name"]


@pytest.mark.real
@pytest.mark.parametrize("name", NAMES)
def test_the_command_that_starts_the_real_server_is_recognised(name: str) -> None:
    command = real_server(name)
    documents = [shipped_manifest(each).document for each in NAMES]
    found = recognise(Launch(command=command[0], args=tuple(command[1:])), documents)
    assert found is not None
    assert found.server == name
