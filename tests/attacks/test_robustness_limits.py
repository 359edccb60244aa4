"""No more than so many calls are under way at one upstream, and no more than so many wait for it."""

from __future__ import annotations

import asyncio
from typing import Any

from rule_of_two.wire.transport import Limits
from tests.attacks.evil import messages
from tests.harness import Gateway, House, outcome

LIMITS = Limits()
Reply = asyncio.Future[dict[str, Any]]


def _hang(gateway: Gateway, count: int) -> list[tuple[int, Reply]]:
    """Start calls of which none is ever answered, unless it is refused."""
    started = []
    for _ in range(count):
        reply = gateway.start("tools/call", {"name": "rec__hang", "arguments": {}})
        started.append((gateway.last_id, reply))
    return started


async def _until_sent(house: House, gateway: Gateway, count: int) -> None:
    while house.sent("rec").count("hang") < count:
        await gateway.request("ping")


def test_one_upstream_cannot_use_up_what_a_client_may_have_in_flight() -> None:
    assert LIMITS.calls + LIMITS.waiting_calls < LIMITS.in_flight


async def test_calls_beyond_the_limit_wait_and_beyond_the_queue_are_refused(house: House) -> None:
    house.servers = {"rec": house.recorder("rec"), "other": house.recorder("other")}
    async with house.gateway() as gateway:
        await gateway.request("tools/list")
        calls = _hang(gateway, LIMITS.calls + LIMITS.waiting_calls)
        await _until_sent(house, gateway, LIMITS.calls)
        refused = await gateway.call("rec__hang")
        assert outcome(refused) == ("deny", "limit_exceeded")
        assert "Nothing was sent" in refused["content"][0]["text"]
        # The others know nothing of it.
        assert outcome(await gateway.call("other__neutral")) == ("allow", None)
        # One that gives up its place lets the first in the queue have it; one that waits leaves no trace.
        await gateway.notify("notifications/cancelled", {"requestId": calls[LIMITS.calls][0]})
        await gateway.notify("notifications/cancelled", {"requestId": calls[0][0]})
        await _until_sent(house, gateway, LIMITS.calls + 1)
        # Two places of the queue are free again.
        for _, reply in _hang(gateway, 3)[:2]:
            assert not reply.done()
        assert outcome(await gateway.call("rec__hang")) == ("deny", "limit_exceeded")
    assert house.sent("rec").count("hang") == LIMITS.calls + 1
    decided = [entry for entry in house.journal("decision") if entry["name"] == "hang"]
    assert [entry["outcome"] for entry in decided].count("allow") == LIMITS.calls + 1
    cancelled = [one for one in messages(house) if one["method"] == "notifications/cancelled"]
    assert len(cancelled) == LIMITS.calls + 1  # the one, and those that the client's end cancels


async def test_a_call_that_waited_is_decided_with_what_it_reaches_then(house: House) -> None:
    """Not with what it would have reached when it came: a link can be moved meanwhile."""
    manifest = house.folder / "links.yaml"
    manifest.write_text(
        "version: 1\nserver: recorder\nsource: a test\nmatch: {command: recorder.py}\n"
        "tools:\n  hang: {labels: []}\n  neutral: {labels: [], targets: {path: /to}, writes: none}\n"
    )
    house.servers = {"rec": {**house.recorder("rec"), "manifest": str(manifest)}}
    link, harmless = house.folder / "link", house.folder / "harmless"
    harmless.mkdir()
    link.symlink_to(harmless)
    async with house.gateway() as gateway:
        await gateway.request("tools/list")
        calls = _hang(gateway, LIMITS.calls)
        await _until_sent(house, gateway, LIMITS.calls)
        waiting = gateway.start("tools/call", {"name": "rec__neutral", "arguments": {"to": str(link / "state.db")}})
        await gateway.request("ping")
        link.unlink()
        link.symlink_to(house.state)
        await gateway.notify("notifications/cancelled", {"requestId": calls[0][0]})
        result = (await asyncio.wait_for(waiting, 30))["result"]
    assert outcome(result)[0] == "deny"
    assert "neutral" not in house.sent("rec")
