"""A second agent, or a clone, carries on with what the first one read (scenario 4.3)."""

from __future__ import annotations

from examples.stage import Stage
from examples.stories import Scene, before, story


async def test_one_agent_reads_and_its_clone_sends(stage: Stage) -> None:
    course = await before(stage, story("shared-session"))
    assert course.left == ("audit@payroll-check.example",)


async def test_a_clone_is_judged_by_what_the_first_one_read_and_another_user_is_not(stage: Stage) -> None:
    house = stage.house("shared-session")
    other = stage.house("shared-session", name="other", principal={"user": "ian", "tenant": "acme", "agent": "desk"})
    sent = len(stage.sent)
    async with house.agent() as sam, house.agent() as clone, other.on(house.state).agent() as ian:
        await story("shared-session").act(Scene(sam, clone, house))
        assert await ian.send("sam@acme.example", "Lunch?")
    assert "acme-salaries" in sam.ids
    assert [(one.tool, one.code) for one in clone.refusals] == [("send_message", "approval_required")]
    assert stage.sent[sent:] == [{"to": "sam@acme.example", "body": "Lunch?"}]
    assert clone.decisions[-1]["session"] == sam.decisions[-1]["session"] != ian.decisions[-1]["session"]
    assert ian.decisions[-1]["held"] == []
