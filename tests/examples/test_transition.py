"""A session of research gives up [C], and may then read what is private (R6)."""

from __future__ import annotations

from examples.stage import Stage
from examples.stories import after, before, story


async def test_without_a_gateway_nobody_can_take_anything_away(stage: Stage) -> None:
    course = await before(stage, story("transition"))
    assert course.left == ("audit@payroll-check.example",)


async def test_a_session_that_gave_up_c_reads_on_unasked_and_never_sends_again(stage: Stage) -> None:
    course = await after(stage, story("transition"))
    assert "acme-salaries" in course.documents
    assert [to for to, _ in course.sent] == ["press@trade.example"]
    assert [(one.tool, one.code) for one in course.refusals] == [("send_message", "dropped_capability")]
