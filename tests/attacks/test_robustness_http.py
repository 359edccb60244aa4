"""An HTTP upstream that goes away is connected again, and what may be repeated is."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.harness import UPSTREAMS, Gateway, House, outcome


@dataclass
class Upstream:
    """The upstream's process, and where it can be reached when it runs."""

    house: House
    process: asyncio.subprocess.Process
    port: int

    @property
    def called(self) -> list[str]:
        return (self.house.folder / "called").read_text().split()

    async def end(self) -> None:
        self.process.kill()
        await self.ended()

    async def ended(self) -> None:
        await self.process.wait()
        self.process._transport.close()  # type: ignore[attr-defined]  # else its pipes warn when collected

    async def start(self) -> None:
        self.process, self.port = await _started(self.house, self.port)


async def _started(house: House, port: int) -> tuple[asyncio.subprocess.Process, int]:
    script = (sys.executable, str(UPSTREAMS / "portable_http.py"), str(port), str(house.folder / "called"))
    process = await asyncio.create_subprocess_exec(*script, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    return process, int(await process.stdout.readline())


@asynccontextmanager
async def portable(house: House) -> AsyncIterator[Upstream]:
    """A house with an HTTP upstream that runs."""
    manifest = house.folder / "portable.yaml"
    manifest.write_text(
        "version: 1\nserver: portable\nsource: a test\n"
        "tools: {steady: {labels: []}, repeatable: {labels: [A]}, plain: {labels: [A]}}\n"
    )
    upstream = Upstream(house, *await _started(house, 0))
    house.servers = {
        "far": {"url": f"http://127.0.0.1:{upstream.port}/mcp", "manifest": str(manifest)},
        "rec": house.recorder("rec"),
    }
    try:
        yield upstream
    finally:
        if upstream.process.returncode is None:
            await upstream.end()


async def _until_called(gateway: Gateway) -> None:
    async with asyncio.timeout(30):
        while outcome(await gateway.call("far__steady")) != ("allow", None):
            await gateway.request("ping")


async def test_an_http_upstream_that_went_away_fails_clearly_and_is_connected_again(house: House) -> None:
    async with portable(house) as upstream, house.gateway() as gateway:
        await _until_called(gateway)
        await upstream.end()
        assert outcome(await gateway.call("far__steady")) == ("deny", "upstream_unavailable")
        assert outcome(await gateway.call("rec__neutral")) == ("allow", None)
        await upstream.start()
        await _until_called(gateway)


async def test_a_call_that_an_http_upstream_lost_is_repeated_if_that_is_safe(house: House) -> None:
    async with portable(house) as upstream, house.gateway() as gateway:
        await _until_called(gateway)
        assert outcome(await gateway.call("far__plain")) == ("deny", "upstream_unavailable")
        await upstream.ended()
        await upstream.start()
        await _until_called(gateway)
        call = gateway.start("tools/call", {"name": "far__repeatable", "arguments": {}})
        await upstream.ended()
        await upstream.start()
        result = (await asyncio.wait_for(call, 30))["result"]
        assert outcome(result) == ("allow", None)
        assert result["content"][0]["text"] == "done: repeatable"
    assert upstream.called.count("plain") == 1
    assert upstream.called.count("repeatable") == 2
