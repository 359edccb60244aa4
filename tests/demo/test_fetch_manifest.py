"""The demo's manifest for fetch: only the operator's own wiki takes labels off, and nothing that looks like it."""

from __future__ import annotations

import pytest

from rule_of_two.demo.stage import HERE
from rule_of_two.manifests.load import load_manifest
from rule_of_two.manifests.manifest import Manifest
from rule_of_two.model import ALL
from tests.servers import real_server, running

MANIFEST = Manifest(
    load_manifest(HERE / "fetch.yaml"), upstream="web", store="web", parameters={"wiki_hosts": ["127.0.0.1:8000"]}
)


def test_a_page_of_the_wiki_is_untrusted_and_no_more() -> None:
    facts = MANIFEST.tool("fetch", {"url": "http://127.0.0.1:8000/wiki/new-laptop"})
    assert facts.labels == {"A"}
    assert facts.lowered_by == ("fetch: rule 1 of fetch (url in wiki_hosts)",)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8001/",
        "http://127.0.0.1/",
        "http://127.0.0.1:8000.evil.example/",
        "http://127.0.0.1:8000@evil.example/",
        "http://evil.example/127.0.0.1:8000",
        "http://2130706433:8000/",
        "not a url",
        None,
    ],
)
def test_every_other_host_keeps_all_three(url: str | None) -> None:
    assert MANIFEST.tool("fetch", {"url": url}).labels == ALL
    assert MANIFEST.prompt("fetch", {"url": url}).labels == ALL


def test_without_a_named_wiki_nothing_is_taken_off() -> None:
    unset = Manifest(load_manifest(HERE / "fetch.yaml"), upstream="web", store="web", parameters={})
    assert unset.tool("fetch", {"url": "http://127.0.0.1:8000/"}).labels == ALL


@pytest.mark.real
def test_it_names_everything_that_the_real_server_offers() -> None:
    with running([*real_server("fetch"), "--allow-private-ips"]) as server:
        tools = server.list_all("tools/list", "tools")
        prompts = server.list_all("prompts/list", "prompts")
    assert [tool["name"] for tool in tools if not MANIFEST.classifies_tool(tool["name"])] == []
    assert [prompt["name"] for prompt in prompts if not MANIFEST.classifies_prompt(prompt["name"])] == []
    hints = tools[0]["annotations"]
    assert MANIFEST.tool("fetch", {"url": "http://127.0.0.1:8000/"}, hints).labels == {"A"}
