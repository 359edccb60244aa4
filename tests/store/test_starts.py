"""How often a server was started in vain."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rule_of_two.store.starts import Starts
from rule_of_two.store.state import open_state


async def test_starts_are_in_vain_until_the_server_came(tmp_path: Path) -> None:
    database = open_state(tmp_path)
    starts = Starts(database)
    assert [await starts.begin("slow") for _ in range(3)] == [0, 1, 2]
    assert await starts.begin("other") == 0
    await starts.came("slow")
    await starts.came("never started")
    assert await starts.begin("slow") == 0
    assert await starts.begin("other") == 1
    database.close()


async def test_of_many_gateways_that_start_at_once_each_counts(tmp_path: Path) -> None:
    databases = [open_state(tmp_path) for _ in range(8)]
    counts = await asyncio.gather(*(Starts(one).begin("slow") for one in databases))
    assert sorted(counts) == list(range(8))
    for one in databases:
        one.close()
