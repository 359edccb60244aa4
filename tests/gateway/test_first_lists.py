"""What a client sees that lists once and goes, of a server that is slower than a list waits."""

from __future__ import annotations

from typing import Any

import pytest

from rule_of_two.gateway.catalog import list_wait
from tests.harness import House


@pytest.fixture
def house(house: House) -> House:
    house.servers = {"quick": house.recorder("quick"), "slow": _later(house.recorder("slow"), 2)}
    return house


def _later(block: dict[str, Any], seconds: int) -> dict[str, Any]:
    command = ["-c", f'sleep {seconds}; exec "$0" "$@"', block["command"], *block["args"]]
    return {**block, "command": "sh", "args": command}


async def _listed_once(house: House) -> set[str]:
    async with house.gateway() as gateway:
        tools = (await gateway.request("tools/list"))["result"]["tools"]
    return {tool["name"].split("__")[0] for tool in tools}


async def test_a_slow_server_is_seen_after_some_starts_by_clients_that_list_once_and_go(house: House) -> None:
    starts = [await _listed_once(house) for _ in range(4)]
    assert all("quick" in listed for listed in starts)
    assert starts[-1] == {"quick", "slow"}
    assert house.sql("SELECT upstream FROM vain_starts") == []


async def test_who_says_so_waits_for_it_at_the_first_start(house: House) -> None:
    house.settings = {"listing": {"wait": "20s"}}
    assert await _listed_once(house) == {"quick", "slow"}


async def test_a_silent_server_keeps_no_list_waiting_for_ever(house: House) -> None:
    house.servers["slow"] = {"command": "sleep", "args": ["600"]}
    async with house.gateway():
        pass
    assert house.sql("SELECT number FROM vain_starts WHERE upstream LIKE 'slow:%'") == [(1,)]
    assert [list_wait(1.0, in_vain) for in_vain in range(6)] == [1.0, 2.0, 4.0, 8.0, 1.0, 1.0]
    assert list_wait(30.0, 1) == 30.0
