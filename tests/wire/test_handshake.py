"""Opening a session with an upstream of either era, and what its requests carry."""

import asyncio
from typing import Any

import pytest

from rule_of_two.errors import UpstreamUnavailable
from rule_of_two.wire.eras import Claims, Era
from rule_of_two.wire.frames import Failure, Notification, Request, Result
from rule_of_two.wire.handshake import UpstreamInfo, open_session, stamp
from rule_of_two.wire.peer import ConnectionLost, Limits, Peer
from tests.wire.playbook import Script, Wire, playing

WHO = {"name": "client", "version": "1"}
CLAIMS = Claims(WHO, {"elicitation": {}})
PREFIX = "io.modelcontextprotocol/"
ENVELOPE = {
    f"{PREFIX}protocolVersion": "2026-07-28",
    f"{PREFIX}clientInfo": WHO,
    f"{PREFIX}clientCapabilities": {"elicitation": {}},
}
OPENED = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "up"},
    "instructions": "i",
}
DISCOVERED = {
    "supportedVersions": ["2026-07-28"],
    "capabilities": {"tools": {}},
    "_meta": {f"{PREFIX}serverInfo": {"name": "up"}},
}


def info(era: Era) -> UpstreamInfo:
    return UpstreamInfo(era, "v", {}, {}, None, {})


async def opening(peer: Peer, **more: Any) -> UpstreamInfo:
    return await open_session(peer, claims=CLAIMS, timeout=5, **more)


async def failure(opened: "asyncio.Task[UpstreamInfo]") -> str:
    with pytest.raises(UpstreamUnavailable) as caught:
        await opened
    return str(caught.value)


async def test_a_legacy_upstream_is_told_what_the_client_says_of_itself() -> None:
    async with playing() as (peer, wire):
        opened = asyncio.create_task(opening(peer))
        request = await wire.hear_request("initialize")
        assert request.params == {
            "protocolVersion": "2025-11-25",
            "capabilities": {"elicitation": {}},
            "clientInfo": WHO,
        }
        wire.say(Result(request.id, OPENED))
        assert await wire.hear() == Notification("notifications/initialized", {})
        assert await opened == UpstreamInfo(Era.LEGACY, "2025-06-18", {"tools": {}}, {"name": "up"}, "i", OPENED)


@pytest.mark.parametrize("code", [-32022, -32601, -32602, -32600])
async def test_a_modern_only_upstream_is_discovered_on_a_fresh_connection(code: int) -> None:
    fresh_wire = Wire()
    fresh = Peer(fresh_wire, Script(), name="fresh", limits=Limits())
    running = asyncio.create_task(fresh.run())

    async def reconnect() -> Peer:
        return fresh

    async with playing() as (peer, wire):
        opened = asyncio.create_task(opening(peer, reconnect=reconnect))
        wire.say(Failure((await wire.hear_request("initialize")).id, {"code": code, "message": "no"}))
        request = await fresh_wire.hear_request("server/discover")
        assert request.params == {"_meta": ENVELOPE}
        fresh_wire.say(Result(request.id, DISCOVERED))
        assert await opened == UpstreamInfo(Era.MODERN, "2026-07-28", {"tools": {}}, {"name": "up"}, None, DISCOVERED)
        assert wire.closed
    await fresh.close()
    await running


async def test_without_a_fresh_connection_the_same_one_is_used() -> None:
    async with playing() as (peer, wire):
        opened = asyncio.create_task(opening(peer))
        wire.say(Failure((await wire.hear_request("initialize")).id, {"code": -32601, "message": "no"}))
        wire.say(
            Result((await wire.hear_request("server/discover")).id, {**DISCOVERED, "_meta": {f"{PREFIX}serverInfo": 5}})
        )
        assert (await opened).server_info == {}  # for display only, so a strange one is no obstacle


async def test_any_other_refusal_is_passed_on() -> None:
    async with playing() as (peer, wire):
        opened = asyncio.create_task(opening(peer))
        wire.say(Failure((await wire.hear_request("initialize")).id, {"code": -32000, "message": "log in first"}))
        assert await failure(opened) == "far refused to open a session: log in first (-32000)"


async def test_an_upstream_that_refuses_both_is_named_with_both_reasons() -> None:
    async with playing() as (peer, wire):
        opened = asyncio.create_task(opening(peer))
        wire.say(Failure((await wire.hear_request("initialize")).id, {"code": -32601, "message": "what?"}))
        wire.say(Failure((await wire.hear_request("server/discover")).id, {"code": -32602, "message": "no"}))
        assert await failure(opened) == "far refused initialize: what? (-32601), and server/discover: no (-32602)"


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ({**OPENED, "protocolVersion": "2099-01-01"}, "speaks MCP 2099-01-01, which this gateway does not"),
        ({**OPENED, "protocolVersion": None}, "not MCP's"),
        ({**OPENED, "capabilities": []}, "not MCP's"),
        ({**OPENED, "serverInfo": "up"}, "not MCP's"),
        ({**OPENED, "instructions": 1}, "not MCP's"),
        ({}, "not MCP's"),
    ],
)
async def test_a_strange_answer_is_refused(result: dict[str, Any], text: str) -> None:
    async with playing() as (peer, wire):
        opened = asyncio.create_task(opening(peer))
        wire.say(Result((await wire.hear_request("initialize")).id, result))
        assert text in await failure(opened)


@pytest.mark.parametrize("versions", [["2025-11-25"], [], None, "2026-07-28"])
async def test_a_discovery_without_our_version_is_refused(versions: object) -> None:
    async with playing() as (peer, wire):
        opened = asyncio.create_task(opening(peer))
        wire.say(Failure((await wire.hear_request("initialize")).id, {"code": -32022, "message": "no"}))
        discovered = {**DISCOVERED, "supportedVersions": versions}
        wire.say(Result((await wire.hear_request("server/discover")).id, discovered))
        assert await failure(opened) == "far does not speak MCP 2026-07-28, nor the handshake before it"


async def test_an_upstream_that_never_answers_is_named() -> None:
    async with playing() as (peer, wire):
        with pytest.raises(UpstreamUnavailable, match=r"far did not answer initialize within 0\.01 s"):
            await open_session(peer, claims=CLAIMS, timeout=0.01)
        assert isinstance(await wire.hear(), Request)
        await wire.silence()  # initialize is not cancelled


async def test_an_upstream_that_goes_away_is_lost() -> None:
    async with playing() as (peer, wire):
        opened = asyncio.create_task(opening(peer))
        await wire.hear_request("initialize")
        wire.end("it exited with status 1")
        with pytest.raises(ConnectionLost, match="it exited with status 1"):
            await opened


CLIENT_KEYS = {f"{PREFIX}protocolVersion": "2026-07-28", f"{PREFIX}clientInfo": {"name": "client"}, f"{PREFIX}new": 1}


@pytest.mark.parametrize(
    ("meta", "legacy", "modern"),
    [
        (None, None, ENVELOPE),
        ({}, {}, ENVELOPE),
        (CLIENT_KEYS, None, ENVELOPE),
        ({**CLIENT_KEYS, "vendor": 1}, {"vendor": 1}, {"vendor": 1, **ENVELOPE}),
        (
            {"progressToken": 1, "vendor/x": 2},
            {"progressToken": 1, "vendor/x": 2},
            {"progressToken": 1, "vendor/x": 2, **ENVELOPE},
        ),
        ({f"{PREFIX}logLevel": "info"}, None, ENVELOPE),
        ({f"{PREFIX}related-task": {}}, {f"{PREFIX}related-task": {}}, {f"{PREFIX}related-task": {}, **ENVELOPE}),
    ],
)
def test_params_carry_our_protocol_keys_and_not_the_clients(
    meta: dict[str, Any] | None, legacy: dict[str, Any] | None, modern: dict[str, Any]
) -> None:
    params: dict[str, Any] = {"a": 1} if meta is None else {"a": 1, "_meta": meta}
    before = {**params}
    assert stamp(info(Era.LEGACY), params, CLAIMS) == ({"a": 1} if legacy is None else {"a": 1, "_meta": legacy})
    assert stamp(info(Era.MODERN), params, CLAIMS) == {"a": 1, "_meta": modern}
    assert params == before


def test_params_that_need_nothing_are_not_copied() -> None:
    params = {"a": 1, "_meta": {"vendor": 1}}
    assert stamp(info(Era.LEGACY), params, CLAIMS) is params


def test_a_modern_upstream_is_told_the_level_that_a_request_wants() -> None:
    wanting = Claims(WHO, {"elicitation": {}}, "info")
    assert stamp(info(Era.MODERN), {}, wanting) == {"_meta": {**ENVELOPE, f"{PREFIX}logLevel": "info"}}


async def _other() -> tuple[Peer, Wire, "asyncio.Task[None]"]:
    wire = Wire()
    peer = Peer(wire, Script(), name="fresh", limits=Limits())
    return peer, wire, asyncio.create_task(peer.run())


async def test_a_modern_client_has_an_upstream_asked_in_its_own_era_first() -> None:
    async with playing() as (peer, wire):
        opened = asyncio.create_task(opening(peer, prefer=Era.MODERN))
        request = await wire.hear_request("server/discover")
        assert request.params == {"_meta": ENVELOPE}
        wire.say(Result(request.id, DISCOVERED))
        assert (await opened).era is Era.MODERN


@pytest.mark.parametrize("code", [-32601, -32602, -32000])
async def test_whatever_a_legacy_upstream_says_to_a_probe_it_is_initialized_on_the_same_connection(code: int) -> None:
    async with playing() as (peer, wire):
        opened = asyncio.create_task(opening(peer, prefer=Era.MODERN))
        wire.say(Failure((await wire.hear_request("server/discover")).id, {"code": code, "message": "what?"}))
        wire.say(Result((await wire.hear_request("initialize")).id, OPENED))
        assert (await opened).era is Era.LEGACY


async def test_an_upstream_that_leaves_a_probe_unanswered_is_initialized_on_a_fresh_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rule_of_two.wire.handshake.PROBE_SECONDS", 0.01)
    fresh, fresh_wire, running = await _other()

    async def reconnect() -> Peer:
        return fresh

    async with playing() as (peer, wire):
        opened = asyncio.create_task(opening(peer, prefer=Era.MODERN, reconnect=reconnect))
        await wire.hear_request("server/discover")
        fresh_wire.say(Result((await fresh_wire.hear_request("initialize")).id, OPENED))
        assert (await opened).era is Era.LEGACY
    await fresh.close()
    await running


async def test_a_modern_upstream_of_another_version_is_not_initialized() -> None:
    async with playing() as (peer, wire):
        opened = asyncio.create_task(opening(peer, prefer=Era.MODERN))
        wire.say(Failure((await wire.hear_request("server/discover")).id, {"code": -32022, "message": "2027"}))
        assert await failure(opened) == "far refused to open a session: 2027 (-32022)"
        await wire.silence()
