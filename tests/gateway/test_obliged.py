"""Obligations through a real gateway: what is decided, shown, recorded and sent has the arguments that are demanded."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.messages import Ended
from rule_of_two.gateway.obliged import meet
from rule_of_two.json_pointer import tokens_of
from rule_of_two.model import Demand, Obligation
from rule_of_two.obligations import as_json
from tests.harness import DECISION, UPSTREAMS, House, outcome
from tests.people import human, modern

TENANT = "/namespace = principal.tenant"
CALL = 'principal, action in Gateway::Action::"call_tool", resource'


def permit(name: str, *annotations: str, more: str = "") -> str:
    return f'@id("own.{name}")\n{" ".join(annotations)}\npermit ({CALL}){more};\n'


FORCE = permit("tenant", f'@force("{TENANT}")')
ASK = (
    '@id("own.ask") @message("Each is confirmed.") forbid (principal, action, resource) unless { context.approved };\n'
)


@pytest.fixture
def shelves(house: House) -> Callable[..., House]:
    """A house of the tenant acme, whose agent searches shelves of several tenants."""

    def build(policies: str, manifest: str = "", **settings: Any) -> House:
        (house.folder / "own.cedar").write_text(policies)
        written = (UPSTREAMS / "shelves.yaml").read_text()
        (house.folder / "shelves.yaml").write_text(written.replace("secrets: /token}", f"secrets: /token{manifest}}}"))
        house.servers = {
            "docs": {
                "command": sys.executable,
                "args": [str(UPSTREAMS / "shelves.py"), str(house.folder / "docs.jsonl")],
                "manifest": "./shelves.yaml",
            }
        }
        house.settings = {
            "principal": {"user": "alice", "tenant": "acme"},
            "policies": ["default", "./own.cedar"],
            **house.settings,
            **settings,
        }
        return house

    return build


def arguments(house: House) -> list[dict[str, Any]]:
    """What the upstream was really called with."""
    return [one["params"]["arguments"] for one in house.messages("docs") if one["method"] == "tools/call"]


def text(result: dict[str, Any]) -> str:
    return str(result["content"][0]["text"])


OTHERS = {"namespace": "globex", "query": "news"}


async def test_the_tenants_namespace_is_forced_although_the_model_names_anothers(shelves: Callable[..., House]) -> None:
    house = shelves(FORCE)
    async with house.gateway() as gateway:
        result = await gateway.call("docs__search", OTHERS)
    assert text(result) == "Acme plans a merger."
    assert arguments(house) == [{"namespace": "acme", "query": "news"}]
    assert result["_meta"][DECISION]["forced"] == [{"pointer": "/namespace", "by": "own.tenant"}]
    (decision,) = house.journal("decision")
    assert decision["forced"] == [{"pointer": "/namespace", "value": "acme", "by": "own.tenant"}]
    sent = json.dumps(arguments(house)[0], sort_keys=True, separators=(",", ":")).encode()
    assert decision["arguments_sha256"] == hashlib.sha256(sent).hexdigest()
    why = house.run("why", f"d{decision['seq']}")
    assert 'The argument /namespace was set to "acme" by own.tenant.' in why


async def test_it_is_forced_when_the_model_names_none(shelves: Callable[..., House]) -> None:
    house = shelves(FORCE)
    async with house.gateway() as gateway:
        await gateway.call("docs__search")
        await gateway.request("tools/call", {"name": "docs__search"})
    assert arguments(house) == [{"namespace": "acme"}, {"namespace": "acme"}]


async def test_a_manifest_forces_omits_and_caps_in_every_call(shelves: Callable[..., House]) -> None:
    demands = ", arguments: {force: {/namespace: principal.tenant}, omit: [/admin], cap: {/limit: 100}}"
    house = shelves("// none\n" + permit("plain"), demands)
    async with house.gateway() as gateway:
        forced = await gateway.call("docs__search", {**OTHERS, "limit": 1000})
        admin = await gateway.call("docs__search", {**OTHERS, "limit": 10, "admin": False})
        unlimited = await gateway.call("docs__search", OTHERS)
    assert arguments(house) == [{"namespace": "acme", "query": "news", "limit": 100}]
    by = [(one["pointer"], one["by"]) for one in forced["_meta"][DECISION]["forced"]]
    assert by == [("/namespace", "manifest:shelves"), ("/limit", "manifest:shelves")]
    assert outcome(admin) == outcome(unlimited) == ("deny", "denied_by_policy")
    assert "The argument '/admin' may not be given (the manifest 'shelves')." in text(admin)
    assert "The argument '/limit' has to be given, at most 100" in text(unlimited)


async def test_a_person_is_asked_about_the_forced_arguments_and_the_ticket_is_bound_to_them(
    shelves: Callable[..., House],
) -> None:
    house = shelves(FORCE + ASK, approvals={"wait": "200ms"})
    async with house.gateway() as gateway, human(house) as person:
        assert outcome(await gateway.call("docs__search", OTHERS)) == ("ask", "approval_pending")
        question = await person.question()
        assert question.arguments == {"namespace": "acme", "query": "news"}
        assert '"globex"' not in question.arguments_json
        person.give(question)
        await person.until(Ended)
        # Another namespace of the model's is the same call: what would be sent is what was shown.
        again = await gateway.call("docs__search", {"namespace": "initech", "query": "news"})
        assert outcome(again) == ("allow", None)
        assert outcome(await gateway.call("docs__search", {**OTHERS, "query": "x"})) == ("ask", "approval_pending")
    assert arguments(house) == [{"namespace": "acme", "query": "news"}]


async def test_a_modern_client_that_comes_back_is_forced_again(shelves: Callable[..., House]) -> None:
    house = shelves(FORCE + ASK, approvals={"wait": "200ms"})
    async with house.gateway(initialize=False) as gateway, human(house) as person:
        waiting = await modern(gateway, "docs__search", OTHERS)
        person.give(await person.question())
        await person.until(Ended)
        result = await modern(gateway, "docs__search", OTHERS, requestState=waiting["requestState"])
        assert outcome(result) == ("allow", None)
    assert arguments(house) == [{"namespace": "acme", "query": "news"}]


async def test_facts_are_those_of_the_forced_arguments(shelves: Callable[..., House]) -> None:
    no_eve = (
        '@id("own.no-eve") @message("Not to her.") forbid (principal, action, resource)\n'
        'when { context.target.recipients.contains("eve@evil.example") };\n'
    )
    house = shelves(permit("to", '@force("/to = \\"bob@example.org\\"")') + no_eve)
    async with house.gateway() as gateway:
        result = await gateway.call("docs__search", {"query": "x"})
        refused = await gateway.call("docs__search", {"query": "x", "to": "eve@evil.example"})
    assert outcome(result) == ("allow", None)
    assert [one["value"] for one in house.journal("decision")[0]["targets"]] == ["bob@example.org"]
    assert outcome(refused) == ("deny", "denied_by_policy")  # what policy denies, it obliges to nothing


async def test_obligations_that_change_once_they_are_met_are_a_denial(shelves: Callable[..., House]) -> None:
    wandering = permit(
        "wander",
        '@force("/to = \\"bob@example.org\\"")',
        more='\nunless { context.target.recipients.contains("bob@example.org") }',
    )
    house = shelves(wandering)
    async with house.gateway() as gateway:
        result = await gateway.call("docs__search", {"query": "x"})
    assert outcome(result) == ("deny", "policy_error")
    assert house.journal("decision")[0]["policies"] == ["gateway.obligations-change"]
    assert arguments(house) == []


async def test_two_policies_that_want_different_values_are_a_denial_that_names_both(
    shelves: Callable[..., House],
) -> None:
    house = shelves(FORCE + permit("user", '@force("/namespace = principal.user")'))
    async with house.gateway() as gateway:
        result = await gateway.call("docs__search", OTHERS)
    assert outcome(result) == ("deny", "policy_error")
    assert "'/namespace' cannot be all that is demanded of it (@own.tenant and @own.user)" in text(result)


async def test_a_value_that_the_schema_refuses_is_a_denial_that_names_pointer_and_policy(
    shelves: Callable[..., House],
) -> None:
    house = shelves(permit("number", '@force("/namespace = 7")'))
    async with house.gateway() as gateway:
        result = await gateway.call("docs__search", OTHERS)
    assert outcome(result) == ("deny", "policy_error")
    assert "'/namespace' cannot be set to what is demanded of it" in text(result)
    assert "@own.number" in text(result)
    assert arguments(house) == []


async def test_a_secret_is_forced_and_told_to_nobody(shelves: Callable[..., House]) -> None:
    word = "hunter2hunter2"
    house = shelves(permit("token", f'@force("/token = \\"{word}\\"")'))
    async with house.gateway() as gateway:
        result = await gateway.call("docs__search", {"query": "hunter2hunter2"})
        assert arguments(house)[0]["token"] == word
    assert "hunter2" not in json.dumps(result)
    assert "hunter2" not in json.dumps(house.journal())
    assert house.journal("decision")[0]["forced"][0]["value"] == "••••••••"


async def test_a_schema_that_changed_is_not_what_values_are_checked_by(shelves: Callable[..., House]) -> None:
    house = shelves(FORCE)
    async with house.gateway() as gateway:
        await gateway.call("docs__search", OTHERS)
    other = {"type": "object", "properties": {"tenant": {"type": "string"}}}
    (house.folder / "docs.schema").write_text(json.dumps(other))
    async with house.gateway() as gateway:
        result = await gateway.call("docs__search", OTHERS)
    assert outcome(result) == ("deny", "definition_changed")
    assert len(arguments(house)) == 1


async def test_observe_mode_forces_too_and_lets_pass_only_what_policy_denies(shelves: Callable[..., House]) -> None:
    house = shelves(permit("tenant", f'@force("{TENANT}")', '@omit("/admin")'), mode="observe")
    async with house.gateway() as gateway:
        await gateway.call("docs__search", OTHERS)
        admin = await gateway.call("docs__search", {**OTHERS, "admin": True})
        odd = await gateway.call("docs__search", {**OTHERS, "Namespace": "globex"})
    assert arguments(house) == [
        {"namespace": "acme", "query": "news"},
        {"namespace": "acme", "query": "news", "admin": True},
    ]
    assert admin["_meta"][DECISION]["observed"] is True
    assert outcome(odd) == ("deny", "policy_error")


@pytest.mark.parametrize(
    "hostile",
    [
        {"Namespace": "globex"},
        {"NAMESPACE": "globex"},
        {"name_space": "globex"},
        {"nameSpace": "globex"},
        {"\uff4eamespace": "globex"},
        {"name\u200bspace": "globex"},
        {"__proto__": {"namespace": "globex"}},
    ],
    ids=str,
)
async def test_no_other_name_stands_for_a_forced_one(shelves: Callable[..., House], hostile: dict[str, Any]) -> None:
    house = shelves(FORCE)
    async with house.gateway() as gateway:
        result = await gateway.call("docs__search", {"query": "x", **hostile})
    assert outcome(result) == ("deny", "policy_error")
    assert "another one is called nearly the same" in text(result)
    assert arguments(house) == []


async def test_a_repeated_key_is_refused_before_anything_is_forced(shelves: Callable[..., House]) -> None:
    house = shelves(FORCE)
    async with house.gateway() as gateway:
        gateway.write(
            b'{"jsonrpc":"2.0","id":99,"method":"tools/call","params":{"name":"docs__search",'
            b'"arguments":{"namespace":"acme","namespace":"globex"}}}'
        )
        reply = await gateway.until_unmatched()
    assert "error" in reply
    assert arguments(house) == []


async def test_a_grant_covers_only_calls_that_are_forced_alike(shelves: Callable[..., House]) -> None:
    house = shelves(FORCE + ASK)
    async with house.gateway() as gateway, human(house) as person:
        waiting = gateway.start("tools/call", {"name": "docs__search", "arguments": OTHERS})
        person.give(await person.question(), Choice.NO)
        assert outcome((await waiting)["result"]) == ("deny", "approval_denied")
    assert arguments(house) == []


def one(demand: Demand, pointer: str, value: Any = None, by: str = "own.x") -> Obligation:
    return Obligation(pointer, demand, "" if demand == "omit" else as_json(value), by)


@pytest.mark.parametrize(
    ("given", "obligation", "then"),
    [
        ({}, one("force", "/a/b", 1), {"a": {"b": 1}}),
        ({"a": {"c": 2}}, one("force", "/a/b", 1), {"a": {"c": 2, "b": 1}}),
        ({"a/b": {"c~d": 0}}, one("force", "/a~1b/c~0d", 1), {"a/b": {"c~d": 1}}),
        ({"a": 1}, one("force", "/a", True), {"a": True}),
        ({"limit": 101}, one("cap", "/limit", 100), {"limit": 100}),
        ({"limit": 10**30}, one("cap", "/limit", 100), {"limit": 100}),
        ({"limit": 1e300}, one("cap", "/limit", 100), {"limit": 100}),
        ({"limit": 99.5}, one("cap", "/limit", 100), {"limit": 99.5}),
        ({"limit": -1}, one("cap", "/limit", -5), {"limit": -5}),
        ({"a": {}}, one("omit", "/a/b"), {"a": {}}),
        ({"x": 1}, one("omit", "/a/b"), {"x": 1}),
    ],
)
def test_one_obligation_is_met(given: dict[str, Any], obligation: Obligation, then: dict[str, Any]) -> None:
    before = json.dumps(given)
    met = meet(given, [obligation], {})
    assert met.problem is None
    assert met.arguments == then
    assert json.dumps(given) == before  # frozen


@pytest.mark.parametrize(
    ("given", "obligation", "said"),
    [
        ({"a": [{"b": 2}]}, one("force", "/a/0/b", 1), "no object"),
        ({"a": '{"b": 2}'}, one("force", "/a/b", 1), "no object"),
        ({"a": None}, one("force", "/a/b", 1), "no object"),
        ({"a": [{"b": 2}]}, one("omit", "/a/b"), "no object"),
        ({"a": '{"b": 2}'}, one("omit", "/a/b"), "no object"),
        ({"a": {"B": 2}}, one("omit", "/a/b"), "nearly the same"),
        ({"A": {"b": 2}}, one("omit", "/a/b"), "nearly the same"),
        ({"a": {"__proto__": {"b": 2}}}, one("omit", "/a/b"), "nearly the same"),
        ({"admin": None}, one("omit", "/admin"), "may not be given"),
        ({}, one("cap", "/limit", 100), "has to be given"),
        ({"limit": "7"}, one("cap", "/limit", 100), "has to be a number from 0 to 100"),
        ({"limit": True}, one("cap", "/limit", 100), "has to be a number"),
        ({"limit": None}, one("cap", "/limit", 100), "has to be a number"),
        ({"limit": [7]}, one("cap", "/limit", 100), "has to be a number"),
        ({"limit": float("nan")}, one("cap", "/limit", 100), "has to be a number"),
        ({"limit": float("inf")}, one("cap", "/limit", 100), "has to be a number"),
        ({"limit": -1}, one("cap", "/limit", 100), "has to be a number from 0"),
    ],
)
def test_one_that_cannot_be_met_denies(given: dict[str, Any], obligation: Obligation, said: str) -> None:
    problem = meet(given, [obligation], {}).problem
    assert problem is not None
    assert said in problem.messages[0]
    assert problem.policies == ("own.x",)


def test_the_lowest_of_several_caps_holds() -> None:
    caps = [one("cap", "/limit", most, by) for most, by in ((100, "own.a"), (50, "own.b"), (70, "own.c"))]
    met = meet({"limit": 200}, caps, {})
    assert (met.arguments, met.problem) == ({"limit": 50}, None)


@pytest.mark.parametrize(
    "pair",
    [
        [one("force", "/a", 1, "own.a"), one("force", "/a", True, "own.b")],
        [one("force", "/a", {"b": 1}, "own.a"), one("force", "/a/b", 2, "own.b")],
        [one("force", "/a", {"b": 1}, "own.a"), one("omit", "/a/b", by="own.b")],
        [one("force", "/a/b", 1, "own.a"), one("omit", "/a", by="own.b")],
        [one("force", "/a", 5, "own.a"), one("cap", "/a", 3, "own.b")],
        [one("force", "/a", "x", "own.a"), one("force", "/a/b", 1, "own.b")],
    ],
)
def test_what_contradicts_is_a_denial_whatever_the_order(pair: list[Obligation]) -> None:
    for obligations in (pair, pair[::-1]):
        problem = meet({}, obligations, {}).problem
        assert problem is not None
        assert problem.code == "policy_error"


def test_what_two_want_alike_is_met() -> None:
    both = [one("force", "/a", {"b": 1}, "own.a"), one("force", "/a/b", 1, "own.b")]
    met = meet({"a": 7}, both, {})
    assert (met.arguments, met.problem) == ({"a": {"b": 1}}, None)
    assert [one.by for one in met.changed] == ["own.a", "own.b"]


def test_the_sooner_of_two_problems_is_the_one_that_observe_mode_does_not_let_pass() -> None:
    problem = meet(
        {"admin": 1, "A": 2}, [one("omit", "/admin", by="own.a"), one("force", "/a", 1, "own.b")], {}
    ).problem
    assert problem is not None
    assert problem.policies == ("own.b",)


KEYS = st.sampled_from(["a", "b", "A", "limit", "__proto__", "a/b", "0"])
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-200, 200)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.just("x"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
POINTERS = st.sampled_from(["/a", "/a/b", "/limit", "/a/limit", "/b", "/a~1b", "/a/0"])
OBLIGATIONS = st.lists(
    st.one_of(
        st.builds(lambda pointer, value, by: one("force", pointer, value, by), POINTERS, JSON, st.sampled_from("xy")),
        st.builds(lambda pointer, by: one("omit", pointer, by=by), POINTERS, st.sampled_from("xy")),
        st.builds(
            lambda pointer, most, by: one("cap", pointer, most, by),
            POINTERS,
            st.integers(-5, 50),
            st.sampled_from("xy"),
        ),
    ),
    max_size=4,
)


def plainly(arguments: Any, pointer: str) -> list[Any]:
    """What stands at a pointer, read in the plainest way: one value, or none."""
    for token in pointer[1:].split("/"):
        key = token.replace("~1", "/")
        if not isinstance(arguments, dict) or key not in arguments:
            return []
        arguments = arguments[key]
    return [arguments]


@given(st.dictionaries(KEYS, JSON, max_size=4), OBLIGATIONS)
def test_what_is_met_is_met_and_nothing_else_is_touched(given: dict[str, Any], obligations: list[Obligation]) -> None:
    before = json.dumps(given)
    met = meet(given, obligations, {})
    assert json.dumps(given) == before
    touched = {tokens_of(one.pointer)[0] for one in obligations}
    untouched = {key: value for key, value in given.items() if key not in touched}
    assert {key: value for key, value in met.arguments.items() if key not in touched} == untouched
    if met.problem is not None:
        assert met.problem.outcome == "deny"
        return
    for obligation in obligations:
        found = plainly(met.arguments, obligation.pointer)
        match obligation.demand:
            case "force":
                assert [as_json(value) for value in found] == [obligation.value]
            case "omit":
                assert found == []
            case "cap":
                assert found[0] <= json.loads(obligation.value)
