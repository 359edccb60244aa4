"""Meta's internal coder, [B][C]: what a stranger wrote comes in only when a person looked at it (R5)."""

from __future__ import annotations

from examples.stage import Stage
from examples.stories import after, before, story


async def test_an_issue_has_the_deploy_key_sent_to_a_stranger(stage: Stage) -> None:
    course = await before(stage, story("internal-coder"))
    assert course.left == ("build@evil.example",)


async def test_with_the_gateway_the_strangers_words_do_not_come_in(stage: Stage) -> None:
    course = await after(stage, story("internal-coder"))
    assert "acme-issue-417" not in course.documents
    assert course.sent == ()
