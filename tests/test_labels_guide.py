"""docs/labels.md: each tool that it names has those labels, and a manifest of one's own does what it says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from rule_of_two.gateway.config import load_config
from rule_of_two.manifests.document import ManifestDocument
from rule_of_two.manifests.hints import hinted
from rule_of_two.manifests.manifest import Manifest
from rule_of_two.model import ALL, labels_in
from rule_of_two.yaml_source import parse_yaml
from tests.guide import blocks
from tests.manifests.bound import shipped_document, shipped_manifest

GUIDE: Final = Path(__file__).parent.parent / "docs" / "labels.md"
PROSE: Final = " ".join(re.sub(r"^```.*?^```$", "", GUIDE.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE).split())
FILES: Final = {block.file: block.text for block in blocks(GUIDE) if block.file is not None}

_TOOL: Final = r"`([\w.-]+)` `([\w./-]+)`"
_LABELS: Final = r"(none\b|(?:\[[ABC]\])+)"
_SAID: Final = re.compile(rf"{_TOOL} is {_LABELS}(?: with `(\{{.*?\}})`)?")
_ROW: Final = re.compile(rf"\| {_TOOL} \| (?:`(\{{.*?\}})`)? ?\| {_LABELS} \|")


class Claim(NamedTuple):
    """What the guide says of one tool, with the arguments that it gives (JSON), or with any (empty)."""

    server: str
    tool: str
    arguments: str
    labels: str


CLAIMS: Final = sorted(
    {
        *(Claim(server, tool, arguments, labels) for server, tool, arguments, labels in _ROW.findall(PROSE)),
        *(Claim(server, tool, arguments, labels) for server, tool, labels, arguments in _SAID.findall(PROSE)),
    }
)


def test_whatever_tool_it_names_it_says_the_labels_of() -> None:
    said = len(_ROW.findall(PROSE)) + len(_SAID.findall(PROSE))
    assert len(re.findall(_TOOL, PROSE)) == said > 60


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: " ".join(claim[:3]).strip())
def test_each_tool_that_it_names_has_those_labels(claim: Claim) -> None:
    if claim.arguments:
        labels = shipped_manifest(claim.server).tool(claim.tool, json.loads(claim.arguments)).labels
    else:
        labels = shipped_document(claim.server).tools[claim.tool].labels
    assert labels == labels_in(claim.labels)


def test_every_label_and_hint_is_explained() -> None:
    text = GUIDE.read_text("utf-8")
    assert [label for label in sorted(ALL) if f"| [{label}] " not in text] == []
    assert [hint for hint in ("readOnlyHint", "destructiveHint", "openWorldHint") if f"`{hint}: " not in text] == []


def test_a_manifest_of_ones_own_is_quieter_for_the_tools_that_it_names_and_for_nothing_else() -> None:
    document = parse_yaml(FILES["reader.yaml"], ManifestDocument, Path("reader.yaml"))
    shipped = shipped_document("postgres")
    assert set(document.tools) == set(shipped.tools)
    own = Manifest(document, upstream="database", store="database")
    assert own.tool("query", {"sql": "SELECT 1"}).labels == labels_in("AB")
    assert own.resource("postgres://localhost/orders/schema").labels == ALL


def test_its_configuration_names_it_and_parameters_that_the_manifest_has(tmp_path: Path) -> None:
    (tmp_path / "rule-of-two.yaml").write_text(FILES["rule-of-two.yaml"], encoding="utf-8")
    servers = load_config(tmp_path / "rule-of-two.yaml").servers
    assert servers["database"].manifest == "./reader.yaml"
    bound = shipped_manifest("airtable", **servers["bases"].parameters)
    assert bound.tool("get_record", {"baseId": "appOnlyMine", "tableId": "t", "recordId": "r"}).labels == labels_in("B")
    assert bound.tool("get_record", {"baseId": "appOther", "tableId": "t", "recordId": "r"}).labels == labels_in("AB")


def test_what_it_says_of_hints_is_so() -> None:
    said = {"readOnlyHint": False, "destructiveHint": True, "openWorldHint": True}
    assert [hinted({hint: value}) for hint, value in said.items()] == [labels_in(one) for one in ("C", "C", "A")]
    assert hinted({"readOnlyHint": True, "destructiveHint": True}) == hinted({}) == hinted(None) == labels_in("")
    crm = Manifest(parse_yaml(FILES["crm.yaml"], ManifestDocument, Path("crm.yaml")), upstream="crm", store="crm")
    for value, labels in ((True, "C"), ("true", "AC")):
        assert crm.tool("add_tag", {}, {"openWorldHint": value}).labels == labels_in(labels)
    assert crm.tool("add_tag", {}, {"openWorldHint": True}).lowered_by == ("crm: known hint openWorldHint of add_tag",)
    assert crm.tool("unnamed", {}, {"openWorldHint": True}).labels == ALL
