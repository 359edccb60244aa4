"""Every search is made in the session's own tenant, whatever the agent asks for (R17)."""

from __future__ import annotations

from examples.stage import EXAMPLES, Stage
from examples.stories import before, story


async def test_another_tenants_documents_come_back_to_whoever_asks(stage: Stage) -> None:
    course = await before(stage, story("tenants"))
    assert course.documents.count("globex-insolvency") == 3


async def test_with_the_gateway_only_the_own_tenants_do_by_every_door(stage: Stage) -> None:
    house = stage.house("tenants")
    async with house.agent() as agent:
        await story("tenants").play(agent)
        for namespace in (None, "", "globex", "GLOBEX", "*", ["globex"], {"any": ["globex"]}, 7):
            await agent.search("Can they pay their suppliers?", namespace=namespace, limit=50)
            assert await agent.open("globex-insolvency", namespace=namespace) == []
        for name in ("Namespace", "name_space", "__proto__"):
            await agent.search("Can they pay their suppliers?", **{name: "globex"})
            assert agent.refusals[-1].outcome == "deny"
    assert agent.ids
    assert {document["tenant"] for document in agent.read} == {"acme"}


async def test_they_do_too_where_no_argument_is_forced_document_by_document(stage: Stage) -> None:
    house = stage.house("tenants", name="by-document", manifest=EXAMPLES / "retrieval" / "manifest.yaml")
    async with house.agent() as agent:
        await story("tenants").play(agent)
        assert agent.ids == ["acme-refunds"]
        assert agent.withheld == 5
        await agent.search("money", limit=50)
    assert {document["tenant"] for document in agent.read} == {"acme"}
    foreign = (story("tenants").secret, "voucher", "gus")
    assert not any(word in result for result in agent.heard for word in foreign)
