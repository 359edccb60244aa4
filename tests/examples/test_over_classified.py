"""A document above the user's clearance comes back from a search, and from a side door (scenario 4.5)."""

from __future__ import annotations

from examples.stage import Stage
from examples.stories import after, before, story


async def test_the_boards_plans_reach_a_support_agent_twice(stage: Stage) -> None:
    course = await before(stage, story("over-classified"))
    assert course.documents.count("acme-takeover") == 2
    assert course.left == ("press@trade.example",)


async def test_with_the_gateway_neither_the_search_nor_the_side_door_brings_them(stage: Stage) -> None:
    course = await after(stage, story("over-classified"))
    assert course.documents == ("acme-roadmap", "acme-refunds-2024")
    assert course.withheld == 2
    assert not course.reached
    assert course.sent == ()
