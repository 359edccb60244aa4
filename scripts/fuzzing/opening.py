"""Properties of the two eras: what a connection admits, what results become, and how sessions with upstreams open."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, cast

from mcp.shared.inbound import InboundLadderRejection, classify_inbound_request

from rule_of_two.errors import BadRequest, UpstreamUnavailable
from rule_of_two.wire.eras import (
    CLIENT_CAPABILITIES,
    CLIENT_INFO,
    LEGACY_VERSIONS,
    LOG_LEVEL,
    PROTOCOL_VERSION,
    RELATED_TASK,
    RESERVED,
    SERVER_INFO,
    Claims,
    ClientEra,
    Era,
    complete,
    negotiate,
)
from rule_of_two.wire.frames import Failure, Result, encode
from rule_of_two.wire.handler import RemoteError
from rule_of_two.wire.handshake import UpstreamInfo, open_session, stamp
from rule_of_two.wire.peer import Peer
from rule_of_two.wire.transport import ConnectionLost, NotSent, TimedOut
from scripts.fuzzing.check import require, same
from scripts.fuzzing.source import Source

WORDS: Final = (
    "_meta", PROTOCOL_VERSION, CLIENT_CAPABILITIES, CLIENT_INFO, SERVER_INFO, LOG_LEVEL, RELATED_TASK, "resultType",
    "complete", "input_required", "task", "ttlMs", "cacheScope", "public", "protocolVersion", "capabilities",
    "serverInfo", "instructions", "supportedVersions", "2026-07-28", "2025-11-25", "2024-11-05", "clientInfo", "name",
    "version", "debug", "tools", "inputRequests", "requestState",
)  # fmt: skip
METHODS: Final = ("tools/list", "tools/call", "resources/read", "initialize", "server/discover", "x", "")
_INFO: Final = {"name": "gateway"}


def eras(data: bytes) -> None:
    """The first request decides, the era never changes, and an envelope passes as it does by the SDK."""
    source = Source(data, WORDS)
    decided = source.pick((None, Era.LEGACY, Era.MODERN))
    count = source.below(4)
    requests: list[tuple[str, dict[str, Any]]] = []
    for _ in range(count):
        params = source.members()
        if source.chance():
            keys = (PROTOCOL_VERSION, CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL)
            params["_meta"] = {key: source.pick(("2026-07-28", {}, source.value(1))) for key in keys if source.chance()}
        requests.append((source.pick(METHODS), params))
    admit(decided, requests)


def admit(decided: Era | None, requests: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """The property of :func:`eras`. ``_meta`` is an object or ``null``, as in every frame that is accepted."""
    connection = ClientEra(decided)
    before = decided
    for method, params in requests:
        if not isinstance(params.get("_meta"), dict | None):
            continue
        kept = copy.deepcopy(params)
        try:
            era = connection.admit(method, params)
        except RemoteError as error:
            encode(Failure(1, error.error))
            era = None
        require(same(params, kept), "a request was changed", params)
        require(before in {None, connection.era}, "the era changes", before, connection.era)
        before = connection.era
        verdict = classify_inbound_request({"method": method, "params": params})
        is_modern = not isinstance(verdict, InboundLadderRejection)
        if era is Era.MODERN:
            require(is_modern and method != "initialize", "what the SDK refuses is admitted", method, params)
            _check_claims(Claims.of_envelope(params))
        elif era is Era.LEGACY:
            enveloped = PROTOCOL_VERSION in (params.get("_meta") or {})
            require(method == "initialize" or not enveloped, "an envelope passes in the legacy era", method, params)
            _check_claims(Claims.of_initialize(params))
        elif connection.era is Era.MODERN:
            require(not is_modern or method == "initialize", "a whole envelope is refused", method, params)
        require(negotiate(params.get("protocolVersion")) in LEGACY_VERSIONS, "an unknown version", params)


def _check_claims(claims: Claims) -> None:
    require(
        isinstance(claims.info, dict)
        and isinstance(claims.capabilities, dict)
        and isinstance(claims.log_level, str | None),
        "claims of another shape",
        claims,
    )


def results(data: bytes) -> None:
    """A result passes only as what was asked for, and carries nothing of the other era; nothing says it may be kept."""
    source = Source(data, WORDS)
    result = source.members()
    if source.chance():
        result["resultType"] = source.pick(("complete", "input_required", "task", source.value(1)))
    if not isinstance(result.get("_meta"), dict | None):
        result["_meta"] = source.members(1)
    kinds = source.pick((("complete",), ("complete", "input_required"), ("complete", "input_required", "task")))
    finish(source.pick(tuple(Era)), source.pick(METHODS), result, kinds)


def finish(era: Era, method: str, result: dict[str, Any], kinds: tuple[str, ...]) -> None:
    """The property of :func:`results`."""
    kept = copy.deepcopy(result)
    kind = result.get("resultType", "complete")
    try:
        whole = complete(era, method, result, _INFO, kinds=kinds)
    except BadRequest:
        require(kind not in kinds or not isinstance(kind, str), "a result is refused", result, kinds)
        return
    finally:
        require(same(result, kept), "a result was changed", result, kept)
    require(kind in kinds, "a result of another kind passes", result, kinds)
    encode(Result(1, whole))
    meta = whole.get("_meta") or {}
    if era is Era.LEGACY:
        require("resultType" not in whole and SERVER_INFO not in meta, "the other era shows", whole)
        ours = {"ttlMs", "cacheScope"} if method.endswith(("/list", "/read", "discover")) else set()
        require(ours.isdisjoint(whole), "what may be kept is said", whole)
    else:
        require(whole["resultType"] == kind and meta[SERVER_INFO] == _INFO, "incomplete", whole)
        cacheable = method in {"tools/list", "resources/read", "server/discover"} and kind == "complete"
        said = (whole.get("ttlMs"), whole.get("cacheScope"))
        require(not cacheable or said == (0, "private"), "a client may keep it", whole)
    again = complete(era, method, whole, _INFO, kinds=kinds)
    require(same(again, whole), "completing twice changes something", whole, again)


# Upstreams


class _Scripted:
    """A peer that answers one request after the other as it is told, and then is gone."""

    name = "up"

    def __init__(self, answers: Sequence[dict[str, Any] | Exception]) -> None:
        self.asked: list[str] = []
        self.told: list[str] = []
        self._answers = list(answers)

    async def request(self, method: str, params: Mapping[str, Any], **options: Any) -> dict[str, Any]:
        self.asked.append(method)
        answer = self._answers.pop(0) if self._answers else ConnectionLost("gone")
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def notify(self, method: str, params: Mapping[str, Any]) -> None:
        self.told.append(method)

    async def close(self) -> None:
        self.told.append("close")


@cache
def _runner() -> asyncio.Runner:
    return asyncio.Runner()


def handshakes(data: bytes) -> None:
    """Whatever an upstream answers, it is open and everything said of it has its type, or it is unavailable."""
    source = Source(data, WORDS)
    answers: list[dict[str, Any] | Exception] = []
    for _ in range(source.below(4)):
        kind = source.below(6)
        if kind == 0:
            code = source.pick((-32022, -32601, -32602, -32600, -32000, 2**70))
            answers.append(RemoteError(code, source.text(), source.value(1)))
        elif kind == 1:
            answers.append(source.pick((TimedOut("late"), ConnectionLost("lost"), NotSent("not sent"))))
        else:
            result: dict[str, Any] = source.members()
            usual = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {}}
            usual["supportedVersions"] = ["2026-07-28"]
            result |= {key: value for key, value in usual.items() if not source.chance()}
            if isinstance(result.get("_meta"), dict | None):
                answers.append(result)
    shake(answers, source.pick(tuple(Era)), source.members())


def shake(answers: Sequence[dict[str, Any] | Exception], prefer: Era, params: dict[str, Any]) -> None:
    """The property of :func:`handshakes`. ``params`` are those of a request that follows."""
    peer = _Scripted(answers)

    async def reconnect() -> Peer:
        return cast("Peer", peer)

    try:
        info = _runner().run(
            open_session(cast("Peer", peer), claims=Claims(), timeout=1, prefer=prefer, reconnect=reconnect)
        )
    except UpstreamUnavailable:
        require(len(peer.asked) <= 2, "it asks without end", peer.asked)
        return
    require(len(peer.asked) <= 2 and peer.told.count("close") <= 1, "it asks without end", peer.asked)
    require(info.era is not Era.LEGACY or info.protocol_version in LEGACY_VERSIONS, "an unknown version", info)
    require(isinstance(info.capabilities, dict) and isinstance(info.server_info, dict), "another shape", info)
    require(isinstance(info.instructions, str | None), "another shape", info)
    if isinstance(params.get("_meta"), dict | None):
        _check_stamp(info, params)


def _check_stamp(info: UpstreamInfo, params: dict[str, Any]) -> None:
    """What the client says of itself is replaced by what this upstream is told; the rest of a request stays."""
    kept = copy.deepcopy(params)
    claims = Claims({"name": "c"}, {"roots": {}}, "debug")
    stamped = stamp(info, params, claims)
    require(same(params, kept), "a request was changed", params)
    meta, said = stamped.get("_meta") or {}, kept.get("_meta") or {}
    reserved = {key for key in meta if key.startswith(RESERVED)} - {RELATED_TASK}
    ours = {PROTOCOL_VERSION, CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL} if info.era is Era.MODERN else set()
    require(reserved == ours, "keys of the protocol pass", meta)
    own = {key: value for key, value in said.items() if not key.startswith(RESERVED) or key == RELATED_TASK}
    passed = {key: value for key, value in meta.items() if key not in ours}
    require(same(passed, own), "a key is lost", meta, said)
    rest = {key: value for key, value in kept.items() if key != "_meta"}
    require(same({key: value for key, value in stamped.items() if key != "_meta"}, rest), "a parameter is lost")
