"""Properties of what reads HTTP requests of clients, and of the headers that our own client half writes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

import orjson
from mcp.shared.inbound import (
    InboundLadderRejection,
    classify_inbound_request,
    decode_header_value,
    encode_header_value,
    find_invalid_x_mcp_header,
    mcp_param_headers,
    x_mcp_header_map,
)

from rule_of_two.wire.eras import CLIENT_CAPABILITIES, CLIENT_INFO, PROTOCOL_VERSION, ClientEra, Era
from rule_of_two.wire.frames import FrameError, Message, Notification, Request, Result, encode, parse
from rule_of_two.wire.handler import RemoteError
from rule_of_two.wire.http_app import HttpApp
from rule_of_two.wire.http_client_parameters import annotated, header_value, parameter_headers
from rule_of_two.wire.http_exchange import Exchange, Field
from rule_of_two.wire.http_headers import EraHeaders
from rule_of_two.wire.http_modern import check_modern
from rule_of_two.wire.http_request import Head, Refused, read_message
from rule_of_two.wire.http_security import Gate, bearer_token
from rule_of_two.wire.http_server import HttpSettings
from rule_of_two.wire.transport import EndOfStream, Limits, NotSent, Transport
from scripts.fuzzing.check import require, same
from scripts.fuzzing.source import Source

MODERN: Final = "2026-07-28"
WORDS: Final = (
    "host", "origin", "authorization", "accept", "content-type", "content-length", "mcp-session-id",
    "mcp-protocol-version", "mcp-method", "mcp-name", "last-event-id", "Mcp-Param-Region", "x",
    "127.0.0.1:8080", "localhost:8080", "[::1]:8080", "evil.example", "a.example:9", "http://127.0.0.1:8080",
    "Bearer token", "bearer token", "Bearer  token ", "Basic token", "Bearer token2", "application/json",
    "application/json, text/event-stream", "*/*;q=0", "text/*", MODERN, "2025-11-25", "2025-06-18", "tools/call",
    "tools/list", "prompts/get", "resources/read", "server/discover", "initialize", "name", "uri", "arguments", "_meta",
    PROTOCOL_VERSION, CLIENT_CAPABILITIES, CLIENT_INFO, "properties", "type", "string", "integer", "boolean",
    "x-mcp-header", "Region", "region", "items", "anyOf", "$defs",
)  # fmt: skip
_LIMIT: Final = 400
_VISIBLE: Final = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*")
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_HOSTS: Final = frozenset(("127.0.0.1:8080", "localhost:8080", "[::1]:8080"))
_ANY_PORT: Final = re.compile(r"a\.example:[0-9]+")
_ORIGINS: Final = frozenset((*(f"http://{host}" for host in _HOSTS), "https://page.example"))


@cache
def _gate() -> Gate:
    return Gate(address="127.0.0.1", port=8080, secure=False, hosts=("a.example:*",), origins=("https://page.example",))


@cache
def _runner() -> asyncio.Runner:
    return asyncio.Runner()


def _scope(method: str, path: str, fields: Sequence[Field]) -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, "headers": list(fields)}


def _fields(source: Source) -> list[Field]:
    """Headers as an HTTP server hands them on: names in some case, values of visible bytes."""
    found: list[Field] = []
    for _ in range(source.below(12)):
        name = source.text().encode("ascii", "ignore")
        value = source.text().encode("latin-1", "ignore") if source.chance() else source.blob(20)
        found.append((name, bytes(byte for byte in value if byte == 9 or 32 <= byte != 127)))
    return found


# The head


def head(data: bytes) -> None:
    """Fields that stand once are read, fields that stand twice are refused, and what is accepted is what is said."""
    read_head(_fields(Source(data, WORDS)))


def read_head(fields: Sequence[Field]) -> None:
    """The property of :func:`head`."""
    found = Head(_scope("POST", "/mcp", fields))
    said: dict[str, list[str]] = {}
    for name, value in fields:
        said.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1").strip(" \t"))
    for field, values in {**said, "absent": []}.items():
        try:
            one = found.one(field)
        except Refused as refused:
            require(len(values) > 1 and refused.status == 400, "one field is refused", fields, field)
        else:
            require(([] if one is None else [one]) == values, "a field is read differently", fields, field, one)
    kinds = {part.partition(";")[0].strip().lower() for value in said.get("accept", []) for part in value.split(",")}
    json_too = bool(kinds & {"application/json", "application/*", "*/*"})
    streams_too = bool(kinds & {"text/event-stream", "text/*", "*/*"})
    require(found.accepted() == (json_too, streams_too), "what is accepted is read differently", fields)
    try:
        found.must_be_post_of_json()
    except Refused as refused:
        require(refused.status in {400, 406, 415}, "another status", refused.status)
    else:
        kind = said.get("content-type", [""])[0].partition(";")[0].strip().lower()
        require(json_too and streams_too and kind == "application/json", "something else passes", fields)


def body(data: bytes) -> None:
    """A body is the frame that it is, however it comes, and no longer than the limit."""
    source = Source(data, ("notifications/x", "params", "method"))
    length = source.pick((None, b"3", b"401", b"9" * 5000, b"-1", "²".encode("latin-1"), b"1e9", b""))
    raw = source.blob(255) if source.chance() else encode(Request(1, source.text(), source.members()))
    read_body(source.pieces(raw), length, whole=not source.chance())


def read_body(pieces: Sequence[bytes], length: bytes | None, *, whole: bool) -> None:
    """The property of :func:`body`. A body that is not ``whole`` breaks off."""
    fields = [] if length is None else [(b"content-length", length)]
    events = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    events.append({"type": "http.request", "body": b""} if whole else {"type": "http.disconnect"})

    async def receive() -> Mapping[str, Any]:
        return events.pop(0)

    async def send(message: Mapping[str, Any]) -> None:
        require(None, "something is sent", message)

    async def read() -> Message:
        limits = Limits(frame_bytes=_LIMIT)
        return await read_message(Head(_scope("POST", "/", fields)), Exchange(receive, send), limits)

    raw = b"".join(pieces)
    got = _outcome(lambda: _runner().run(read()))
    if not whole:
        require(got[0] in {"ClientGone", "Refused"}, "half a body is something", pieces, got)
    elif got[0] == "Refused":
        declared = length is not None and length.isdigit() and int(length[:20]) > _LIMIT
        require(declared or len(raw) > _LIMIT, "a short body is refused", pieces, length)
    else:
        require(len(raw) <= _LIMIT and got == _outcome(lambda: parse(raw)), "another frame is read", pieces, got)


def _outcome(work: Callable[[], Message]) -> tuple[str, str]:
    """What came of it, as something that can be compared."""
    try:
        message = work()
    except FrameError as error:
        return "FrameError", str(error)
    except Exception as error:  # noqa: BLE001  # told by its name, whatever it is
        return type(error).__name__, ""
    return "", encode(message).decode()


# Who may speak


def security(data: bytes) -> None:
    """Only a request that names us as its host, from a page that may, with one token, passes."""
    check_security(_fields(Source(data, WORDS)))


def check_security(fields: Sequence[Field]) -> None:
    """The property of :func:`security`."""
    found = Head(_scope("POST", "/mcp", fields))
    said = [(name.decode("latin-1").lower(), value.decode("latin-1").strip(" \t")) for name, value in fields]
    hosts = [value.lower() for name, value in said if name == "host"]
    origins = [value.lower() for name, value in said if name == "origin"]
    tokens = [value for name, value in said if name == "authorization"]
    may_host = len(hosts) == 1 and (hosts[0] in _HOSTS or bool(_ANY_PORT.fullmatch(hosts[0])))
    may_origin = not origins or (len(origins) == 1 and origins[0] in _ORIGINS)
    try:
        added = _gate().admit(found)
    except Refused as refused:
        require(not (may_host and may_origin), "who may speak is refused", fields)
        require(refused.status == (403 if may_host else 421), "another status", refused.status)
        _check_refused(refused)
    else:
        require(may_host and may_origin, "who may not speak passes", fields)
        require(bool(added) == bool(origins), "an answer that nobody may read, or everybody", added)
        _check_fields(added)
    try:
        token = bearer_token(found)
    except Refused as refused:
        require(refused.status == (400 if len(tokens) > 1 else 401), "another status", refused.status)
        _check_refused(refused)
    else:
        scheme, _, rest = tokens[0].partition(" ")
        require(len(tokens) == 1 and scheme.lower() == "bearer", "a token of another scheme", tokens)
        require(rest.strip(" ") == token and bool(_TOKEN.fullmatch(token)), "what is no token passes", tokens)


def _check_fields(fields: Sequence[Field]) -> None:
    for name, value in fields:
        require(_VISIBLE.fullmatch(name + value), "a header that nobody can send", name, value)


def _check_refused(refused: Refused) -> None:
    """What any refusal must be: an HTTP error, and one JSON-RPC error."""
    require(400 <= refused.status < 600, "it is no error", refused.status)
    _check_fields(refused.headers)
    answer = parse(refused.body())
    require(same(getattr(answer, "id", 0), refused.number), "it answers another request", refused.body())


# The ladder of the modern era


def ladder(data: bytes) -> None:
    """A modern request passes exactly where its headers say what its body says, and nothing fails in another way."""
    source = Source(data, WORDS)
    method = source.pick(("tools/call", "prompts/get", "resources/read", "tools/list", "initialize", source.text()))
    meta: dict[str, Any] = {PROTOCOL_VERSION: source.pick((MODERN, "2025-11-25", source.value(1)))}
    meta[CLIENT_CAPABILITIES] = source.value(1)
    params: dict[str, Any] = {"_meta": meta, "name": source.value(1), "uri": source.text()}
    params["arguments"] = {"region": source.value(1), "zone": source.value(1)}
    schema: Any = {
        "properties": {
            name: {"type": source.pick(("string", "integer", "boolean", "object")), "x-mcp-header": token}
            for name, token in zip(("region", "zone"), (source.pick(("Region", "x y")), "Zone"), strict=True)
        }
    }
    request = Request(source.pick((1, "a", 2**64, -(10**300), "é" * 400)), method, params)
    written = dict(_written(request, schema))
    for _ in range(source.below(4)):
        written[source.text()] = source.text()
    fields = [(name.encode("ascii", "ignore"), value.encode("latin-1", "ignore")) for name, value in written.items()]
    if source.chance():
        fields += _fields(source)
    climb(request, fields, schema if source.chance() else source.value())


def _written(request: Request, schema: Any) -> Mapping[str, str]:
    """The headers that our own client half sends with a request, where it sends it."""
    headers = EraHeaders()
    headers.of(Request("list", "tools/list", {"_meta": {PROTOCOL_VERSION: MODERN}}))
    name = request.params.get("name")
    headers.received(Result("list", {"tools": [{"name": name, "inputSchema": schema}]}))
    try:
        return headers.of(request)
    except NotSent:
        return {}


def climb(request: Request, fields: Sequence[Field], schema: Any) -> None:
    """The property of :func:`ladder`."""
    found = Head(_scope("POST", "/mcp", fields))
    body = {"method": request.method, "params": request.params}
    verdict = classify_inbound_request(body, headers=found.fields)
    try:
        check_modern(request, found, schema)
    except Refused as refused:
        _check_refused(refused)
        require(same(refused.number, request.id), "it answers another request", refused.number, request.id)
        passed = False
    else:
        passed = True
        require(not isinstance(verdict, InboundLadderRejection), "what the SDK refuses passes", request, fields)
        for name in ("mcp-protocol-version", "mcp-method", "mcp-name"):
            require(name not in found.repeated, "a header that can be read in two ways passes", fields)
    try:
        ClientEra(Era.MODERN).admit(request.method, request.params)
    except RemoteError as error:
        require(not passed or request.method == "initialize", "the connection refuses what the door let in", error)
    else:
        _check_plain(request)


def _check_plain(request: Request) -> None:
    """A request that is complete in itself passes on the wire without headers, as by the SDK."""
    verdict = classify_inbound_request({"method": request.method, "params": request.params})
    require(not isinstance(verdict, InboundLadderRejection), "the SDK refuses an envelope that we take", request)


def both_halves(data: bytes) -> None:
    """What our client half writes, our server half takes: any name, any arguments, any schema that may be offered."""
    source = Source(data, WORDS)
    method = source.pick(("tools/call", "prompts/get", "resources/read", "tools/list", "vendor/x"))
    schema = source.value()
    arguments = source.members()
    if source.chance():
        schema = {"properties": {key: {"type": "string", "x-mcp-header": f"H{at}"} for at, key in enumerate(arguments)}}
    meta = {PROTOCOL_VERSION: MODERN, CLIENT_CAPABILITIES: {}, **source.members(1)}
    params = {"name": source.text(), "uri": source.text(), "arguments": arguments, "_meta": meta}
    cross(Request(1, method, params), schema)


def cross(request: Request, schema: Any) -> None:
    """The property of :func:`both_halves`; also that annotations are what the SDK takes them for."""
    ours = annotated(schema)
    require((ours is None) == (find_invalid_x_mcp_header(schema) is not None), "annotations are read apart", schema)
    if ours is None or request.params["_meta"].get(PROTOCOL_VERSION) != MODERN:
        return
    require(ours == x_mcp_header_map(schema), "annotations are read apart", schema)
    arguments = request.params["arguments"]
    require(parameter_headers(ours, arguments) == mcp_param_headers(ours, arguments), "written apart", schema)
    for text in (request.params["name"], request.params["uri"]):
        require(decode_header_value(header_value(text)) == text, "a text does not come back", text)
        require(header_value(text) == encode_header_value(text), "a text is written apart", text)
    fields = [(name.encode("ascii"), value.encode("ascii")) for name, value in _written(request, schema).items()]
    _check_fields(fields)
    try:
        check_modern(request, Head(_scope("POST", "/mcp", fields)), schema if request.method == "tools/call" else None)
    except Refused as refused:
        require(None, "our own headers are refused", request, schema, str(refused))


def marks(data: bytes) -> None:
    """Annotations of any schema are those that the SDK reads."""
    schema = _json_or(data, Source(data, WORDS).value)
    ours = annotated(schema)
    require((ours is None) == (find_invalid_x_mcp_header(schema) is not None), "annotations are read apart", schema)
    require(ours is None or ours == x_mcp_header_map(schema), "annotations are read apart", schema)


def _json_or(data: bytes, otherwise: Callable[[], Any]) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return otherwise()


# The whole door


class _House:
    """A host that answers every request with who asked, and keeps what it was given."""

    def __init__(self) -> None:
        self.served: list[tuple[str, Era]] = []

    def client_of(self, token: str) -> str | None:
        return {"token": "one", "token2": "two"}.get(token)

    def tool_schema(self, client: str, name: str) -> Any | None:
        return {"properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}

    async def serve(self, client: str, era: Era, transport: Transport) -> None:
        self.served.append((client, era))
        try:
            while True:
                message = await transport.receive()
                if isinstance(message, Request):
                    version = {"protocolVersion": "2025-11-25"}
                    await transport.send(Result(message.id, {"client": client, **version}))
        except (EndOfStream, FrameError, NotSent):
            await transport.aclose()


def door(data: bytes) -> None:
    """Any HTTP request gets exactly one answer, which is whole; the host serves only whose token it was."""
    source = Source(data, WORDS)
    meta = {PROTOCOL_VERSION: source.pick((MODERN, "x")), CLIENT_CAPABILITIES: {}}
    params = source.pick(({"_meta": meta}, {"_meta": meta, "name": "n"}, {"protocolVersion": "2025-11-25"}, {}))
    method = source.pick(("tools/list", "initialize", "tools/call", "server/discover", "x"))
    number = source.pick((1, "a", 2**64, -(10**300)))
    frames: list[bytes] = [
        encode(Request(number, method, params)),
        encode(Request(number, method, {**params, "_meta": 1})),
        encode(Notification("notifications/x", params)),
        encode(Result(1, {})),
        source.blob(60),
    ]
    fields: list[Field] = [
        (b"host", b"localhost:8080"),
        (b"authorization", source.pick((b"Bearer token", b"Bearer token2"))),
        (b"accept", b"application/json, text/event-stream"),
        (b"content-type", b"application/json"),
        (b"mcp-protocol-version", source.pick((b"2026-07-28", b"2025-11-25", b"x"))),
        (b"mcp-method", method.encode()),
        (b"mcp-name", b"n"),
    ]
    for _ in range(source.below(3)):
        fields.pop(source.below(len(fields)))
    fields += _fields(source) if source.chance() else []
    http_method = source.pick(("POST", "GET", "DELETE", "OPTIONS", "PUT"))
    path = source.pick(("/mcp", "/mcp", "/", "/mcp/"))
    knock(_scope(http_method, path, fields), source.pieces(source.pick(frames)))


def knock(scope: Mapping[str, Any], pieces: Sequence[bytes]) -> None:
    """The property of :func:`door`."""
    _runner().run(_knock(scope, pieces))


async def _knock(scope: Mapping[str, Any], pieces: Sequence[bytes]) -> None:
    house = _House()
    app = HttpApp(house, _gate(), HttpSettings(keep_alive_seconds=5), Limits(frame_bytes=4096))
    incoming = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    incoming.append({"type": "http.request", "body": b"", "more_body": False})
    sent: list[Mapping[str, Any]] = []
    answered = asyncio.Event()

    async def receive() -> Mapping[str, Any]:
        if incoming:
            return incoming.pop(0)
        await answered.wait()
        return {"type": "http.disconnect"}

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            answered.set()

    async with asyncio.timeout(4):
        await app(scope, receive, send)
    await asyncio.sleep(0)
    app.close()
    await asyncio.gather(*app.legacy.tasks)
    kinds = [message["type"] for message in sent]
    require(kinds == ["http.response.start", *["http.response.body"] * (len(sent) - 1)], "no whole answer", kinds)
    require(answered.is_set() and len(sent) > 1, "an answer does not end", scope, kinds)
    status: int = sent[0]["status"]
    _check_fields(sent[0]["headers"])
    content = b"".join(message.get("body", b"") for message in sent[1:])
    require(status != 500 or b"-32603" not in content, "a bug answers", scope, pieces, content)
    kind = dict(sent[0]["headers"]).get(b"content-type")
    require(kind != b"application/json" or parse(content), "no JSON-RPC answers", content)
    tokens = {value for name, value in scope["headers"] if name.lower() == b"authorization"}
    for client, _ in house.served:
        mine = {"one": rb"token", "two": rb"token2"}[client]
        require(len(tokens) == 1 and re.fullmatch(rb"(?i:bearer) +%b *" % mine, *tokens), "served to another", tokens)
