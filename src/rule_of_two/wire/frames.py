"""JSON-RPC 2.0 frames as MCP uses them: bytes to frozen messages and back. No I/O, no state.

A frame is parsed once, and what goes on is re-serialised, so nobody after us can read it differently. Whatever two JSON
parsers could disagree on (duplicate keys, NaN, lone surrogates, ids that are no ids) is refused. Numbers keep their
value: integers of any size exactly, everything else as the nearest double.
"""

from __future__ import annotations

import json
from typing import Any, Final, TypeGuard

import orjson
from msgspec import Struct

from rule_of_two.errors import BadRequest, LimitExceeded
from rule_of_two.nesting import deeper_than
from rule_of_two.wire.codes import INVALID_REQUEST, PARSE_ERROR

RequestId = int | str

MAX_DEPTH: Final = 64
MAX_ID_BYTES: Final = 1024
MAX_VALUES: Final = 500_000
"""Containers, members and elements of one frame. Reading that many keeps everyone else waiting for about 0.1 s; 16 MiB
of ``[],[],…`` would take more than a second and hundreds of MB. Text of any length is one value."""


_DIGITS_AS_ZERO: Final = bytes.maketrans(b"123456789", b"000000000")
_LONG_RUN: Final = b"0" * 19
"""19 digits are the shortest integer that may need more than 64 bits."""

_SMALL: Final = 1024
"""Up to here counting brackets is faster than looking at the values."""


class Request(Struct, frozen=True):
    """A call that waits for an answer. ``related`` is the request of ours on whose reply stream it came, where a
    transport has such streams; it is not part of the frame."""

    id: RequestId
    method: str
    params: dict[str, Any]
    related: RequestId | None = None


class Notification(Struct, frozen=True):
    """A message that nobody answers. Its method starts with ``notifications/``; ``related`` as of a request."""

    method: str
    params: dict[str, Any]
    related: RequestId | None = None


class Result(Struct, frozen=True):
    """The answer to a request that was carried out."""

    id: RequestId
    result: dict[str, Any]


class Failure(Struct, frozen=True):
    """The answer to a request that failed. ``id`` is ``None`` when the request could not be identified."""

    id: RequestId | None
    error: dict[str, Any]


Message = Request | Notification | Result | Failure


class FrameError(BadRequest):
    """A frame that is refused; nothing of it may be handled.

    ``reply`` is what to tell the peer, where a reply is possible. ``answers`` is the request that the frame was meant
    to answer, when it is a malformed reply: that request will get no better one.
    """

    def __init__(self, message: str, *, reply: Failure | None = None, answers: RequestId | None = None) -> None:
        super().__init__(message)
        self.reply = reply
        self.answers = answers


class _DuplicateKey(Exception):  # never leaves this module
    """An object has two members of one name."""


def parse(raw: bytes, *, depth: int = MAX_DEPTH) -> Message:
    """Read one frame. ``depth`` is how many containers may stand inside each other, the envelope included.

    :raises FrameError: it is not exactly one well-formed request, notification or reply. No byte of it is quoted.
    :raises LimitExceeded: it has more than :data:`MAX_VALUES` values. Finding out whom to answer would cost what the
        limit saves, so nobody is: the connection has to end, as after a frame that is too long.
    """
    if len(raw) > MAX_VALUES and _has_too_many_values(raw):
        raise LimitExceeded(f"it sent a frame of more than {MAX_VALUES} values")
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        text = f"a frame is not JSON: {error.msg}"
        raise FrameError(text, reply=_failure(None, PARSE_ERROR, text)) from None
    if (len(raw) >= _SMALL or raw.count(b"{") + raw.count(b"[") > depth) and deeper_than(value, depth):
        raise _refused(value, f"is nested deeper than {depth} levels")
    canonical = orjson.dumps(value)
    if canonical != raw:  # most peers write exactly what orjson writes, which proves that nothing was lost
        try:
            value = _exact(raw, value, canonical)
        except _DuplicateKey:
            raise _refused(value, "has a duplicate key") from None
    if type(value) is not dict:
        raise _refused(value, "is a batch; send one message a frame" if type(value) is list else "is not an object")
    if value.get("jsonrpc") != "2.0":
        raise _refused(value, 'does not say "jsonrpc": "2.0"')
    return _call(value) if "method" in value else _reply(value)


def encode(message: Message) -> bytes:
    """One line of UTF-8 JSON, without the newline. Never fails on what :func:`parse` returned."""
    return encode_line(message)[:-1]


def encode_line(message: Message) -> bytes:
    """Like :func:`encode`, with the newline that ends a frame on a byte stream."""
    if isinstance(message, Result):
        value: dict[str, Any] = {"jsonrpc": "2.0", "id": message.id, "result": message.result}
    elif isinstance(message, Failure):
        value = {"jsonrpc": "2.0", "id": message.id, "error": message.error}
    else:
        value = {"jsonrpc": "2.0"}
        if isinstance(message, Request):
            value["id"] = message.id
        value["method"] = message.method
        if message.params:
            value["params"] = message.params
    try:
        return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # an integer of more than 64 bits
        return _with_long_integers(value) + b"\n"


def dump(value: Any) -> bytes:
    """JSON of anything that stood in a frame. orjson alone refuses integers of more than 64 bits, which are allowed."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return _with_long_integers(value)


def is_request_id(value: object) -> TypeGuard[RequestId]:
    """Whether ``value`` can identify a request: a whole number or a text, of at most 1 KiB."""
    if type(value) is int:
        return -(2**63) <= value < 2**64 or len(str(value)) <= MAX_ID_BYTES
    return type(value) is str and len(value) <= MAX_ID_BYTES and len(value.encode()) <= MAX_ID_BYTES


def _with_long_integers(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _call(value: dict[str, Any]) -> Request | Notification:
    method = value["method"]
    params = value.get("params", {})
    if type(method) is not str:
        raise _refused(value, "has a method that is not text")
    if "result" in value or "error" in value:
        raise _refused(value, "is a request and a reply at once")
    if "id" in value and not is_request_id(value["id"]):
        raise _refused(value, "has an id that is neither a whole number nor a text of at most 1 KiB")
    if type(params) is not dict:
        raise _refused(value, "has params that are not an object")
    if type(params.get("_meta", {})) not in (dict, type(None)):
        raise _refused(value, "has a _meta that is not an object")
    if "id" in value:
        return Request(value["id"], method, params)
    if not method.startswith("notifications/"):
        raise _refused(value, "is a request without an id")
    return Notification(method, params)


def _reply(value: dict[str, Any]) -> Result | Failure:
    if ("result" in value) == ("error" in value):
        raise _refused(value, "is neither a request nor a reply with a result or an error")
    number = value.get("id")
    if "result" in value:
        result = value["result"]
        if not is_request_id(number):
            raise _refused(value, "answers no request: its id is neither a whole number nor a text of at most 1 KiB")
        if type(result) is not dict:
            raise _refused(value, "has a result that is not an object")
        if type(result.get("_meta", {})) not in (dict, type(None)):
            raise _refused(value, "has a _meta that is not an object")
        return Result(number, result)
    error = value["error"]
    if "id" not in value or not (number is None or is_request_id(number)):
        raise _refused(value, "answers no request: its id is neither a whole number nor a text of at most 1 KiB")
    if type(error) is not dict or type(error.get("code")) is not int or type(error.get("message")) is not str:
        raise _refused(value, "has an error without a whole code and a message")
    return Failure(number, error)


def _refused(value: Any, reason: str) -> FrameError:
    """The error for a frame that is JSON. A request is answered; a reply fails the request that it names."""
    members = value if isinstance(value, dict) else {}
    number = members.get("id")
    known: RequestId | None = number if is_request_id(number) else None
    if "method" not in members and ("result" in members or "error" in members):
        return FrameError(f"a reply {reason}", answers=known)
    text = f"the message {reason}"
    return FrameError(text, reply=_failure(known, INVALID_REQUEST, text))


def _failure(number: RequestId | None, code: int, message: str) -> Failure:
    return Failure(number, {"code": code, "message": message})


def _exact(raw: bytes, value: Any, canonical: bytes) -> Any:
    """What ``raw`` says, where orjson keeps the last of two members of one name, and makes large integers inexact.

    INVARIANT: no accepted frame has a duplicate key at any depth (test_fast_and_exact_parser_agree). Every member has
    one colon, and every other colon stands in a string, as itself or as an escape; ``canonical`` escapes none. So the
    numbers of colons differ exactly when a member was lost. Counting keeps every frame fast: the standard library's
    parser with a hook for duplicates takes 2 s for 16 MiB, and one ``\\u003a`` was enough to ask for it.

    :raises _DuplicateKey: an object has two members of one name.
    """
    plain = raw
    if b"\\u003" in raw:  # an escape is one where the backslash is not itself escaped
        plain = raw.replace(b"\\\\", b"").replace(b"\\u003a", b":").replace(b"\\u003A", b":")
    if plain.count(b":") != canonical.count(b":"):
        raise _DuplicateKey
    # Without a hook this takes no longer than orjson, so even a digit run in a text may cause it.
    return json.loads(raw.decode()) if _LONG_RUN in raw.translate(_DIGITS_AS_ZERO) else value


def _has_too_many_values(raw: bytes) -> bool:
    """Whether ``raw`` holds more than :data:`MAX_VALUES` values, counted by brackets and commas, before it is parsed.

    Every value but the first of its container has a comma before it, and the first has the bracket. Where texts could
    be what makes it many, they are cut out: backslashes first, so that the quotes left are those around texts.
    """
    if _marks(raw) <= MAX_VALUES:
        return False
    plain = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    # A member has two texts at most, so this many are too many; and they would be slow to cut out.
    return plain.count(b'"') > 4 * MAX_VALUES or _marks(b"".join(plain.split(b'"')[::2])) > MAX_VALUES


def _marks(text: bytes) -> int:
    return text.count(b"{") + text.count(b"[") + text.count(b",")
