"""A document above the user's clearance comes back from a search, and from a side door (scenario 4.5)."""

from __future__ import annotations

from examples.stage import Stage
from examples.stories import after, before, story


async def test_the_boards_plans_reach_a_support_agent_twice(stage: Stage) -> None:
    course = await before(stage, story("over-classified"))
    assert course.documents.count("acme-takeover") == 2
    assert course.left == ("press@trade.example",)


async def test_with_the_gateway_they_are_not_sent_unasked(stage: Stage) -> None:
    course = await after(stage, story("over-classified"))
    assert course.sent == ()
