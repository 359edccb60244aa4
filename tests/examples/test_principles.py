"""The five principles, each by what the gateway does in front of a real document server (R19)."""

from __future__ import annotations

import json

from examples.stage import Stage


async def test_session_based_evaluation(stage: Stage) -> None:
    """The same call is judged by what its session has seen: it passes in a fresh one, and asks in one that is full."""
    house = stage.house("transition", name="sessions")
    async with house.agent() as agent:
        await agent.search("pump makers", namespace="public")
        await agent.search("salaries", namespace="acme")
        assert not await agent.send("press@trade.example", "Which pumps are quiet?")
        await house.run("session", "new", "--yes", agent.decisions[-1]["session"])
        assert await agent.send("press@trade.example", "Which pumps are quiet?")
    assert [one.code for one in agent.refusals] == ["approval_required"]


async def test_metadata_filters(stage: Stage) -> None:
    """What is searched is filtered by tenant before it is sent, and the result says so."""
    house = stage.house("tenants", name="filters")
    async with house.agent() as agent:
        await agent.search("Can they pay their suppliers?", namespace="globex", limit=50)
    assert {document["tenant"] for document in agent.read} == {"acme"}
    assert agent.decisions[-1]["forced"] == [{"pointer": "/namespace", "by": "manifest:library"}]


async def test_branching_in_mid_flow_and_traceable_paths(stage: Stage) -> None:
    """One session goes on another way once a person gave up [C], and each decision on it names the calls before it."""
    house = stage.house("transition", name="branches")
    async with house.agent() as agent:
        await agent.search("pump makers", namespace="public")
        await agent.send("press@trade.example", "Which pumps are quiet?")
        assert await agent.search("salaries", namespace="acme") == []
        await house.run("session", "drop", agent.decisions[-1]["session"])
        assert "acme-salaries" in await agent.search("salaries", namespace="acme")
        assert not await agent.send("press@trade.example")
        told = json.loads(await house.run("--json", "why", agent.decisions[-1]["id"]))
    public, sent, asked, private, denied = agent.decisions
    assert [one["outcome"] for one in (public, sent, asked, private, denied)] == [
        "allow",
        "allow",
        "ask",
        "allow",
        "deny",
    ]
    before = {label: origin["decision"] for label, origin in told["origins"].items()}
    assert before == {"A": public["id"], "B": private["id"], "C": sent["id"]}
