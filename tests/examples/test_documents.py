"""What the policies of each example say of every document of the server: the real engine, on what its metadata says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from examples.retrieval.server import DOCUMENTS
from examples.stage import EXAMPLES, configuration
from examples.stories import STORIES
from rule_of_two.model import Outcome
from rule_of_two.policy.cases.case import load_cases
from rule_of_two.policy.cases.run import Runner
from rule_of_two.policy.cases.suite import suite_at
from rule_of_two.policy.load import load_policies

FOR_ALL = {"acme-salary-review", "acme-roadmap", "acme-notes-ian", "acme-notes-sam", "globex-refunds"}
FROM_THE_WEB = {"web-salaries", "web-pumps", "web-hotel-seeblick", "web-hotel-lindenhof"}
OF_SUPPORT = {"acme-refunds", "acme-refunds-2024", "acme-northwind-orders"}


Decided = Callable[..., dict[str, Outcome]]


@pytest.fixture
def decided(tmp_path: Path) -> Decided:
    """Whether each document may be handed over by an example, in a session that has read nothing yet."""

    def decide(example: str, labels: tuple[str, ...] = ("A", "B")) -> dict[str, Outcome]:
        config = configuration(EXAMPLES / example)
        policies = load_policies(config["policies"], relative_to=Path(), entities=config["entities"])
        cases = [_case(document, config["principal"], labels) for document in YAML(typ="safe").load(DOCUMENTS)]
        file = tmp_path / "cases.yaml"
        file.write_text(json.dumps({"version": 1, "cases": cases}))
        results = Runner(policies).run(load_cases(file).cases)
        return {result.case.name: result.verdict.outcome for result in results}

    return decide


def _case(document: dict[str, Any], principal: dict[str, Any], labels: tuple[str, ...]) -> dict[str, Any]:
    metadata = {name: value for name, value in document.items() if name not in {"title", "text"}}
    return {
        "name": document["id"],
        "principal": principal,
        "now": "2026-11-28T12:00:00Z",
        "document": {**metadata, "server": "library", "labels": labels},
        "expect": "allow",
    }


def allowed(found: dict[str, Outcome]) -> set[str]:
    return {name for name, outcome in found.items() if outcome is Outcome.ALLOW}


def test_an_intern_gets_what_is_for_everybody_and_no_salaries(decided: Decided) -> None:
    assert allowed(decided("salary-leak")) == FOR_ALL | FROM_THE_WEB


@pytest.mark.parametrize("example", ["out-of-context", "over-classified"])
def test_support_gets_its_own_documents_and_neither_the_lawyers_nor_the_boards(decided: Decided, example: str) -> None:
    assert allowed(decided(example)) == FOR_ALL | FROM_THE_WEB | OF_SUPPORT


def test_only_what_has_expired_is_refused(decided: Decided) -> None:
    found = decided("expired")
    assert set(found) - allowed(found) == {"acme-refunds-2024"}


def test_a_tenant_gets_its_own_documents_alone(decided: Decided) -> None:
    found = decided("tenants")
    assert allowed(found) == {name for name in found if name.startswith("acme-")}


def test_a_web_researcher_gets_nothing_that_is_private_or_graded(decided: Decided) -> None:
    assert allowed(decided("web-research")) == set()
    assert allowed(decided("web-research", labels=("A",))) == FROM_THE_WEB | {"acme-issue-417"}


def test_a_coder_gets_what_trusted_colleagues_wrote_and_a_person_looks_at_the_rest(decided: Decided) -> None:
    found = decided("internal-coder")
    assert allowed(found) == {"acme-deploy", "acme-traveller-ann"}
    assert found["acme-issue-417"] is Outcome.ASK  # one of its two authors is a stranger


def test_the_policy_of_the_example_passes_its_own_cases() -> None:
    suite = suite_at(str(EXAMPLES / "expired" / "cases.yaml"), relative_to=Path())
    results = list(Runner(suite.policies).run(suite.cases.cases))
    assert [result.case.name for result in results if not result.passed] == []
    assert suite.uncovered({name for result in results for name in result.verdict.policies}) == []


def test_every_example_has_a_story_a_configuration_and_a_page() -> None:
    folders = {path.parent.name for path in EXAMPLES.glob("*/rule-of-two.yaml")}
    assert folders == {story.name for story in STORIES}
    assert [name for name in folders if not (EXAMPLES / name / "README.md").exists()] == []
    page = (EXAMPLES / "README.md").read_text()
    assert [name for name in folders if f"]({name})" not in page] == []
