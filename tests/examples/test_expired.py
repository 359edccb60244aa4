"""An answer is made of a policy that has expired (scenario 4.4)."""

from __future__ import annotations

from examples.stage import Stage
from examples.stories import after, before, story


async def test_a_customer_is_told_what_holds_no_longer(stage: Stage) -> None:
    course = await before(stage, story("expired"))
    assert {"acme-refunds", "acme-refunds-2024"} <= set(course.documents)
    assert course.left == ("customer@mail.example",)


async def test_with_the_gateway_only_what_still_holds_reaches_the_agent(stage: Stage) -> None:
    course = await after(stage, story("expired"))
    assert course.documents == ("acme-refunds", "acme-northwind-orders")
    assert course.withheld == 1
    assert not course.reached
    assert course.sent == ()
