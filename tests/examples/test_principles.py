"""The five principles, each by what the gateway does in front of a real document server (R19)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import anyio
import orjson
import pytest

from examples.agent import Agent
from examples.stage import Stage


@dataclass(frozen=True, slots=True)
class Walk:
    """A session of research that gave up [C] on its way, and what was written of it."""

    agent: Agent
    denied: dict[str, Any]
    """What `why` tells of its last call."""
    journal: dict[str, dict[str, Any]]
    """Its decisions, by id."""


@pytest.fixture(scope="module")
def walk(stage: Stage) -> Walk:
    async def walked() -> Walk:
        house = stage.house("transition", name="walk")
        async with house.agent() as agent:
            await agent.search("pump makers", namespace="public")
            await agent.send("press@trade.example", "Which pumps are quiet?")
            await agent.search("salaries", namespace="acme")
            await house.run("session", "drop", agent.decisions[-1]["session"])
            await agent.search("salaries", namespace="acme")
            await agent.send("press@trade.example")
        denied = json.loads(await house.run("--json", "why", agent.decisions[-1]["id"]))
        entries = map(json.loads, (await house.run("--json", "audit", "tail")).splitlines())
        return Walk(agent, denied, {f"d{one['number']}": one["body"] for one in entries if one["kind"] == "decision"})

    return anyio.run(walked)


async def test_session_based_evaluation(stage: Stage) -> None:
    """The same call is judged by what its session has seen: it asks in one that is full, and passes in a fresh one."""
    house = stage.house("transition", name="sessions")
    async with house.agent() as agent:
        await agent.search("pump makers", namespace="public")
        await agent.search("salaries", namespace="acme")
        assert not await agent.send("press@trade.example", "Which pumps are quiet?")
        await house.run("session", "new", "--yes", agent.decisions[-1]["session"])
        assert await agent.send("press@trade.example", "Which pumps are quiet?")
    assert [one.code for one in agent.refusals] == ["approval_required"]


async def test_metadata_filters(stage: Stage) -> None:
    """Of everything that a search finds, a user gets exactly the documents whose metadata let them: no role that he has
    not, and no grade above his clearance of 1."""
    async with stage.direct() as agent:
        await agent.search("What does everyone earn?", limit=50)
        his = [one["id"] for one in agent.read if "role" not in one and one["confidentiality"] <= 1]
        everything = len(agent.read)
    async with stage.house("salary-leak", name="filters").agent() as agent:
        assert await agent.search("What does everyone earn?", limit=50) == his
    assert agent.withheld == everything - len(his) > 0


def test_branching_in_mid_flow(walk: Walk) -> None:
    """One session goes on another way once a person gave up [C]: what was withheld comes in, and what passed does
    not."""
    public, sent, asked, private, denied = walk.agent.decisions
    assert [one["outcome"] for one in (public, sent, asked, private, denied)] == [
        "allow",
        "allow",
        "ask",
        "allow",
        "deny",
    ]
    assert len({one["session"] for one in walk.agent.decisions}) == 1
    assert "acme-salaries" in walk.agent.ids
    assert [one.code for one in walk.agent.refusals][-1:] == ["dropped_capability"]


def test_traceable_paths(walk: Walk) -> None:
    """`why` leads from a call back to the calls that brought what its session held, and these to their documents."""
    public, sent, _, private, denied = walk.agent.decisions
    assert walk.denied["decision"] == denied["id"]
    before = {label: origin["decision"] for label, origin in walk.denied["origins"].items()}
    assert before == {"A": public["id"], "B": private["id"], "C": sent["id"]}
    brought = {label: [one["id"] for one in walk.denied["origins"][label]["brought"]["items"]] for label in "AB"}
    assert "web-salaries" in brought["A"]
    assert "acme-salaries" in brought["B"]


def test_provenance_binding(walk: Walk) -> None:
    """Each document that is handed over is named with its authors and its digest, bound to the decision that let it
    in."""
    bound = [item for one in walk.agent.provenance for item in one.get("items", ())]
    assert [(one["id"], one["authors"]) for one in bound] == [(one["id"], one["authors"]) for one in walk.agent.read]
    assert [one["sha256"] for one in bound] == [
        hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest() for document in walk.agent.read
    ]
    for told in walk.agent.provenance:
        assert told["decision"] in {one["id"] for one in walk.agent.decisions}
        assert told["server"] == "library"
        assert walk.journal[told["decision"]].get("items", []) == told.get("items", [])
