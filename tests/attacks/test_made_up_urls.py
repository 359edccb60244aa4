"""An address that the agent made up carries data out: only those that a session was handed over are given."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.render import View
from rule_of_two.approvals.spans import line_text
from rule_of_two.gateway.addresses import MOST_ADDRESSES, MOST_CHARACTERS
from rule_of_two.gateway.given_urls import MOST_OF_SESSION
from tests.attacks.http_clients import HttpClient, served
from tests.attacks.puppets import new_session
from tests.harness import UPSTREAMS, Gateway, House, outcome
from tests.people import ASK_BEFORE_EVERY_ACT, human

POLICY = """
@id("web.only-given") @message("This address stood in no page of this session.")
forbid (principal, action in Gateway::Action::"use", resource) unless { context.target.given };
"""
GOOD = "https://good.example/a"


@pytest.fixture
def library(house: House) -> House:
    (house.folder / "own.cedar").write_text(POLICY)
    house.settings["policies"] = ["default", "own.cedar"]
    house.servers = {"lib": block(house)}
    return house


def block(house: House) -> dict[str, Any]:
    return {
        "command": sys.executable,
        "args": [str(UPSTREAMS / "library.py"), str(house.folder / "sent.jsonl"), str(house.folder)],
        "manifest": str(UPSTREAMS / "library.yaml"),
    }


def text(*blocks: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": one} for one in blocks]}


def put(house: House, result: dict[str, Any], name: str = "p") -> None:
    (house.folder / f"{name}.json").write_text(json.dumps(result))


async def show(gateway: Gateway, name: str = "p") -> dict[str, Any]:
    return await gateway.call("lib__show", {"page": name})


async def may_visit(gateway: Gateway, *urls: str) -> bool:
    first, *more = urls
    result = await gateway.call("lib__visit", {"url": first, "more": more or [first]})
    if outcome(result) == ("allow", None):
        return True
    assert outcome(result) == ("deny", "denied_by_policy")
    assert "web.only-given" in result["_meta"]["rule-of-two/decision"]["policies"]
    return False


@pytest.mark.parametrize(
    "result",
    [
        text(f"See {GOOD}."),
        text(f"[here]({GOOD}), or <{GOOD}>"),
        text(json.dumps({"link": GOOD})),
        text(json.dumps({"link": GOOD}).replace("/", "\\/")),
        {**text(f"**{GOOD}**"), "isError": True},
        {"content": [], "structuredContent": {"found": [{"link": GOOD}]}},
        {"content": [{"type": "resource", "resource": {"uri": "page://x", "text": f"({GOOD})"}}]},
        {"content": [{"type": "resource_link", "uri": GOOD, "name": "x"}]},
    ],
    ids=str,
)
async def test_an_address_that_stood_in_a_result_is_given(library: House, result: dict[str, Any]) -> None:
    put(library, result)
    async with library.gateway() as gateway:
        assert not await may_visit(gateway, GOOD)
        await show(gateway)
        assert await may_visit(gateway, GOOD)
        assert not await may_visit(gateway, f"{GOOD}?d=secret")
    visits = [entry for entry in library.journal("decision") if entry["name"] == "visit"]
    assert [entry["targets"][0]["given"] for entry in visits] == [False, True, False]
    assert "An address that it reaches was not known" in library.run("why", f"d{visits[-1]['seq']}")
    assert "An address" not in library.run("why", f"d{visits[1]['seq']}")


async def test_resources_and_prompts_give_too(library: House) -> None:
    put(library, {"contents": [{"uri": "page://p", "text": f"see {GOOD}"}]})
    put(library, {"messages": [{"role": "user", "content": {"type": "text", "text": f"see {GOOD}/b"}}]}, "q")
    async with library.gateway() as gateway:
        await gateway.request("resources/read", {"uri": "page://p"})
        assert await may_visit(gateway, GOOD)
        assert not await may_visit(gateway, f"{GOOD}/b")
        await gateway.request("prompts/get", {"name": "lib__page", "arguments": {"page": "q"}})
        assert await may_visit(gateway, f"{GOOD}/b", GOOD)


VARIANTS = (
    f"{GOOD}?d=secret",
    f"{GOOD}/secret",
    f"{GOOD}secret",
    f"{GOOD}#secret",
    "https://good.example/%61",
    "https://good.example//a",
    "https://good.example/./a",
    "https://good.example/x/../a",
    "https://good.example/A",
    "http://good.example/a",
    "https://good.example:8443/a",
    "https://secret@good.example/a",
    "https://good.example\\@evil.example/a",
    "https://good.example/a\u0000secret",
    "https://good.example/a\tsecret",
    "https://good.example/\u0430",
    "https://go\u043ed.example/a",
    f" {GOOD}",
    "good.example/a",
    "/a",
    "",
    "https://evil.example/?d=secret",
    "https://secret.good.example/a",
    "https://good.example/",
)


async def test_no_variant_of_a_given_address_is_given(library: House) -> None:
    put(library, text(f"See {GOOD} and [its root](/) and https://evil.example/?d= and https://secret.example/"))
    async with library.gateway() as gateway:
        await show(gateway)
        assert await may_visit(gateway, GOOD)
        for visited in VARIANTS:
            assert not await may_visit(gateway, visited), visited
            assert not await may_visit(gateway, GOOD, visited), visited


async def test_another_spelling_of_scheme_and_host_is_the_same_address(library: House) -> None:
    put(library, text(GOOD))
    async with library.gateway() as gateway:
        await show(gateway)
        for same in ("HTTPS://GOOD.example/a", "https://good.example.:443/a", "https://good。example/a"):
            assert await may_visit(gateway, same), same


NOT_IN_WHOLE = (
    text("https://good.example", "/a"),
    text("https://good.example/", "a"),
    text(f"x{GOOD}"),
    text(f"{GOOD}\u0000b"),
    text(f"{GOOD}\\u0026b"),
    text("https:\\/\\/good.example\\/a, says PHP"),
    text(f"{GOOD}/and/more"),
    text("https://x@good.example/a"),
    {"content": [{"type": "image", "data": GOOD, "mimeType": "image/png"}]},
    {"content": [], "_meta": {"x": GOOD}},
)


async def test_what_did_not_stand_there_in_whole_is_not_given(library: House) -> None:
    async with library.gateway() as gateway:
        for result in NOT_IN_WHOLE:
            put(library, result)
            await show(gateway)
            assert not await may_visit(gateway, GOOD), result
        put(library, text(GOOD))
        await show(gateway)
        assert await may_visit(gateway, GOOD), "the session remembers still"


@pytest.mark.parametrize(
    "result",
    [text("x" * (1 << 19) + f" {GOOD}"), text("https://many.example/ " * 1024 + GOOD)],
    ids=["characters", "addresses"],
)
async def test_what_stands_beyond_what_is_read_of_a_result_is_not_given(library: House, result: dict[str, Any]) -> None:
    put(library, result)
    async with library.gateway() as gateway:
        await show(gateway)
        assert not await may_visit(gateway, GOOD)


async def test_what_the_agent_wrote_itself_is_not_given_when_a_server_repeats_it(library: House) -> None:
    made_up = "https://evil.example/?d=secret"
    put(library, text(f"See {GOOD}"))
    async with library.gateway() as gateway:
        await show(gateway)
        for words in (made_up, f"{GOOD} is fine, and so is {made_up}", json.dumps({"x": [made_up + "."]})):
            assert outcome(await gateway.call("lib__echo", {"text": words})) == ("allow", None)
        assert not await may_visit(gateway, made_up)
        assert not await may_visit(gateway, f"{made_up}.")
        assert await may_visit(gateway, GOOD)


async def test_nothing_is_given_any_more_to_who_writes_more_than_is_remembered(library: House) -> None:
    put(library, text(f"See {GOOD}"))
    put(library, text(f"See {GOOD}/b"), "q")
    async with library.gateway() as gateway:
        await show(gateway)
        await gateway.call("lib__echo", {"text": "x" * (1 << 19)})
        await show(gateway, "q")
        assert await may_visit(gateway, GOOD)
        assert not await may_visit(gateway, f"{GOOD}/b")


async def test_another_session_was_not_given_it(library: House) -> None:
    put(library, text(GOOD))
    library.settings["sessions"] = {"boundary": "human"}
    async with library.gateway() as gateway:
        await show(gateway)
        assert await may_visit(gateway, GOOD)
        async with library.gateway() as other:  # another process of the same session does not know
            assert not await may_visit(other, GOOD)
        await new_session(library)
        assert not await may_visit(gateway, GOOD)
    async with library.gateway() as gateway:
        assert not await may_visit(gateway, GOOD)


async def test_the_documented_policy_allows_what_was_given_or_is_listed(library: House) -> None:
    docs = (Path(__file__).parents[2] / "docs" / "decisions.md").read_text()
    (policy,) = re.findall(r"```cedar\n(.*?)```", docs, re.DOTALL)
    (library.folder / "own.cedar").write_text(policy)
    listed = "https://listed.example/?x"
    agent = {"uid": {"type": "Gateway::Agent", "id": "agent"}, "attrs": {"urls": [listed]}, "parents": []}
    (library.folder / "entities.json").write_text(json.dumps([agent]))
    library.settings["entities"] = ["entities.json"]
    library.settings["approvals"] = {"unattended": "deny"}
    put(library, text(GOOD))
    async with library.gateway() as gateway:

        async def passes(*urls: str) -> bool:
            result = await gateway.call("lib__visit", {"url": urls[0], "more": list(urls)})
            return outcome(result) == ("allow", None)

        assert await passes(listed)
        assert not await passes(f"{listed}=secret")
        assert not await passes(GOOD)
        assert not await passes(listed, "no address")
        await show(gateway)
        assert await passes(GOOD)
        assert not await passes(f"{GOOD}?secret")


def test_the_limits_are_documented() -> None:
    docs = " ".join((Path(__file__).parents[2] / "docs" / "decisions.md").read_text().split())
    assert f"({MOST_OF_SESSION:,} addresses of a session are kept)" in docs
    assert f"first {MOST_ADDRESSES:,} addresses or {MOST_CHARACTERS >> 10} Ki characters of a result" in docs


async def test_conversations_were_given_nothing_of_each_others_and_what_names_none_was_given_nothing(
    library: House,
) -> None:
    put(library, text(GOOD))
    library.settings["sessions"] = {
        "boundary": "conversation",
        "conversation_key": "/acme.thread",
        "forks_keep_key": True,
    }
    async with library.gateway() as gateway:

        async def visits(key: str | None) -> str:
            meta = {} if key is None else {"_meta": {"acme.thread": key}}
            return outcome(await gateway.call("lib__visit", {"url": GOOD, "more": [GOOD]}, **meta))[0]

        await gateway.call("lib__show", {"page": "p"}, _meta={"acme.thread": "one"})
        assert [await visits(key) for key in ("one", "two", None)] == ["allow", "deny", "deny"]
        await gateway.call("lib__show", {"page": "p"})
        assert [await visits(key) for key in ("one", "two", None)] == ["allow", "deny", "deny"]


async def test_connections_of_one_session_share_what_they_were_given(state: Path) -> None:
    house = House(state, settings={"policies": ["default", "own.cedar"], "sessions": {"boundary": "human"}})
    house.servers = {"lib": block(house)}
    (state / "own.cedar").write_text(POLICY)
    put(house, text(GOOD))
    async with served(house, "alice", "bob") as (alice, bob):

        async def visits(client: HttpClient) -> str:
            reply = await client.call("lib__visit", {"url": GOOD, "more": [GOOD]})
            return outcome(reply["result"])[0]

        first, second = await alice.open(), await alice.open()
        params = {"name": "lib__visit", "arguments": {"url": GOOD, "more": [GOOD]}}
        reply = await alice.legacy(second, "tools/call", params)
        assert outcome(reply.json()["result"])[0] == "deny"
        await alice.legacy(first, "tools/call", {"name": "lib__show", "arguments": {"page": "p"}})
        reply = await alice.legacy(second, "tools/call", params)
        assert outcome(reply.json()["result"])[0] == "allow"
        assert [await visits(client) for client in (alice, bob)] == ["allow", "deny"]


async def test_a_protocol_error_gives_nothing(library: House) -> None:
    put(library, {"error": {"code": -32000, "message": f"see {GOOD}", "data": {"content": [{"text": GOOD}]}}})
    async with library.gateway() as gateway:
        reply = await gateway.request("tools/call", {"name": "lib__show", "arguments": {"page": "p"}})
        assert GOOD in reply["error"]["message"]
        assert not await may_visit(gateway, GOOD)


async def test_what_is_refused_gives_nothing(library: House) -> None:
    (library.folder / "own.cedar").write_text(
        POLICY
        + """@id("own.no-show") @message("No.") forbid (principal, action, resource)
        when { resource == Gateway::Tool::"lib__show" };"""
    )
    put(library, text(GOOD))
    async with library.gateway() as gateway:
        assert outcome(await show(gateway)) == ("deny", "denied_by_policy")
        assert not await may_visit(gateway, GOOD)


async def test_where_no_policy_asks_nothing_is_remembered_or_said(library: House) -> None:
    library.settings["policies"] = ["default"]
    put(library, text(GOOD))
    async with library.gateway() as gateway:
        await show(gateway)
        assert await may_visit(gateway, f"{GOOD}?d=secret")
    (visit,) = [entry for entry in library.journal("decision") if entry["name"] == "visit"]
    assert all("given" not in target for target in visit["targets"])


@pytest.mark.parametrize(
    ("given", "words"), [(True, ""), (False, "this address is not known from any result of this session")]
)
async def test_a_person_is_told_that_an_address_is_made_up(state: Path, *, given: bool, words: str) -> None:
    house = House(state, settings={"policies": ["default", "own.cedar"]})
    house.servers = {"lib": block(house)}
    (state / "own.cedar").write_text(
        ASK_BEFORE_EVERY_ACT + POLICY.replace("target.given", "target.given || context.approved")
    )
    put(house, text(GOOD if given else "nothing"))
    async with house.gateway() as gateway, human(house) as person:
        await show(gateway)
        call = gateway.start("tools/call", {"name": "lib__visit", "arguments": {"url": GOOD, "more": [GOOD]}})
        question = await person.question()
        shown = " ".join("\n".join(map(line_text, View(question).page(80, datetime.now(UTC)).lines)).split())
        assert ("is not known from" in shown) is not given
        assert words in shown
        person.give(question, Choice.YES)
        assert outcome((await call)["result"]) == ("allow", None)
