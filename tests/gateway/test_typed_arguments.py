"""Policies that read a tool's arguments, through a real gateway: typed by what is pinned, checked when that changes."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import pytest

from tests.harness import DECISION, SECONDS, UPSTREAMS, House, outcome
from tests.policies import until

POLICY = """
@id("own.no-globex")
@message("Not that shelf.")
forbid (principal, action == Gateway::Action::"docs__search", resource)
when { context.input has namespace && context.input.namespace == "globex" };
"""
ACME, GLOBEX = {"namespace": "acme", "query": "x"}, {"namespace": "globex", "query": "x"}


@pytest.fixture
def shelves(house: House) -> House:
    """A house whose policies read what its agent searches."""
    (house.folder / "own.cedar").write_text(POLICY)
    house.servers = {
        "docs": {
            "command": sys.executable,
            "args": [str(UPSTREAMS / "shelves.py"), str(house.folder / "docs.jsonl")],
            "manifest": str(UPSTREAMS / "shelves.yaml"),
        },
        "rec": house.recorder("rec"),
    }
    house.settings = {"typed_arguments": True, "policies": ["default", "./own.cedar"]}
    return house


def offer(house: House, **properties: Any) -> None:
    """Have the upstream say from now on that its tool takes other arguments."""
    (house.folder / "docs.schema").write_text(json.dumps({"type": "object", "properties": properties}))


async def test_a_policy_reads_what_the_model_says(shelves: House) -> None:
    async with shelves.gateway() as gateway:
        assert outcome(await gateway.call("docs__search", ACME)) == ("allow", None)
        denied = await gateway.call("docs__search", GLOBEX)
        odd = await gateway.call("docs__search", {"namespace": 7})
        assert outcome(await gateway.call("rec__neutral")) == ("allow", None)
    assert denied["_meta"][DECISION]["policies"] == ["own.no-globex"]
    assert outcome(odd) == ("deny", "policy_error")
    assert "Policies read the argument '/namespace', and it is no String" in odd["content"][0]["text"]
    assert len([one for one in shelves.messages("docs") if one["method"] == "tools/call"]) == 1


async def test_nothing_of_the_arguments_is_written_down_for_it(shelves: House) -> None:
    async with shelves.gateway() as gateway:
        await gateway.call("docs__search", {**ACME, "query": "the password is hunter2"})
    assert "hunter2" not in json.dumps(shelves.journal())


async def test_forced_arguments_are_what_policies_read(shelves: House) -> None:
    force = '@id("own.force") @force("/namespace = \\"acme\\"")\n'
    permit = f'{force}permit (principal, action == Gateway::Action::"docs__search", resource);\n'
    (shelves.folder / "own.cedar").write_text(POLICY.replace('== "globex"', '== "secret"') + permit)
    async with shelves.gateway() as gateway:
        result = await gateway.call("docs__search", GLOBEX)
    assert outcome(result) == ("allow", None)
    assert result["content"][0]["text"] == "Acme plans a merger."


async def test_a_changed_tool_is_typed_anew_once_it_is_accepted(shelves: House) -> None:
    async with shelves.gateway() as gateway:
        assert outcome(await gateway.call("docs__search", ACME)) == ("allow", None)
    offer(shelves, shelf={"type": "string"})
    async with shelves.gateway() as gateway:
        assert outcome(await gateway.call("docs__search", ACME)) == ("deny", "definition_changed")
    shelves.run("manifest", "pin", "docs", "--accept")
    async with shelves.gateway() as gateway:
        denied = await gateway.call("docs__search", ACME)
        assert outcome(await gateway.call("rec__neutral")) == ("allow", None)  # others go on
    assert outcome(denied) == ("deny", "policy_error")
    assert denied["_meta"][DECISION]["policies"] == ["own.no-globex"]
    (error,) = next(one["errors"] for one in shelves.journal("decision") if one["name"] == "search" and "errors" in one)
    assert f"{shelves.folder}/own.cedar:2: @id 'own.no-globex': " in error
    assert "own.cedar:2" in shelves.run("why", denied["_meta"][DECISION]["id"])
    assert "calls of the tools that a policy names are denied" in gateway.stderr
    typed = [one for one in shelves.journal("definitions") if one.get("event") == "typed"]
    assert [len(one["problems"]) for one in typed] == [1, 0, 0, 1]


async def test_a_running_gateway_types_anew_what_is_accepted_and_what_is_edited(shelves: House) -> None:
    async with shelves.gateway() as gateway:
        await gateway.call("docs__search", ACME)
        offer(shelves, namespace={"type": "string"}, shelf={"type": "string"})
        assert outcome(await gateway.call("docs__search", ACME)) == ("allow", None)  # and the server tells of it
        shelves.run("manifest", "pin", "docs", "--accept")
        async with asyncio.timeout(SECONDS):  # until it hears of both
            while outcome(await gateway.call("docs__search", ACME)) != ("allow", None):  # noqa: ASYNC110  # another process
                await asyncio.sleep(0.05)
        assert outcome(await gateway.call("docs__search", GLOBEX))[0] == "deny"
        (shelves.folder / "own.cedar").write_text(POLICY.replace("globex", "acme"))
        await until(shelves, "in_force", 2)
        assert outcome(await gateway.call("docs__search", ACME))[0] == "deny"
        assert outcome(await gateway.call("docs__search", GLOBEX)) == ("allow", None)
    last = [one for one in shelves.journal("definitions") if one.get("event") == "typed"][-1]
    assert last["problems"] == []


async def test_without_the_option_such_a_policy_does_not_start(shelves: House) -> None:
    shelves.settings["typed_arguments"] = False
    said = shelves.run("doctor", code=2)
    assert "unrecognized action" in said
