"""Meta's travel agent, [A][B]: it knows the traveller, and writes to nobody unasked (R3)."""

from __future__ import annotations

import anyio

from examples.stage import Stage
from examples.stories import before, story
from rule_of_two.approvals.choice import Choice
from tests.harness import House
from tests.people import human


async def test_a_hotels_page_has_the_passport_sent_to_it(stage: Stage) -> None:
    course = await before(stage, story("travel-agent"))
    assert course.left == ("desk@lindenhof-rooms.example",)


async def test_with_the_gateway_who_is_not_listed_gets_nothing_and_who_is_listed_is_asked_about(stage: Stage) -> None:
    house = stage.house("travel-agent")
    async with house.agent() as agent, human(House(house.config.parent)) as person:
        await story("travel-agent").play(agent)
        assert [(one.outcome, one.code) for one in agent.refusals] == [("deny", "denied_by_policy")]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(agent.send, "stay@seeblick.example", "A room for Ann, please.")
            question = await person.question()
            assert stage.sent[-1:] != [{"to": "stay@seeblick.example", "body": "A room for Ann, please."}]
            person.give(question, Choice.YES)
    assert "acme-traveller-ann" in agent.ids
    assert len(agent.refusals) == 1
    assert stage.sent[-1] == {"to": "stay@seeblick.example", "body": "A room for Ann, please."}
