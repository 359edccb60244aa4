"""A support agent answers a customer from a document of the legal department (scenario 4.2)."""

from __future__ import annotations

from examples.stage import Stage
from examples.stories import after, before, story


async def test_what_the_legal_department_would_pay_is_told_to_the_other_side(stage: Stage) -> None:
    course = await before(stage, story("out-of-context"))
    assert "acme-northwind-dispute" in course.documents
    assert course.left == ("buyer@northwind.example",)


async def test_with_the_gateway_it_does_not_reach_the_agent_and_what_is_for_support_does(stage: Stage) -> None:
    course = await after(stage, story("out-of-context"))
    assert course.documents == ("acme-northwind-orders",)
    assert not course.reached
    assert course.sent == ()
    assert [one.code for one in course.refusals] == ["approval_required"]
