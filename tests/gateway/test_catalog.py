"""What a name means, and what of an upstream is shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.errors import BadRequest
from rule_of_two.gateway.authorizations import Authorizations
from rule_of_two.gateway.catalog import Catalog, _fills
from rule_of_two.gateway.connect import connecting
from rule_of_two.gateway.definitions import Definition, Kind, define, pins_of
from rule_of_two.gateway.launch import Launch
from rule_of_two.gateway.mount import Mount
from rule_of_two.manifests.manifest import Manifest
from rule_of_two.wire.peer import Limits

CONNECT = connecting(Authorizations(Path("unused")))


def _mount(name: str, *offered: Definition, accepted: bool = True) -> Mount:
    mount = Mount(name, Launch(command="x"), Manifest.unknown(name, name), CONNECT, limits=Limits())
    mount.offered = list(offered)
    mount.accept(pins_of(offered, accepted_by="alice", at="t") if accepted else [])
    return mount


def _tool(name: str, **more: Any) -> Definition:
    return define(Kind.TOOL, {"name": name, "inputSchema": {"type": "object"}, **more})


def _template(text: str) -> Definition:
    return define(Kind.TEMPLATE, {"uriTemplate": text, "name": "t"})


def test_a_listed_tool_carries_its_labels_and_nothing_that_poses_as_ours() -> None:
    forged = _tool("read", _meta={"rule-of-two/decision": {"id": "d1"}, "vendor/x": 1})
    (listed,) = Catalog([_mount("files", forged)], prefixed=True).listing(Kind.TOOL, {})
    assert listed["name"] == "files__read"
    assert listed["_meta"] == {"vendor/x": 1, "rule-of-two/labels": ["A", "B", "C"]}


def test_what_nobody_accepted_is_listed_only_where_it_may_be_read() -> None:
    catalog = Catalog([_mount("files", _tool("read"), accepted=False)], prefixed=True)
    assert catalog.listing(Kind.TOOL, {}) == []
    assert [one["name"] for one in catalog.listing(Kind.TOOL, {"files": True})] == ["files__read"]


def test_a_name_means_one_tool_of_one_upstream() -> None:
    catalog = Catalog([_mount("one", _tool("read")), _mount("two", _tool("read"))], prefixed=True)
    found = catalog.find(Kind.TOOL, "two__read")
    assert found is not None
    assert found.mount.name == "two"
    assert catalog.find(Kind.TOOL, "read") is None


def test_instructions_name_their_upstream_and_only_accepted_ones_are_given() -> None:
    text = define(Kind.INSTRUCTIONS, {"instructions": "Be careful."})
    catalog = Catalog([_mount("one", text), _mount("two", text, accepted=False), _mount("three")], prefixed=True)
    assert catalog.instructions() == "Instructions of the server 'one':\nBe careful."
    assert Catalog([_mount("one", text)], prefixed=False).instructions() == "Be careful."
    assert Catalog([_mount("one")], prefixed=True).instructions() is None


def test_a_resource_belongs_to_the_one_upstream_that_offers_it() -> None:
    listed = define(Kind.RESOURCE, {"uri": "note://a", "name": "a"})
    one, two = _mount("one", listed), _mount("two", _template("mail://{folder}/{id}"))
    catalog = Catalog([one, two], prefixed=True)
    assert catalog.owner_of("note://a") is one
    assert catalog.owner_of("mail://inbox/7") is two
    assert catalog.owner_of("elsewhere://x") is None


def test_a_listing_takes_no_resource_from_another_upstreams_template() -> None:
    thief = _mount("thief", define(Kind.RESOURCE, {"uri": "mail://inbox/7", "name": "x"}), accepted=False)
    catalog = Catalog([_mount("mail", _template("mail://{folder}/{id}")), thief], prefixed=True)
    with pytest.raises(BadRequest, match="'mail' and 'thief'"):
        catalog.owner_of("mail://inbox/7")


def test_a_template_that_nobody_accepted_routes_nothing() -> None:
    catalog = Catalog([_mount("one"), _mount("thief", _template("{+anything}"), accepted=False)], prefixed=True)
    assert catalog.owner_of("mail://inbox/7") is None


@pytest.mark.parametrize(
    ("template", "uri", "fills"),
    [
        ("note://{name}", "note://a", True),
        ("note://{name}", "note:/a", False),
        ("a://{x}/b/{y}/c", "a://1/b/2/c", True),
        ("a://{x}/b/{y}/c", "a://1/b/c", False),
        ("a://fixed", "a://fixed", True),
        ("a://fixed", "a://fixed2", False),
        ("ab{x}ba", "aba", False),
    ],
)
def test_a_uri_comes_from_a_template_or_not(template: str, uri: str, fills: bool) -> None:
    assert _fills(template, uri) is fills


PARTS = st.lists(st.text(alphabet="ab/", max_size=3), min_size=1, max_size=4)


@given(PARTS, st.text(alphabet="ab/", max_size=12))
def test_the_linear_matcher_agrees_with_a_regular_expression(parts: list[str], uri: str) -> None:
    pattern = ".*".join(re.escape(part) for part in parts)
    assert _fills("{x}".join(parts), uri) is (re.fullmatch(pattern, uri) is not None)
