"""A second agent, or a clone, carries on with what the first one read (scenario 4.3)."""

from __future__ import annotations

from examples.stage import Stage
from examples.stories import after, before, story


async def test_one_agent_reads_and_its_clone_sends(stage: Stage) -> None:
    course = await before(stage, story("shared-session"))
    assert course.left == ("audit@payroll-check.example",)


async def test_a_clone_is_judged_by_what_the_first_one_read(stage: Stage) -> None:
    course = await after(stage, story("shared-session"))
    assert course.reached
    assert course.sent == ()
    assert [(one.tool, one.code) for one in course.refusals] == [("send_message", "approval_required")]


async def test_another_user_on_the_same_state_has_a_session_of_their_own(stage: Stage) -> None:
    house = stage.house("shared-session", name="two-users")
    other = stage.house("shared-session", name="other", principal={"user": "ian", "tenant": "acme", "agent": "desk"})
    async with house.agent() as sam, other.on(house.state).agent() as ian:
        await sam.search("What does everyone earn?")
        assert await ian.send("sam@acme.example", "Lunch?")
    assert sam.decisions[-1]["session"] != ian.decisions[-1]["session"]
    assert ian.decisions[-1]["held"] == []
