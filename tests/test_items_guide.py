"""docs/items.md: its manifest, its result and its policy do what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rule_of_two.manifests.document import ManifestDocument
from rule_of_two.manifests.manifest import Manifest
from rule_of_two.manifests.result_spec import ResultSpec
from rule_of_two.model import ALL, Action, Outcome, Principal, SessionView, label_text
from rule_of_two.policy.authorizer import Authorizer
from rule_of_two.policy.load import load_policies
from rule_of_two.yaml_source import parse_yaml
from tests.guide import blocks
from tests.policy.test_documents import NOW, item

GUIDE = Path(__file__).parent.parent / "docs" / "items.md"
FILES = {block.file: block.text for block in blocks(GUIDE) if block.file is not None}


def test_the_items_have_the_labels_that_it_says() -> None:
    document = parse_yaml(FILES["mail.yaml"], ManifestDocument, Path("mail.yaml"))
    trust = {"trusted_authors": ["@corp.example"]}
    reader = Manifest(document, upstream="mail", store="mail", parameters=trust).result_of(
        Action.CALL_TOOL, "search_mail"
    )
    assert reader is not None
    result = {"content": [], "structuredContent": json.loads(FILES["result.json"])}
    brought = reader.read(result, ALL)
    assert [label_text(one.labels) for one in brought.items] == ["[B]", "[A][B]", "[A][B]"]
    assert label_text(brought.labels) == "[A][B]"
    assert label_text(reader.read(brought.without({1, 2}), ALL).labels) == "[B]"


def test_its_policy_refuses_what_is_out_of_date_or_does_not_say(tmp_path: Path) -> None:
    (tmp_path / "fresh.cedar").write_text(FILES["fresh.cedar"], encoding="utf-8")
    authorizer = Authorizer(load_policies(["default", "./fresh.cedar"], relative_to=tmp_path), Principal(), "generic")
    items = [item(1), item(2, expires=NOW), item(3, expires=NOW.replace(year=2027))]
    verdicts = authorizer.documents(items, "mail", SessionView("s"), now=NOW)
    assert [one.outcome for one in verdicts] == [Outcome.DENY, Outcome.DENY, Outcome.ALLOW]


@pytest.mark.parametrize("key", [field.alias or name for name, field in ResultSpec.model_fields.items()])
def test_every_key_is_documented(key: str) -> None:
    assert f"`{key}`" in GUIDE.read_text(encoding="utf-8")
