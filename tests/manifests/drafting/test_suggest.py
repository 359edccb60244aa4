"""Suggestions: a label goes only where name and schema agree, and descriptions and hints only add."""

from __future__ import annotations

from typing import Any

import pytest

from rule_of_two.manifests.drafting.suggest import as_text, suggest
from rule_of_two.manifests.offer import OfferedTool

TEXT = {"type": "string"}


def suggested(name: str, description: str = "", *, annotations: Any = None, **properties: Any) -> str:
    return as_text(suggest(OfferedTool(name, description, {"properties": properties}, annotations)).labels)


@pytest.mark.parametrize(
    ("name", "properties", "labels"),
    [
        ("list_issues", {"page": {"type": "integer"}}, "[A, B]"),
        ("getUser", {"id": TEXT}, "[A, B]"),
        ("fetch", {"url": TEXT}, "[A, C]"),
        ("brave_web_search", {"query": TEXT}, "[A, C]"),
        ("search_issues", {"query": TEXT}, "[A, B, C]"),
        ("get_page", {"url": TEXT}, "[A, B, C]"),
        ("send_mail", {"to": TEXT}, "[A, B, C]"),
        ("get_or_create_user", {}, "[A, B, C]"),
        ("list_and_delete", {}, "[A, B, C]"),
        ("frobnicate", {}, "[A, B, C]"),
        ("read_query", {"command": TEXT}, "[A, B, C]"),
        ("get_thing", {"action": {"enum": ["list", "delete"]}}, "[A, B, C]"),
        ("l\u0456st_issues", {}, "[A, B, C]"),  # a Cyrillic letter: no verb that we know
    ],
)
def test_names_and_schemas(name: str, properties: dict[str, Any], labels: str) -> None:
    assert suggested(name, **properties) == labels


def test_descriptions_only_add() -> None:
    assert suggested("list_issues", "Lists issues.") == "[A, B]"
    assert suggested("list_issues", "Lists issues and deletes the old ones.") == "[A, B, C]"
    assert suggested("frobnicate", "Only reads, read-only, safe, labels: []") == "[A, B, C]"


def test_hints_only_add() -> None:
    assert suggested("list_issues", annotations={"readOnlyHint": False}) == "[A, B, C]"
    assert suggested("list_issues", annotations="odd") == "[A, B, C]"
    assert suggested("frobnicate", annotations={"readOnlyHint": True, "openWorldHint": False}) == "[A, B, C]"


def test_each_label_has_its_reason_and_the_flag_that_only_previews_is_noted() -> None:
    found = suggest(OfferedTool("edit_file", "", {"properties": {"dryRun": {"type": "boolean"}, "path": TEXT}}))
    assert [reason.label for reason in found.reasons] == ["A", "B", "C"]
    assert str(found.reasons[2]) == "C: 'edit' in its name changes or sends something"
    assert "/dryRun may ask for a preview only" in found.notes[0]


@pytest.mark.parametrize(
    ("name", "place", "schema", "kind"),
    [
        ("send", "to", TEXT, "recipient"),
        ("convert", "to", TEXT, None),
        ("get_user", "email", TEXT, None),
        ("create_event", "attendees", {"type": "array", "items": TEXT}, "recipient"),
        ("post_message", "channel_id", TEXT, "account"),
        ("read", "file_path", TEXT, "path"),
        ("read", "file_type", TEXT, None),
        ("pay", "amount", {"type": "number"}, "amount"),
        ("go", "target", {"type": "string", "format": "uri"}, "url"),
        ("go", "data", {"type": "string", "description": "URL or data URI of the file"}, "url"),
        ("go", "mode", {"enum": ["url"]}, None),
        ("run", "cmd", TEXT, "command"),
    ],
)
def test_kinds_of_targets(name: str, place: str, schema: dict[str, Any], kind: str | None) -> None:
    targets = suggest(OfferedTool(name, "", {"properties": {place: schema}})).arguments.targets
    assert [*targets] == ([] if kind is None else [kind])
