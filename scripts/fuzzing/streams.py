"""Properties of what cuts and reads byte streams: frames, lines, server-sent events."""

from __future__ import annotations

import re
from typing import Any, Final

from rule_of_two.errors import LimitExceeded
from rule_of_two.wire.frames import (
    MAX_DEPTH,
    Failure,
    FrameError,
    Message,
    Notification,
    Request,
    Result,
    encode,
    encode_line,
    parse,
)
from rule_of_two.wire.lines import LineBuffer
from rule_of_two.wire.sse import Event, EventParser
from rule_of_two.wire.sse_events import COMMENT, event, priming
from scripts.fuzzing.check import NotStrict, depth_of, require, same, strict_json
from scripts.fuzzing.source import Source

_LINE_ENDS: Final = re.compile(rb"\r\n|\r|\n")
_PLENTY: Final = 1 << 24


def frame(raw: bytes) -> None:
    """A frame is a message exactly where the standard library reads strict JSON that is one, and the same message."""
    try:
        value = strict_json(raw)
        expected = message_of(value)
    except NotStrict:
        value = expected = None
    try:
        message = parse(raw)
    except FrameError as error:
        require(expected is None, "a message is refused", raw, str(error))
        _check_refusal(error, value)
        return
    require(expected is not None, "what is no message is accepted", raw)
    require(_same(message, expected), "a message is read differently", raw, message, expected)
    written = encode(message)
    require(b"\n" not in written and encode_line(message) == written + b"\n", "a frame is no line", written)
    require(_same(parse(written), message), "a message does not come back", written)
    require(_same(message_of(strict_json(written)), message), "a message is written wrongly", written)


def message_of(value: Any) -> Message | None:
    """What a frame says by the specification, read naively; ``None`` if it is no message."""
    if not isinstance(value, dict) or value.get("jsonrpc") != "2.0" or depth_of(value) > MAX_DEPTH:
        return None
    is_reply = "result" in value or "error" in value
    if "method" in value:
        return None if is_reply else _call(value)
    return _reply(value) if is_reply and not ("result" in value and "error" in value) else None


def _call(value: dict[str, Any]) -> Message | None:
    method, params = value["method"], value.get("params", {})
    if not isinstance(method, str) or not isinstance(params, dict) or not _has_plain_meta(params):
        return None
    if "id" in value:
        return Request(value["id"], method, params) if _identifies(value["id"]) else None
    return Notification(method, params) if method.startswith("notifications/") else None


def _reply(value: dict[str, Any]) -> Message | None:
    number: Any = value.get("id")
    if "result" in value:
        result = value["result"]
        fits = isinstance(result, dict) and _has_plain_meta(result)
        return Result(number, result) if fits and _identifies(number) else None
    error = value["error"]
    fits = isinstance(error, dict) and type(error.get("code")) is int and isinstance(error.get("message"), str)
    known = "id" in value and (number is None or _identifies(number))
    return Failure(number, error) if fits and known else None


def _identifies(number: Any) -> bool:
    return type(number) in {int, str} and len(str(number).encode()) <= 1024


def _has_plain_meta(holder: dict[str, Any]) -> bool:
    return holder.get("_meta") is None or isinstance(holder["_meta"], dict)


def _same(first: Message | None, second: Message | None) -> bool:
    fields = ("id", "method", "params", "result", "error")
    return type(first) is type(second) and all(
        same(getattr(first, name, None), getattr(second, name, None)) for name in fields
    )


def _check_refusal(error: FrameError, value: Any) -> None:
    """Who is told: the one that asked, or the one that waits, and nobody else."""
    require(error.reply is None or error.answers is None, "both sides are told", error)
    number = value.get("id") if isinstance(value, dict) else None
    if error.reply is not None:
        require(_same(parse(encode(error.reply)), error.reply), "a refusal cannot be read", error.reply)
        named = error.reply.id is None or value is None or same(error.reply.id, number)
        require(named, "somebody else is told", error.reply, number)
    if error.answers is not None and value is not None:
        require(same(error.answers, number), "somebody else's request fails", error.answers, number)


def lines(data: bytes) -> None:
    """How a stream is cut into pieces changes nothing, and no line is longer than the limit."""
    source = Source(data)
    limit = source.below(40)
    stream = source.blob(255).replace(b"n", b"\n")
    cut_lines(source.pieces(stream), limit)


def cut_lines(pieces: list[bytes], limit: int) -> None:
    """The property of :func:`lines`, for a stream in pieces."""
    whole = b"".join(pieces).split(b"\n")
    buffer = LineBuffer(limit)
    found: list[bytes] = []
    fed = b""
    try:
        for piece in pieces:
            fed += piece
            found += buffer.feed(piece)
            require(found == fed.split(b"\n")[:-1], "a line is late, or early", fed, found)
    except LimitExceeded:
        require(max(map(len, fed.split(b"\n"))) > limit, "a short line is refused", fed, limit)
        require(buffer.rest() == b"", "what is refused is kept", fed)
        return
    require(max(map(len, whole)) <= limit, "a long line is taken", whole, limit)
    require(buffer.rest() == whole[-1] and buffer.rest() == b"", "the rest is lost, or comes twice", whole)


def events(data: bytes) -> None:
    """Events are those of the standard, read naively, however the stream is cut."""
    source = Source(data, ("data", "event", "id", "retry"))
    count, first = source.below(9), source.byte()
    parts: list[bytes] = [b"\xef\xbb\xbf"] if first == 1 else []
    for _ in range(count):
        name = source.pick((b"data", b"event", b"id", b"retry", b"", b"dat"))
        colon = source.pick((b": ", b":", b"", b":  "))
        parts += [name + colon + source.blob(20), source.pick((b"\n", b"\r\n", b"\r", b"\n\n", b""))]
    cut_events(source.pieces(b"".join(parts)), _PLENTY if source.chance() else source.byte())


def cut_events(pieces: list[bytes], limit: int) -> None:
    """The property of :func:`events`, for a stream in pieces."""
    parser = EventParser(limit)
    found: list[Event] = []
    fed = b""
    try:
        for piece in pieces:
            fed += piece
            found += parser.feed(piece)
            require(parser.held <= limit, "more than the limit is held", parser.held, limit)
    except LimitExceeded:
        require(len(fed) > limit, "a short event is refused", fed, limit)
        return
    expected, last_id, retry = _read_events(b"".join(pieces))
    require(found == expected, "events are read differently", pieces, found, expected)
    require((parser.last_id, parser.retry) == (last_id, retry), "the state differs", pieces, last_id, retry)


def _read_events(stream: bytes) -> tuple[list[Event], bytes, float | None]:
    """WHATWG HTML 9.2.6, line by line, of the whole stream at once."""
    found: list[Event] = []
    data: list[bytes] = []
    kind, number, last_id, retry = b"", b"", b"", None
    for line in _LINE_ENDS.split(stream.removeprefix(b"\xef\xbb\xbf"))[:-1]:
        if not line:
            last_id = number
            if data:
                found.append(Event(kind.decode(errors="replace") or "message", b"\n".join(data), last_id))
            data, kind = [], b""
            continue
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            kind = value
        elif field == b"id" and b"\0" not in value:
            number = value
        elif field == b"retry" and re.fullmatch(rb"[0-9]{1,9}", value):
            retry = int(value) / 1000
    return found, last_id, retry


def written_events(data: bytes) -> None:
    """What is written as events comes back as the same messages, also to readers that cut lines where the standard
    does not."""
    source = Source(data, ("params", "\u2028", "\u2029", "\u0085", "\r", "\n", "data: x", ": "))
    messages: list[Message] = [
        Request(source.pick((1, "a", 2**70)), source.text(), source.members()) for _ in range(source.below(4))
    ]
    numbers = [f"{source.below(9)}-{at}" if source.chance() else None for at in range(len(messages))]
    reread_events(messages, numbers)


def reread_events(messages: list[Message], numbers: list[str | None]) -> None:
    """The property of :func:`written_events`."""
    stream = priming("0-0") + COMMENT
    for message, number in zip(messages, numbers, strict=True):
        stream += event(encode(message), number) + COMMENT
    found = EventParser(_PLENTY).feed(stream)
    require(found and found[0].data == b"" and found[0].id == b"0-0", "the priming event is another", found[:1])
    require(len(found) == len(messages) + 1, "events are lost, or added", stream)
    last = b"0-0"
    for one, message, number in zip(found[1:], messages, numbers, strict=True):
        last = last if number is None else number.encode()
        require((one.type, one.id) == ("message", last), "an event is named wrongly", one)
        require(_same(parse(one.data), message), "another message comes back", one.data, message)
        require(len(one.data.decode().splitlines()) == 1, "a message is in lines to some", one.data)
