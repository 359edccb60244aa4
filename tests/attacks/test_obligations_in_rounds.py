"""A call with forced arguments goes out with them in every round, as a task, and when it is sent once more."""

from __future__ import annotations

from typing import Any

import pytest

from tests.attacks.robust import faulty
from tests.harness import DECISION, House, outcome
from tests.people import ENVELOPE

FORCE = """
@id("own.tenant")
@force("/namespace = principal.tenant")
permit (principal, action in Gateway::Action::"call_tool", resource);
"""
ANSWER = {"action": "accept", "content": {"name": "x"}}
OTHERS = {"namespace": "globex"}
ASKABLE = {**ENVELOPE, "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}


@pytest.fixture
def forced(house: House) -> House:
    (house.folder / "own.cedar").write_text(FORCE)
    house.settings = {"policies": ["default", "./own.cedar"], "principal": {"tenant": "acme"}}
    return house


def arguments(house: House, name: str) -> list[Any]:
    return [one["params"]["arguments"] for one in house.messages(name) if one.get("method") == "tools/call"]


@pytest.mark.parametrize(("era", "rounds"), [("--modern", 2), ("--legacy", 1)])
async def test_in_the_rounds_of_a_modern_client(forced: House, era: str, rounds: int) -> None:
    forced.servers = {"ask": forced.asker("ask", era)}
    async with forced.gateway(initialize=False) as gateway:
        params: dict[str, Any] = {"name": "ask__elicit", "arguments": OTHERS, "_meta": ASKABLE}
        required = (await gateway.request("tools/call", params))["result"]
        (key,) = required["inputRequests"]
        again = {**params, "inputResponses": {key: ANSWER}, "requestState": required["requestState"]}
        result = (await gateway.request("tools/call", again))["result"]
        assert outcome(result) == ("allow", None)
    assert arguments(forced, "ask") == [{"namespace": "acme"}] * rounds


async def test_in_the_rounds_of_a_legacy_client(forced: House) -> None:
    forced.servers = {"ask": forced.asker("ask", "--modern")}
    async with forced.gateway(initialize=False) as gateway:
        await gateway.initialize(elicitation={})
        gateway.answers = {"elicitation/create": {"result": ANSWER}}
        result = await gateway.call("ask__elicit", OTHERS)
    assert result["_meta"][DECISION]["forced"] == [{"pointer": "/namespace", "by": "own.tenant"}]
    assert arguments(forced, "ask") == [{"namespace": "acme"}] * 2


async def test_as_a_task(forced: House) -> None:
    forced.servers = {"ask": forced.asker("ask")}
    async with forced.gateway() as gateway:
        await gateway.call("ask__begin_task", OTHERS, task={"ttl": 60000})
    assert arguments(forced, "ask") == [{"namespace": "acme"}]


async def test_when_it_was_lost_and_is_sent_once_more(forced: House) -> None:
    forced.servers = {"faulty": faulty(forced)}
    async with forced.gateway() as gateway:
        assert outcome(await gateway.call("faulty__repeatable", OTHERS)) == ("allow", None)
    assert arguments(forced, "faulty") == [{"namespace": "acme"}] * 2
    decisions = [one for one in forced.journal("decision") if one["action"] == "call_tool"]
    assert [one["forced"][0]["value"] for one in decisions] == ["acme", "acme"]
