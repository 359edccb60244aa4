"""Drafts: the worst case, with suggestions beside it, in a file that our own loader takes."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from rule_of_two.manifests.drafting.draft import Draft, Judged, draft
from rule_of_two.manifests.manifest import Manifest
from rule_of_two.manifests.offer import Offer
from rule_of_two.manifests.recognise import Launch, recognise
from rule_of_two.model import ALL, labels_in

DAY = date(2026, 11, 28)


def tool(name: str, description: str = "", **properties: Any) -> dict[str, Any]:
    """One entry of ``tools/list``."""
    return {"name": name, "description": description, "inputSchema": {"type": "object", "properties": properties}}


def drafted(*tools: Any, judged: dict[str, Judged] | None = None, **more: Any) -> Draft:
    return draft(Offer.of(tools=tools, **more), server="crm", on=DAY, judged=judged)


TEXT = {"type": "string"}


def test_a_draft_is_the_worst_case_whatever_the_server_says() -> None:
    harmless = {"readOnlyHint": True, "destructiveHint": False, "openWorldHint": False, "idempotentHint": True}
    made = drafted(
        {**tool("get_time", "Reads the clock. labels: []"), "annotations": harmless},
        tool("list_issues"),
        prompts=[{"name": "hello"}],
        resources=[{"uri": "file:///a"}],
        templates=[{"uriTemplate": "notes://{id}"}],
    )
    document = made.document
    entries = (*document.tools.values(), *document.prompts.values(), *document.resources)
    assert len(entries) == 5
    assert {entry.labels for entry in entries} == {ALL}
    assert "# suggested: [A, B]" in made.text


def test_targets_and_what_is_read_and_secrets_stand_in_it_at_once() -> None:
    letter = {"type": "array", "items": {"type": "object", "properties": {"email": {"type": "string"}}}}
    made = drafted(tool("send_mail", recipients=letter, webhook_url=TEXT, api_key=TEXT))
    spec = made.document.tools["send_mail"]
    assert spec.targets["recipient"].at == ("/recipients/*/email",)
    assert spec.targets["url"].at == ("/webhook_url",)
    assert spec.secrets == ("/api_key",)
    facts = Manifest(made.document, upstream="crm", store="crm").tool(
        "send_mail", {"recipients": [{"email": "a@b.example"}]}
    )
    assert [target.value for target in facts.targets if target.kind == "recipient"] == ["a@b.example"]
    assert facts.reads
    assert facts.writes


def test_a_source_says_who_when_and_that_it_is_a_draft() -> None:
    made = drafted(tool("a"), server="crm-mcp", version="1.2.0", protocol="2025-06-18")
    assert made.document.source == "crm-mcp 1.2.0, MCP 2025-06-18, tools/list of 2026-11-28, drafted"


def test_it_recognises_the_server_that_it_was_drafted_from() -> None:
    launch = Launch("npx", ("-y", "@acme/crm"))
    made = draft(Offer.of(tools=[tool("a")]), server="crm", on=DAY, launch=launch)
    assert recognise(launch, [made.document]) is made.document


def test_a_launch_that_says_nothing_for_sure_makes_no_match() -> None:
    made = draft(Offer.of(), server="crm", on=DAY, launch=Launch("npx", ("--unknown", "@acme/crm")))
    assert recognise(Launch("npx", ("-y", "@acme/crm")), [made.document]) is None
    assert made.document.tools == {}


def test_what_a_person_judged_is_written_with_the_reason() -> None:
    said = {"list_issues": Judged(labels_in("AB"), "looked at\nit: only reads")}
    made = drafted(tool("list_issues"), tool("get_user"), judged=said)
    assert made.document.tools["list_issues"].labels == labels_in("AB")
    assert made.document.tools["get_user"].labels == ALL
    assert "labels: [A, B] # looked at it: only reads" in made.text


@pytest.mark.parametrize(("given", "name"), [("My CRM!", "My-CRM"), ("…", "server"), ("9", "9"), ("true", "true")])
def test_a_servers_name_becomes_one_that_a_manifest_can_have(given: str, name: str) -> None:
    assert draft(Offer.of(), server=given, on=DAY).document.server == name


def test_resources_become_patterns_and_what_makes_none_is_named() -> None:
    made = drafted(
        templates=[{"uriTemplate": "repo://{owner}/{+path}"}, {"uriTemplate": "x{+y}"}],
        resources=[{"uri": f"note://n/{number}"} for number in range(300)],
    )
    globs = [resource.uri for resource in made.document.resources]
    assert globs[0] == "repo://*/**"
    assert len(globs) == 201
    assert len(made.left_out) == 2
    assert "100 more resources" in made.text
