"""Items in as few forms as policies can tell apart, decided as each by itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rule_of_two.errors import Code
from rule_of_two.model import Item, Outcome, Principal, SessionView, labels_in
from rule_of_two.policy.authorizer import MOST_FORMS, Authorizer
from rule_of_two.policy.directory import Entity, reference, uid
from rule_of_two.policy.documents import document_reads, labels_of
from rule_of_two.policy.load import load_policies
from rule_of_two.policy.trees import policy_trees
from rule_of_two.records import replace
from tests.policy.conftest import Authorize, LoadText

NOW = datetime(2026, 11, 22, 10, 30, 30, tzinfo=UTC)
VIEW = SessionView("s-1")
OWN = """
@id("t.expired") @message("No.") forbid (principal, action == Gateway::Action::"return_document", resource)
when { resource has expires && resource.expires <= context.now };
@id("t.author") @message("No.") forbid (principal, action == Gateway::Action::"return_document", resource)
when { resource.authors.contains(Gateway::User::"mallory") ||
  (resource has owner && resource.authors.contains(resource.owner)) };
@id("t.tenant") @message("No.") forbid (principal, action == Gateway::Action::"return_document", resource)
when { resource has tenant && resource.tenant != principal.tenant };
@id("t.level") @message("No.") forbid (principal, action == Gateway::Action::"return_document", resource)
when { resource has confidentiality && resource.confidentiality > 2 } unless { context.approved };
"""


def item(number: int = 0, **more: Any) -> Item:
    return Item(f"i{number}", f"/{number}", labels_in("A"), "0", 1, **more)


def whole(one: Item) -> Entity:
    """An item with everything that is known of it."""
    attributes = {
        "server": reference("Server", "up"),
        "labels": labels_of(one.labels),
        "authors": [reference("User", name) for name in one.authors or ()],
        "owner": one.owner and reference("User", one.owner),
        "tenant": one.tenant and reference("Tenant", one.tenant),
        "role": one.role and reference("Role", one.role),
        "confidentiality": one.confidentiality,
        "purposes": None if one.purposes is None else [reference("Purpose", name) for name in one.purposes],
        "created": one.created and f"{one.created:%Y-%m-%dT%H:%M}:00Z",
        "expires": one.expires and f"{one.expires:%Y-%m-%dT%H:%M}:00Z",
    }
    known = {name: value for name, value in attributes.items() if value is not None}
    return {"uid": uid("Document", one.id), "attrs": known, "parents": [uid("Server", "up")]}


def read(text: str) -> tuple[set[str], set[str], bool]:
    """What one condition reads."""
    found = document_reads(policy_trees(f"permit (principal, action, resource) when {{ {text} }};"))
    return set(found.attributes), set(found.against_now), found.by_id


@pytest.mark.parametrize(
    ("condition", "attributes", "against_now"),
    [
        ("true", set(), set()),
        ("resource has owner", {"owner"}, set()),
        ("resource.tenant == principal.tenant", {"tenant"}, set()),
        ("resource.expires > context.now", {"expires"}, {"expires"}),
        ("context.now <= resource.created", {"created"}, {"created"}),
        ("resource.expires > context.now && resource.expires > resource.created", {"expires", "created"}, set()),
        ('resource.expires > context.now.offset(duration("1d"))', {"expires"}, set()),
        ("resource.expires == context.now", {"expires"}, set()),
        ('resource in Gateway::Server::"a"', set(), set()),
        ("resource is Gateway::Document", set(), set()),
        ("resource.server.tenant == principal.tenant", set(), set()),
        ("[resource.owner].containsAny(resource.authors)", {"owner", "authors"}, set()),
    ],
)
def test_what_a_policy_reads_of_an_item(condition: str, attributes: set[str], against_now: set[str]) -> None:
    assert read(condition) == (attributes, against_now, False)


@pytest.mark.parametrize(
    "condition",
    [
        "(if true then resource else resource).owner == principal.user",
        '{"in": resource}["in"].owner == principal.user',
        "[resource].contains(resource)",
    ],
)
def test_a_way_that_is_not_followed_reads_everything(condition: str) -> None:
    assert {"authors", "owner", "expires", "created", "purposes"} <= read(condition)[0]
    assert not read(condition)[1]


def test_a_policy_that_names_an_item_needs_its_id() -> None:
    assert read('resource == Gateway::Document::"i1"') == (set(), set(), True)


def test_policies_about_other_things_do_not_count() -> None:
    text = 'permit (principal, action in Gateway::Action::"use", resource) when { resource.owner == principal.user };'
    assert document_reads(policy_trees(text)).attributes == frozenset()


TIMES = st.sampled_from([None, *(NOW + timedelta(minutes=minutes) for minutes in (-600, -1, 0, 1, 600))])
NAMES = st.sampled_from(["mallory", "ann", "local", "eve", "?0", "?1"])
ITEMS = st.builds(
    Item,
    id=st.sampled_from(["i1", "i2"]),
    place=st.just("/"),
    labels=st.sampled_from([labels_in(text) for text in ("", "A", "AB")]),
    digest=st.just("0"),
    size=st.just(1),
    authors=st.none() | st.lists(NAMES, max_size=3, unique=True).map(tuple),
    owner=st.none() | NAMES,
    tenant=st.none() | NAMES,
    confidentiality=st.none() | st.integers(0, 4),
    created=TIMES,
    expires=TIMES,
)


DESCRIBED: list[Entity] = [
    {
        "uid": uid("Agent", "agent"),
        "attrs": {"authors": [reference("User", "ann"), reference("User", "?0")]},
        "parents": [],
    },
    {"uid": uid("User", "eve"), "attrs": {"tenant": reference("Tenant", "ann")}, "parents": [uid("Role", "?1")]},
]


@given(items=st.lists(ITEMS, max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_whoever_is_named_anywhere_stays_who_they_are(described: Authorizer, items: list[Item]) -> None:
    alone = [described.release(whole(one), one.labels, VIEW, now=NOW) for one in items]
    assert described.documents(items, "up", VIEW, now=NOW) == alone


@pytest.fixture
def described(tmp_path: Path) -> Authorizer:
    text = (
        OWN
        + """
@id("t.agent") @message("No.") forbid (principal, action == Gateway::Action::"return_document", resource)
unless { principal.agent has authors && principal.agent.authors.containsAll(resource.authors) };
@id("t.owner") @message("No.") forbid (principal, action == Gateway::Action::"return_document", resource)
when { resource has owner && resource.owner in Gateway::Role::"?1" && resource.owner has tenant &&
  resource has tenant && resource.owner.tenant == resource.tenant };
"""
    )
    (tmp_path / "own.cedar").write_text(text, encoding="utf-8")
    (tmp_path / "own.json").write_text(json.dumps(DESCRIBED), encoding="utf-8")
    policies = load_policies(["default", "./own.cedar"], relative_to=tmp_path, entities=["own.json"])
    return Authorizer(policies, Principal(), "generic")


@given(items=st.lists(ITEMS, max_size=6), held=st.sampled_from([{}, {"B": 1}, {"B": 1, "C": 2}]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_each_item_is_decided_as_it_would_be_alone(authorizer: Authorizer, items: list[Item], held: Any) -> None:
    view = replace(VIEW, held=held)
    alone = [authorizer.release(whole(one), one.labels, view, now=NOW) for one in items]
    assert authorizer.documents(items, "up", view, now=NOW) == alone


@pytest.fixture
def authorizer(load_text: LoadText) -> Authorizer:
    return Authorizer(load_text(OWN, "default"), Principal(), "generic")


def outcomes(authorizer: Authorizer, *items: Item, **more: Any) -> str:
    """``a``, ``k`` or ``d`` of each item: allowed, asked, denied."""
    verdicts = authorizer.documents(items, "up", VIEW, now=NOW, **more)
    return "".join({Outcome.ALLOW: "a", Outcome.ASK: "k", Outcome.DENY: "d"}[one.outcome] for one in verdicts)


def test_items_are_refused_singly(authorizer: Authorizer) -> None:
    found = outcomes(
        authorizer,
        item(1),
        item(2, authors=("mallory",)),
        item(3, tenant="other"),
        item(4, tenant="local"),
        item(5, confidentiality=3),
        item(6, expires=NOW - timedelta(days=1)),
        item(7, expires=NOW + timedelta(days=1)),
        item(8, authors=("x",), owner="x"),
        item(9, authors=("x",), owner="y"),
    )
    assert found == "addakdada"


def test_an_item_that_the_engine_refuses_is_denied_and_no_other_for_it(authorizer: Authorizer) -> None:
    odd = item(2, confidentiality=2**70)
    naive = item(3, expires=NOW.replace(tzinfo=None))
    verdicts = authorizer.documents([item(1), odd, naive, item(4)], "up", VIEW, now=NOW)
    assert [one.code for one in verdicts] == [None, Code.POLICY_ERROR, Code.POLICY_ERROR, None]


def test_a_thousand_items_that_differ_in_nothing_that_is_read_are_decided_once(
    authorizer: Authorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    release = authorizer.release

    def counted(*given: Any, **more: Any) -> Any:
        asked.append(given)
        return release(*given, **more)

    monkeypatch.setattr(authorizer, "release", counted)
    items = [
        item(n, authors=(f"a{n}",), created=NOW - timedelta(minutes=n), expires=NOW + timedelta(minutes=n + 1))
        for n in range(1000)
    ]
    assert outcomes(authorizer, *items) == "a" * 1000
    assert len(asked) == 1


def test_more_different_items_than_can_be_decided_are_denied(authorize: Authorize) -> None:
    level = "resource has confidentiality && resource.confidentiality < 0"
    text = '@id("t.level") @message("No.") forbid (principal, action, resource is Gateway::Document) when '
    authorizer = authorize(f"{text}{{ {level} }};")
    items = [item(n, confidentiality=n) for n in range(MOST_FORMS + 1)]
    verdicts = authorizer.documents(items, "up", VIEW, now=NOW)
    assert {one.outcome for one in verdicts[:MOST_FORMS]} == {Outcome.ALLOW}
    assert (verdicts[MOST_FORMS].outcome, verdicts[MOST_FORMS].code) == (Outcome.DENY, Code.LIMIT_EXCEEDED)


def test_a_policy_about_one_item_meets_that_item(authorize: Authorize) -> None:
    text = '@id("t.one") @message("No.") forbid (principal, action, resource == Gateway::Document::"i2");'
    assert outcomes(authorize(text), item(1), item(2), item(3)) == "ada"
