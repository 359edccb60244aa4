"""Each shipped manifest against the list of its server that was kept: every name classified, none invented.

``scripts/survey`` starts the servers again and says what changed since.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from rule_of_two.manifests.hints import HintName, hinted, sent_hints
from rule_of_two.manifests.recognise import Launch, recognise
from rule_of_two.shipped import shipped
from scripts.servers import SERVERS
from scripts.surveys import SURVEYS, launch_of
from tests.manifests.bound import shipped_document, shipped_manifest
from tests.manifests.offered import in_schema, pointers

SURVEYED = sorted(file.stem for file in SURVEYS.glob("*.json"))
SHIPPED = sorted(Path(file.name).stem for file in shipped("tool_manifests").iterdir())


@cache
def survey(name: str) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads((SURVEYS / f"{name}.json").read_text("utf-8"))
    return kept


def test_every_manifest_has_a_server_that_tests_start_or_a_survey_and_every_one_of_those_a_manifest() -> None:
    assert sorted({*SERVERS, *SURVEYED}) == SHIPPED
    assert not {*SERVERS} & {*SURVEYED}


@pytest.mark.parametrize("name", SURVEYED)
def test_a_manifest_says_where_its_facts_come_from(name: str) -> None:
    kept, source = survey(name), shipped_document(name).source
    assert kept["server"] == name == shipped_document(name).server
    if kept["obtained"] == "started":
        launch = launch_of(kept)
        registry = {"npm": "npm", "pypi": "PyPI"}[launch.source]
        assert source.startswith(f"{registry} {launch.package} {launch.version}, tools/list")
    else:
        assert kept["obtained"] == "published"
        assert source.startswith("published: ")
        assert kept["where"].strip()


@pytest.mark.parametrize("name", SURVEYED)
def test_a_manifest_names_exactly_what_its_server_lists(name: str) -> None:
    kept, ours = survey(name), shipped_manifest(name)
    assert [tool["name"] for tool in kept["tools"] if tool["name"] not in ours.document.tools] == []
    assert set(ours.document.tools) - {tool["name"] for tool in kept["tools"]} == set()
    assert set(ours.document.prompts) == {prompt["name"] for prompt in kept.get("prompts", ())}
    uris = [item["uri"] for item in kept.get("resources", ())]
    templates = (item["uriTemplate"] for item in kept.get("resourceTemplates", ()))
    uris += [re.sub(r"\{[^}]*\}", "1", template) for template in templates]
    assert [uri for uri in uris if not ours.classifies_resource(uri)] == []


@pytest.mark.parametrize("name", SURVEYED)
def test_what_a_manifest_reads_of_arguments_is_in_the_schema(name: str) -> None:
    tools = shipped_document(name).tools
    for tool in survey(name)["tools"]:
        if "inputSchema" not in tool:  # a list that was published by names
            assert pointers(tools[tool["name"]]) == set(), tool["name"]
            continue
        missing = [each for each in pointers(tools[tool["name"]]) if not in_schema(tool["inputSchema"], each)]
        assert missing == [], tool["name"]


@pytest.mark.parametrize("name", SURVEYED)
def test_what_a_server_says_of_its_tools_is_in_their_labels_or_known(name: str) -> None:
    document = shipped_document(name)
    sent: frozenset[HintName] = frozenset()
    for tool in survey(name)["tools"]:
        annotations, spec = tool.get("annotations"), document.tools[tool["name"]]
        assert hinted(annotations, document.known_hints_of(spec)) <= spec.labels, tool["name"]
        assert spec.known_hints <= sent_hints(annotations), tool["name"]
        sent |= sent_hints(annotations)
    assert document.known_hints <= sent


@pytest.mark.parametrize("name", SURVEYED)
def test_each_labels_line_is_argued_beside_it(name: str) -> None:
    text = (shipped("tool_manifests") / f"{name}.yaml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if re.search(r"(?<![\w-])labels:", line)]
    assert lines
    assert [line for line in lines if not re.search(r"labels: \[[ABC, ]*\] # \w", line)] == []


@pytest.mark.parametrize("name", SURVEYED)
def test_the_package_is_recognised_as_people_start_it(name: str) -> None:
    kept = survey(name)
    if kept["obtained"] != "started":
        assert shipped_document(name).match.model_dump(exclude_defaults=True), "nothing recognises it"
        return
    launch = launch_of(kept)
    if launch.source == "npm":
        started = Launch(command="npx", args=("-y", launch.package))
    else:
        from_ = ("--from", launch.package, launch.program) if launch.program else (launch.package,)
        started = Launch(command="uvx", args=from_)
    found = recognise(started, [shipped_document(each) for each in SHIPPED])
    assert found is not None
    assert found.server == name
