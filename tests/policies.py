"""Policies of an operator's own under a running gateway, for tests that change them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.harness import SECONDS, House

BLOCK_READS = """
@id("own.no-private")
@message("Nothing private is read.")
forbid (principal, action in Gateway::Action::"use", resource == Gateway::Tool::"rec__read_private");
"""
BLOCK_NOTHING = """
@id("own.nothing")
@message("Blocks a tool that nobody has.")
forbid (principal, action in Gateway::Action::"use", resource == Gateway::Tool::"rec__no_such_tool");
"""


def own(house: House, text: str = BLOCK_NOTHING) -> Path:
    """A folder of the operator's own beside the default set; its file."""
    folder = house.folder / "own"
    folder.mkdir(exist_ok=True)
    file = folder / "own.cedar"
    file.write_text(text)
    house.settings["policies"] = ["default", "./own"]
    return file


def events(house: House, event: str, kind: str = "policies") -> list[dict[str, Any]]:
    """What the journal says of the policies in force."""
    return [one for one in house.journal(kind) if one["event"] == event]


async def until(house: House, event: str, count: int = 1, kind: str = "policies") -> dict[str, Any]:
    """The newest event of a kind, once there are ``count``."""
    async with asyncio.timeout(SECONDS):
        while len(found := events(house, event, kind)) < count:  # noqa: ASYNC110  # another process writes it
            await asyncio.sleep(0.02)
    return found[-1]
