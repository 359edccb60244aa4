"""Every search is made in the user's own documents, by one line (R16)."""

from __future__ import annotations

from examples.stage import EXAMPLES, ROOT, Stage
from examples.stories import before, story


async def test_somebody_elses_notes_come_back_to_whoever_asks(stage: Stage) -> None:
    course = await before(stage, story("per-user"))
    assert course.reached
    assert course.documents.count("acme-notes-sam") == 3


async def test_with_the_gateway_only_the_users_own_do_whatever_is_asked_for(stage: Stage) -> None:
    async with stage.house("per-user").agent() as agent:
        await story("per-user").play(agent)
        for owner in (
            None,
            "",
            "sam",
            "SAM",
            "*",
            ["sam"],
            {"any": ["sam"]},
            {"__entity": {"type": "User", "id": "sam"}},
        ):
            await agent.search("my review", owner=owner, limit=50)
            assert await agent.open("acme-notes-sam", owner=owner) == []
    assert set(agent.ids) == {"acme-notes-ian"}
    assert agent.refusals == []


async def test_the_users_own_are_told_apart_too_where_no_argument_is_forced(stage: Stage) -> None:
    manifest, company = EXAMPLES / "retrieval" / "manifest.yaml", EXAMPLES / "company.json"
    settings = {"policies": ["default", "relations"], "entities": [str(company)]}
    async with stage.house("per-user", name="by-document", manifest=manifest, **settings).agent() as agent:
        await story("per-user").play(agent)
        await agent.search("my review", limit=50)
    assert set(agent.ids) == {"acme-notes-ian"}
    assert agent.withheld > 10
    assert not any(story("per-user").secret in result for result in agent.heard)


def test_the_readme_shows_the_very_line() -> None:
    line = "arguments: {force: {/owner: principal.user}}"
    assert f"`{line}`" in (ROOT / "README.md").read_text()
    assert line in (EXAMPLES / "per-user" / "manifest.yaml").read_text()
