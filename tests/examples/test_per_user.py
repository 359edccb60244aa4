"""Every search is made in the user's own documents, by one line (R16)."""

from __future__ import annotations

from examples.stage import Stage
from examples.stories import after, before, story


async def test_somebody_elses_notes_come_back_to_whoever_asks(stage: Stage) -> None:
    course = await before(stage, story("per-user"))
    assert course.reached
    assert course.documents.count("acme-notes-sam") == 3


async def test_with_the_gateway_only_the_users_own_do(stage: Stage) -> None:
    course = await after(stage, story("per-user"))
    assert set(course.documents) == {"acme-notes-ian"}
    assert not course.reached
