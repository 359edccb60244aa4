"""Meta's internal coder, [B][C]: what a stranger wrote comes in only when a person looked at it (R5)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from examples.agent import Agent
from examples.stage import Stage
from examples.stories import after, before, story
from rule_of_two.approvals.arrival import ArrivedItem
from rule_of_two.approvals.choice import Choice
from tests.harness import House
from tests.people import Human, human


async def test_an_issue_has_the_deploy_key_sent_to_a_stranger(stage: Stage) -> None:
    course = await before(stage, story("internal-coder"))
    assert course.left == ("build@evil.example",)


async def test_with_the_gateway_what_colleagues_wrote_arrives_unasked_and_the_strangers_words_do_not(
    stage: Stage,
) -> None:
    course = await after(stage, story("internal-coder"))
    assert course.documents == ("acme-deploy",)
    assert course.withheld == 1
    assert course.sent == ()


async def test_a_person_looks_at_the_issue_and_leaves_it_out_or_lets_it_in(stage: Stage) -> None:
    house = stage.house("internal-coder", name="person")

    async def read(agent: Agent) -> None:
        await agent.search("build of the pump firmware fails", namespace="acme", limit=3)

    async with house.agent() as agent, human(House(house.config.parent)) as person:
        issue, other = await asked(person, read(agent), 1, Choice.WITHOUT)
        assert (issue.name, issue.authors) == ("acme-issue-417", ("mallory", "ann"))
        assert "send the deploy key" in issue.text
        assert other.authors == ("ian",)
        assert agent.ids == ["acme-deploy"]
        await asked(person, read(agent), 2, Choice.YES)
        assert agent.ids == ["acme-deploy", "acme-issue-417", "acme-deploy"]
        await asked(person, agent.obey(), 3, Choice.NO)
    assert [(one.tool, one.code) for one in agent.refusals] == [("send_message", "approval_denied")]
    assert stage.sent[-1:] != [{"to": "build@evil.example", "body": agent.memory}]


async def asked(person: Human, doing: Awaitable[Any], count: int, choice: Choice) -> tuple[ArrivedItem, ...]:
    """The items that are asked about while something is done. The person answers so, with a yes to the first alone."""
    waiting = asyncio.ensure_future(doing)
    question = await person.question(count)
    items = () if question.arrival is None else question.arrival.asking
    person.give(question, choice, **({"items": (items[0].id,)} if choice is Choice.YES else {}))
    await waiting
    return items
