"""How we open a session with an upstream, and what its requests must carry from then on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rule_of_two.errors import UpstreamUnavailable
from rule_of_two.wire.eras import (
    CLIENT_CAPABILITIES,
    CLIENT_INFO,
    INVALID_PARAMS,
    LATEST_LEGACY,
    LATEST_MODERN,
    LEGACY_VERSIONS,
    METHOD_NOT_FOUND,
    PROTOCOL_VERSION,
    RESERVED,
    SERVER_INFO,
    UNSUPPORTED_PROTOCOL_VERSION,
    Era,
)
from rule_of_two.wire.frames import INVALID_REQUEST
from rule_of_two.wire.handler import RemoteError
from rule_of_two.wire.peer import Peer
from rule_of_two.wire.transport import TimedOut

_MODERN_ONLY: Final = frozenset((UNSUPPORTED_PROTOCOL_VERSION, METHOD_NOT_FOUND, INVALID_PARAMS, INVALID_REQUEST))
"""How servers without a handshake refuse ``initialize``: by version, by method, or because the envelope is missing."""

_PASSED_ON: Final[Mapping[Era, frozenset[str]]] = {
    Era.LEGACY: frozenset(("io.modelcontextprotocol/related-task",)),
    Era.MODERN: frozenset(("io.modelcontextprotocol/related-task", "io.modelcontextprotocol/logLevel")),
}
"""Reserved keys that speak about the request and not about the client: the others are replaced by ours."""


@dataclass(frozen=True, slots=True)
class UpstreamInfo:
    """What an upstream said of itself. ``envelope`` is what it wants in ``_meta`` of every request.

    Its name and its instructions are claims of the upstream: no decision may rest on them.
    """

    era: Era
    protocol_version: str
    capabilities: dict[str, Any]
    server_info: dict[str, Any]
    instructions: str | None
    raw: dict[str, Any]
    envelope: Mapping[str, Any]


async def open_session(
    peer: Peer,
    *,
    client_info: dict[str, Any],
    timeout: float,  # noqa: ASYNC109  # passed on to each request
    reconnect: Callable[[], Awaitable[Peer]] | None = None,
) -> UpstreamInfo:
    """Open a session: ``initialize``, or ``server/discover`` if the upstream knows no handshake. Offers no capability.

    :meth:`Peer.run` must be running. ``timeout`` (seconds) is for each answer. ``reconnect`` gives a fresh connection
    for the second attempt, for upstreams whose era is decided by the first request; the first one is closed. Without it
    the second attempt is made on the same connection.

    :raises UpstreamUnavailable: it did not answer, refused, or speaks no version that we speak. The text may quote the
        upstream (its error messages, its version), which no other text of this package's exceptions does but
        :attr:`RemoteError.message`.
    """
    try:
        result = await _ask(peer, "initialize", _initialize_params(client_info), timeout)
    except RemoteError as error:
        if error.code not in _MODERN_ONLY:
            raise UpstreamUnavailable(f"{peer.name} refused initialize: {error.message} ({error.code})") from error
        if reconnect is not None:
            await peer.close()
            peer = await reconnect()
        return await _discover(peer, client_info, timeout, refusal=error)
    info = _opened(peer.name, Era.LEGACY, result, result.get("protocolVersion"), result.get("serverInfo"), {})
    if info.protocol_version not in LEGACY_VERSIONS:
        raise UpstreamUnavailable(f"{peer.name} speaks MCP {info.protocol_version}, which this gateway does not")
    await peer.notify("notifications/initialized", {})
    return info


def stamp(info: UpstreamInfo, params: dict[str, Any]) -> dict[str, Any]:
    """``params`` as this upstream wants them: the client's protocol keys out, ours in. Never changes ``params`` itself.

    A key that is not the protocol's own passes.
    """
    meta: dict[str, Any] = params.get("_meta") or {}
    passed = _PASSED_ON[info.era]
    foreign = [name for name in meta if name.startswith(RESERVED) and name not in passed]
    if not foreign and not info.envelope:
        return params
    stamped = {**{name: value for name, value in meta.items() if name not in foreign}, **info.envelope}
    rest = {name: value for name, value in params.items() if name != "_meta"}
    return {**rest, "_meta": stamped} if stamped else rest


def _initialize_params(client_info: dict[str, Any]) -> dict[str, Any]:
    return {"protocolVersion": LATEST_LEGACY, "capabilities": {}, "clientInfo": client_info}


async def _discover(peer: Peer, client_info: dict[str, Any], seconds: float, *, refusal: RemoteError) -> UpstreamInfo:
    envelope = {PROTOCOL_VERSION: LATEST_MODERN, CLIENT_INFO: client_info, CLIENT_CAPABILITIES: {}}
    try:
        result = await _ask(peer, "server/discover", {"_meta": envelope}, seconds)
    except RemoteError as error:
        raise UpstreamUnavailable(
            f"{peer.name} refused initialize: {refusal.message} ({refusal.code}), "
            f"and server/discover: {error.message} ({error.code})"
        ) from error
    versions = result.get("supportedVersions")
    if not isinstance(versions, list) or LATEST_MODERN not in versions:
        raise UpstreamUnavailable(f"{peer.name} does not speak MCP {LATEST_MODERN}, nor the handshake before it")
    claimed = (result.get("_meta") or {}).get(SERVER_INFO)
    server_info = claimed if isinstance(claimed, dict) else {}  # optional, and for display only
    return _opened(peer.name, Era.MODERN, result, LATEST_MODERN, server_info, envelope)


async def _ask(peer: Peer, method: str, params: dict[str, Any], seconds: float) -> dict[str, Any]:
    try:
        return await peer.request(method, params, timeout=seconds)
    except TimedOut as error:
        raise UpstreamUnavailable(f"{error}; it may not be an MCP server") from error


def _opened(
    name: str, era: Era, result: dict[str, Any], version: object, server_info: object, envelope: Mapping[str, Any]
) -> UpstreamInfo:
    capabilities, instructions = result.get("capabilities"), result.get("instructions")
    if not (
        isinstance(version, str)
        and isinstance(capabilities, dict)
        and isinstance(server_info, dict)
        and isinstance(instructions, str | None)
    ):
        raise UpstreamUnavailable(f"{name} opened a session with a result that is not MCP's")
    return UpstreamInfo(era, version, capabilities, server_info, instructions, result, envelope)
