"""What a client lists as it connects, with real servers: nothing that the session would hold before anybody worked."""

from __future__ import annotations

import pytest

from tests.harness import House

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


async def test_a_client_that_lists_everything_begins_clean(house: House) -> None:
    """As Claude Code does: it reads all lists of each server before the first word."""
    house.settings = {"listing": {"wait": "60s"}}
    for _ in range(2):  # the second time from what was accepted
        async with house.gateway() as gateway:
            found = [
                entry.get("uri") or entry["name"]
                for kind in ("tools", "prompts", "resources", "resources/templates")
                for entry in next(iter((await gateway.request(f"{kind}/list"))["result"].values()))
            ]
            assert {"notes__create_entities", "memory://knowledge-graph"} <= set(found)
            assert house.held() == set()
    assert house.journal("decision") == []
