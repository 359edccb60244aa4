"""What differs between the two eras of MCP, towards the client.

Legacy (up to 2025-11-25) opens with ``initialize``; modern (2026-07-28) carries the protocol version, and what the
client can do, in ``_meta`` of every request. On a connection of ours the first request decides, and mixing is refused
with the codes that the SDK's server uses (``server/runner.py``, ``shared/inbound.py``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct, field

from rule_of_two.errors import BadRequest
from rule_of_two.wire.codes import INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, UNSUPPORTED_PROTOCOL_VERSION
from rule_of_two.wire.handler import RemoteError

LEGACY_VERSIONS: Final = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
MODERN_VERSIONS: Final = ("2026-07-28",)
LATEST_LEGACY: Final = LEGACY_VERSIONS[-1]
LATEST_MODERN: Final = MODERN_VERSIONS[-1]

RESERVED: Final = "io.modelcontextprotocol/"
"""The specification's own keys in ``_meta`` (basic, General fields)."""
PROTOCOL_VERSION: Final = "io.modelcontextprotocol/protocolVersion"
CLIENT_INFO: Final = "io.modelcontextprotocol/clientInfo"
CLIENT_CAPABILITIES: Final = "io.modelcontextprotocol/clientCapabilities"
SERVER_INFO: Final = "io.modelcontextprotocol/serverInfo"
LOG_LEVEL: Final = "io.modelcontextprotocol/logLevel"
SUBSCRIPTION_ID: Final = "io.modelcontextprotocol/subscriptionId"
RELATED_TASK: Final = "io.modelcontextprotocol/related-task"

VERSION_HEADER: Final = "mcp-protocol-version"
SESSION_HEADER: Final = "mcp-session-id"

COMPLETE: Final = "complete"
INPUT_REQUIRED: Final = "input_required"
TASK: Final = "task"
"""What a result can be (2026-07-28, ``resultType``); ``task`` is the tasks extension's."""


_CACHEABLE: Final = frozenset(
    ("server/discover", "tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read")
)
"""Results that must say how long they may be kept (2026-07-28, CacheableResult)."""


class Era(StrEnum):
    """One of the two incompatible ways to speak MCP."""

    LEGACY = "legacy"
    MODERN = "modern"


class Claims(Struct, frozen=True):
    """What a client says of itself, in either era. Upstreams are told; no decision rests on it.

    ``log_level`` is what it wants to hear in the course of one request (2026-07-28).
    """

    info: Mapping[str, Any] = field(default_factory=dict)
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    log_level: str | None = None

    @classmethod
    def of_initialize(cls, params: Mapping[str, Any]) -> Claims:
        """Those of a legacy client, from its ``initialize``."""
        return cls(_mapping(params.get("clientInfo")), _mapping(params.get("capabilities")))

    @classmethod
    def of_envelope(cls, params: Mapping[str, Any]) -> Claims:
        """Those of one modern request."""
        meta = _meta(params)
        level = meta.get(LOG_LEVEL)
        return cls(
            _mapping(meta.get(CLIENT_INFO)),
            _mapping(meta.get(CLIENT_CAPABILITIES)),
            level if isinstance(level, str) else None,
        )


class ClientEra:
    """The era of one client connection: ``None`` until its first request, then that request's to the end.

    Over HTTP a header has decided it before (``decided``).
    """

    def __init__(self, decided: Era | None = None) -> None:
        self.era = decided
        self._by_header = decided is not None

    def admit(self, method: str, params: Mapping[str, Any]) -> Era:
        """The era of the next request of the connection.

        :raises RemoteError: it belongs to the other era, or its modern envelope is incomplete or of a version that is
            not spoken here. Nothing of it may be carried out.
        """
        if method == "initialize" and self._by_header and self.era is Era.MODERN:
            raise RemoteError(METHOD_NOT_FOUND, "Method not found", method)
        version = _meta(params).get(PROTOCOL_VERSION, _ABSENT)
        enveloped = version is not _ABSENT and method != "initialize"
        if self.era is None:
            self.era = Era.MODERN if enveloped or method == "server/discover" else Era.LEGACY
        if self.era is Era.MODERN:
            _check_modern(method, params)
        elif enveloped:
            raise RemoteError(
                INVALID_REQUEST,
                "this connection serves the handshake protocol era; "
                "requests carrying the 2026-07-28 envelope are not accepted on it",
            )
        elif method == "server/discover":
            raise RemoteError(METHOD_NOT_FOUND, "Method not found", method)
        return self.era


def negotiate(requested: object) -> str:
    """The protocol version to answer ``initialize`` with: the client's where it is known, else our latest."""
    return requested if isinstance(requested, str) and requested in LEGACY_VERSIONS else LATEST_LEGACY


def initialize_result(
    requested: object,
    *,
    capabilities: dict[str, Any],
    server_info: dict[str, Any],
    instructions: str | None,
) -> dict[str, Any]:
    """The result of ``initialize`` (2025-11-25, Lifecycle). ``requested`` is the client's ``protocolVersion``."""
    result = {"protocolVersion": negotiate(requested), "capabilities": capabilities, "serverInfo": server_info}
    return result if instructions is None else {**result, "instructions": instructions}


def discover_result(
    *,
    capabilities: dict[str, Any],
    server_info: dict[str, Any],
    instructions: str | None,
) -> dict[str, Any]:
    """The result of ``server/discover`` (2026-07-28), complete."""
    result = {"supportedVersions": list(MODERN_VERSIONS), "capabilities": capabilities}
    if instructions is not None:
        result["instructions"] = instructions
    return complete(Era.MODERN, "server/discover", result, server_info)


def kind_of(result: Mapping[str, Any]) -> str:
    """What a result is; a legacy one is complete."""
    kind = result.get("resultType", COMPLETE)
    return kind if isinstance(kind, str) else "unknown"


def complete(
    era: Era,
    method: str,
    result: dict[str, Any],
    server_info: Mapping[str, Any],
    *,
    kinds: Collection[str] = (COMPLETE,),
) -> dict[str, Any]:
    """``result``, whichever era it came from, as a client of ``era`` must get it. ``result`` itself is not changed.

    A client may keep nothing that passes a gateway: what it had kept from one session would reach the next one without
    bringing its labels. So what an upstream says about caching is replaced.

    :raises BadRequest: it is none of ``kinds``, whatever it claims to be.
    """
    kind = kind_of(result)
    if kind not in kinds:
        what = (
            "asks for input that cannot be given" if kind == INPUT_REQUIRED else "is of a type that was not asked for"
        )
        raise BadRequest(f"the result of {method} {what}")
    if era is Era.LEGACY:
        foreign = _MODERN_CACHEABLE if method in _CACHEABLE else _MODERN
        if foreign.isdisjoint(result) and SERVER_INFO not in _meta(result):
            return result
        kept = {name: value for name, value in result.items() if name not in foreign}
        return _with_meta(kept, {name: value for name, value in _meta(result).items() if name != SERVER_INFO})
    whole = {**result, "resultType": kind, "_meta": {**_meta(result), SERVER_INFO: server_info}}
    if method in _CACHEABLE and kind == COMPLETE:
        whole["ttlMs"] = 0
        whole["cacheScope"] = "private"
    return whole


_ABSENT: Final = object()
_MODERN: Final = frozenset(("resultType",))
_MODERN_CACHEABLE: Final = frozenset(("resultType", "ttlMs", "cacheScope"))


def _check_modern(method: str, params: Mapping[str, Any]) -> None:
    """The ladder of checks of a modern request (basic, Per-request protocol fields); the first that fails counts."""
    if method == "initialize":
        requested = params.get("protocolVersion")
        raise RemoteError(
            UNSUPPORTED_PROTOCOL_VERSION,
            "connection is serving the 2026-07-28 protocol; the initialize handshake is not accepted",
            _supported(requested) if isinstance(requested, str) else {"supported": list(MODERN_VERSIONS)},
        )
    meta = _meta(params)
    missing = [key for key in (PROTOCOL_VERSION, CLIENT_CAPABILITIES) if key not in meta]
    if missing:
        raise RemoteError(INVALID_PARAMS, f"params._meta is missing the required envelope key(s): {', '.join(missing)}")
    version = meta[PROTOCOL_VERSION]
    if not isinstance(version, str):
        raise RemoteError(INVALID_PARAMS, "the protocol-version envelope value must be a string")
    if version not in MODERN_VERSIONS:
        raise RemoteError(UNSUPPORTED_PROTOCOL_VERSION, "Unsupported protocol version", _supported(version))


def _supported(requested: str) -> dict[str, Any]:
    return {"supported": list(MODERN_VERSIONS), "requested": requested}


def _meta(holder: Mapping[str, Any]) -> Mapping[str, Any]:
    """``_meta``, where ``null`` says the same as nothing. Frames with any other shape were refused."""
    meta: Mapping[str, Any] = holder.get("_meta") or {}
    return meta


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _with_meta(holder: dict[str, Any], meta: dict[str, Any]) -> dict[str, Any]:
    """``holder`` with ``_meta``, or without it when there is nothing in it."""
    holder.pop("_meta", None)
    if meta:
        holder["_meta"] = meta
    return holder
