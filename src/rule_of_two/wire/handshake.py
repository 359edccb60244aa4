"""How we open a session with an upstream, and what its requests must carry from then on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from msgspec import Struct

from rule_of_two import __version__
from rule_of_two.errors import UpstreamUnavailable
from rule_of_two.wire.codes import INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, UNSUPPORTED_PROTOCOL_VERSION
from rule_of_two.wire.eras import (
    CLIENT_CAPABILITIES,
    CLIENT_INFO,
    LATEST_LEGACY,
    LATEST_MODERN,
    LEGACY_VERSIONS,
    LOG_LEVEL,
    PROTOCOL_VERSION,
    RELATED_TASK,
    RESERVED,
    SERVER_INFO,
    Claims,
    Era,
)
from rule_of_two.wire.handler import RemoteError
from rule_of_two.wire.peer import Peer
from rule_of_two.wire.transport import ConnectionLost, TimedOut

_MODERN_ONLY: Final = frozenset((UNSUPPORTED_PROTOCOL_VERSION, METHOD_NOT_FOUND, INVALID_PARAMS, INVALID_REQUEST))
"""How servers without a handshake refuse ``initialize``: by version, by method, or because the envelope is missing."""

_PASSED_ON: Final = frozenset((RELATED_TASK,))
"""Reserved keys that speak about the request and not about the client: the others are set anew for each upstream."""

PROBE_SECONDS: Final = 5.0
"""How long an upstream may take to say that it knows nothing of ``server/discover`` (basic/transports/stdio)."""


class UpstreamInfo(Struct, frozen=True):
    """What an upstream said of itself.

    Its name and its instructions are claims of the upstream: no decision may rest on them.
    """

    era: Era
    protocol_version: str
    capabilities: dict[str, Any]
    server_info: dict[str, Any]
    instructions: str | None
    raw: dict[str, Any]


async def open_session(
    peer: Peer,
    *,
    claims: Claims,
    timeout: float,  # noqa: ASYNC109  # passed on to each request
    prefer: Era = Era.LEGACY,
    reconnect: Callable[[], Awaitable[Peer]] | None = None,
) -> UpstreamInfo:
    """Open a session in the era that the client speaks, if the upstream does, else in the other one.

    :meth:`Peer.run` must be running. ``timeout`` (seconds) is for each answer. ``reconnect`` gives a fresh connection
    for a second attempt, for upstreams whose era is decided by the first request; the first one is closed. Without it
    the second attempt is made on the same connection.

    :raises UpstreamUnavailable: it did not answer, refused, or speaks no version that we speak. The text may quote the
        upstream (its error messages, its version), which no other text of this package's exceptions does but
        :attr:`RemoteError.message`.
    """

    async def anew() -> Peer:
        if reconnect is None:
            return peer
        await peer.close()
        return await reconnect()

    if prefer is Era.LEGACY:
        try:
            return await _initialize(peer, claims, timeout)
        except RemoteError as error:
            if error.code not in _MODERN_ONLY:
                raise _refused(peer, error) from error
            refusal = error
        return await _discover(await anew(), claims, timeout, refusal=refusal)
    try:
        return await _discover(peer, claims, min(timeout, PROBE_SECONDS), refusal=None)
    except RemoteError as error:
        if error.code == UNSUPPORTED_PROTOCOL_VERSION:
            raise _refused(peer, error) from error
    except (TimedOut, ConnectionLost):
        peer = await anew()  # it knows no request before initialize
    try:
        return await _initialize(peer, claims, timeout)
    except RemoteError as error:
        raise _refused(peer, error) from error


def stamp(info: UpstreamInfo, params: dict[str, Any], claims: Claims) -> dict[str, Any]:
    """``params`` as this upstream wants them: the client's protocol keys out, those of this upstream's era in.

    Never changes ``params`` itself. A key that is not the protocol's own passes.
    """
    meta: dict[str, Any] = params.get("_meta") or {}
    foreign = [name for name in meta if name.startswith(RESERVED) and name not in _PASSED_ON]
    envelope: dict[str, Any] = {}
    if info.era is Era.MODERN:
        envelope = _envelope(claims)
    elif not foreign:
        return params
    stamped = {**{name: value for name, value in meta.items() if name not in foreign}, **envelope}
    rest = {name: value for name, value in params.items() if name != "_meta"}
    return {**rest, "_meta": stamped} if stamped else rest


def _envelope(claims: Claims) -> dict[str, Any]:
    envelope: dict[str, Any] = {PROTOCOL_VERSION: LATEST_MODERN, CLIENT_CAPABILITIES: claims.capabilities}
    if claims.info:
        envelope[CLIENT_INFO] = claims.info
    if claims.log_level is not None:
        envelope[LOG_LEVEL] = claims.log_level
    return envelope


async def _initialize(peer: Peer, claims: Claims, seconds: float) -> UpstreamInfo:
    info = claims.info or {"name": "rule-of-two", "version": __version__}  # a modern client need not say
    params = {"protocolVersion": LATEST_LEGACY, "capabilities": claims.capabilities, "clientInfo": info}
    result = await _ask(peer, "initialize", params, seconds)
    opened = _opened(peer.name, Era.LEGACY, result, result.get("protocolVersion"), result.get("serverInfo"))
    if opened.protocol_version not in LEGACY_VERSIONS:
        raise UpstreamUnavailable(f"{peer.name} speaks MCP {opened.protocol_version}, which this gateway does not")
    await peer.notify("notifications/initialized", {})
    return opened


async def _discover(peer: Peer, claims: Claims, seconds: float, *, refusal: RemoteError | None) -> UpstreamInfo:
    """``refusal`` is how it refused ``initialize``; without one a refusal of this is raised as it is."""
    try:
        result = await _ask(peer, "server/discover", {"_meta": _envelope(claims)}, seconds)
    except RemoteError as error:
        if refusal is None:
            raise
        raise UpstreamUnavailable(
            f"{peer.name} refused initialize: {refusal.message} ({refusal.code}), "
            f"and server/discover: {error.message} ({error.code})"
        ) from error
    versions = result.get("supportedVersions")
    if not isinstance(versions, list) or LATEST_MODERN not in versions:
        raise UpstreamUnavailable(f"{peer.name} does not speak MCP {LATEST_MODERN}, nor the handshake before it")
    claimed = (result.get("_meta") or {}).get(SERVER_INFO)
    server_info = claimed if isinstance(claimed, dict) else {}  # optional, and for display only
    return _opened(peer.name, Era.MODERN, result, LATEST_MODERN, server_info)


def _refused(peer: Peer, error: RemoteError) -> UpstreamUnavailable:
    return UpstreamUnavailable(f"{peer.name} refused to open a session: {error.message} ({error.code})")


async def _ask(peer: Peer, method: str, params: dict[str, Any], seconds: float) -> dict[str, Any]:
    try:
        return await peer.request(method, params, timeout=seconds)
    except TimedOut as error:
        raise TimedOut(f"{error}; it may not be an MCP server") from error


def _opened(name: str, era: Era, result: dict[str, Any], version: object, server_info: object) -> UpstreamInfo:
    capabilities, instructions = result.get("capabilities"), result.get("instructions")
    if not (
        isinstance(version, str)
        and isinstance(capabilities, dict)
        and isinstance(server_info, dict)
        and isinstance(instructions, str | None)
    ):
        raise UpstreamUnavailable(f"{name} opened a session with a result that is not MCP's")
    return UpstreamInfo(era, version, capabilities, server_info, instructions, result)
