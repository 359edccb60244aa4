"""Server-sent events, read and written; HTTP heads and bodies; who may speak: against naive readings."""

from __future__ import annotations

import json
import logging
from typing import Any

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rule_of_two.wire.eras import CLIENT_CAPABILITIES, PROTOCOL_VERSION
from rule_of_two.wire.frames import Failure, Message, Request, parse
from rule_of_two.wire.http_request import Head, Refused
from rule_of_two.wire.lines import LineBuffer
from rule_of_two.wire.sse import EventParser
from scripts.fuzzing import http
from scripts.fuzzing.check import Broken, calls_of, memory_of, require
from scripts.fuzzing.effort import examples
from scripts.fuzzing.source import ODD_TEXTS
from scripts.fuzzing.streams import cut_events, reread_events

TEXTS = st.one_of(st.sampled_from(ODD_TEXTS), st.text(max_size=12))
FIELDS = st.builds(
    lambda name, colon, value, end: name + colon + value + end,
    st.sampled_from([b"data", b"event", b"id", b"retry", b"", b"Data", b"\xef\xbb\xbf"]),
    st.sampled_from([b": ", b":", b"", b":  "]),
    st.one_of(st.binary(max_size=6), st.sampled_from([b"123", b"\0", b"\xff", b"a\x0bb"])),
    st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n", b"\r\r\n", b""]),
)
HEADERS = st.lists(
    st.tuples(
        st.one_of(st.sampled_from(http.WORDS), st.from_regex(r"\A[!-9;-~]{1,8}\Z")).map(str.encode),
        st.one_of(
            st.sampled_from([word for word in http.WORDS if word.isascii()]).map(str.encode),
            st.binary(max_size=12).map(lambda raw: bytes(byte for byte in raw if byte == 9 or 32 <= byte != 127)),
        ),
    ),
    max_size=8,
)


HEAD_PARTS = (
    b"GET /mcp HTTP/1.1\r\n", b"POST /mcp HTTP/1.1\r\n", b"\r\n", b"Host: a\r\n", b" x\r\n",
    b"Host: localhost:8080\r\n", b"Content-Length: 3\r\n", b"Content-Length: 4\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: x, chunked\r\n", b"Authorization:\tBearer token\t\r\n", b"Authorization : Bearer token\r\n",
    b"\xff: \xff\r\n", b"A:\r\n", b"0\r\n\r\n", b"abc", b"\n", b"\0",
)  # fmt: skip


@given(st.lists(FIELDS, max_size=10), st.lists(st.integers(0, 12), max_size=20), st.integers(0, 80))
@settings(max_examples=examples(200), deadline=None)
def test_events_are_those_of_the_standard_however_they_are_cut(
    fields: list[bytes], sizes: list[int], more: int
) -> None:
    stream = b"".join(fields)
    pieces = []
    for size in sizes:
        pieces.append(stream[:size])
        stream = stream[size:]
    cut_events([*pieces, stream], 1 << 20)
    cut_events([*pieces, stream], more)


@given(st.lists(st.tuples(TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=3), st.booleans()), max_size=4))
@settings(max_examples=examples(100), deadline=None)
def test_messages_written_as_events_come_back(messages: list[tuple[str, dict[str, str], bool]]) -> None:
    written: list[Message] = [Request(at, method, params) for at, (method, params, _) in enumerate(messages)]
    reread_events(written, [f"1-{at}" if numbered else None for at, (_, _, numbered) in enumerate(messages)])


@pytest.mark.parametrize("parser", [lambda: EventParser(1 << 20), lambda: LineBuffer(1 << 20)])
@pytest.mark.parametrize("stream", [b"data: x\n", b"data:", b"\r", b"\n", b"id: 1\r\n\r\n", b"x"])
def test_twice_as_long_a_stream_is_twice_the_work(parser: Any, stream: bytes) -> None:
    """In single bytes, and in one piece. Counted, not timed."""

    def work(count: int, size: int) -> tuple[int, int]:
        whole = stream * count

        def feed() -> None:
            fed = parser()
            for at in range(0, len(whole), size):
                fed.feed(whole[at : at + size])

        return calls_of(feed), memory_of(feed)

    for size in (1, 1 << 20):
        (small, less), (large, more) = work(400, size), work(800, size)
        assert large <= 2.1 * small + 40
        assert more <= 2.2 * less + 20_000


@given(HEADERS)
@settings(max_examples=examples(200), deadline=None)
def test_a_head_is_what_its_fields_say(fields: list[tuple[bytes, bytes]]) -> None:
    http.read_head(fields)
    http.check_security(fields)


@given(st.sampled_from(["host", "origin", "authorization"]), st.sampled_from(http.WORDS), st.text(max_size=3), HEADERS)
@settings(max_examples=examples(200), deadline=None)
def test_only_exact_names_and_one_token_pass(
    name: str, value: str, more: str, others: list[tuple[bytes, bytes]]
) -> None:
    near = (value + more).encode("latin-1", "ignore")
    fields = [(b"host", b"localhost:8080"), (b"authorization", b"Bearer token")]
    http.check_security([(name.encode(), near), *others])
    http.check_security([field for field in fields if field[0] != name.encode()] + [(name.encode(), near)])
    http.check_security([*fields, (name.upper().encode(), near)])


@given(st.lists(st.sampled_from(HEAD_PARTS), max_size=9))
@settings(max_examples=examples(200), deadline=None)
def test_what_the_http_parser_lets_through_is_read_without_surprise(parts: list[bytes]) -> None:
    """The parser in front of us is h11: whatever head comes out of it has a reading."""
    connection = h11.Connection(h11.SERVER)
    try:
        connection.receive_data(b"".join(parts))
        event = connection.next_event()
    except h11.RemoteProtocolError:
        return
    if isinstance(event, h11.Request):
        http.read_head(list(event.headers))
        http.check_security(list(event.headers))


@given(
    st.sampled_from(["POST", "GET", "DELETE", "OPTIONS", "HEAD"]),
    HEADERS,
    st.integers(0, 7),
    st.sampled_from(["initialize", "tools/list", "tools/call", "x"]),
    st.sampled_from([1, "a", 2**64, None, 1.5]),
)
@settings(max_examples=examples(100), deadline=None)
def test_every_http_request_gets_one_whole_answer(
    verb: str, more: list[tuple[bytes, bytes]], missing: int, method: str, number: Any
) -> None:
    logging.disable()
    try:
        fields = [
            (b"host", b"localhost:8080"),
            (b"authorization", b"Bearer token"),
            (b"accept", b"*/*"),
            (b"content-type", b"application/json"),
            (b"mcp-method", method.encode()),
            (b"mcp-name", b"n"),
        ]
        fields = [*fields[:missing], *fields[missing + 1 :], *more]
        scope = {"type": "http", "method": verb, "path": "/mcp", "headers": fields}
        meta = {PROTOCOL_VERSION: "2026-07-28", CLIENT_CAPABILITIES: {}}
        body = {"jsonrpc": "2.0", "id": number, "method": method, "params": {"_meta": meta, "name": "n"}}
        http.knock(scope, [json.dumps(body).encode()])
    finally:
        logging.disable(logging.NOTSET)


@given(
    st.lists(st.binary(max_size=60), max_size=9), st.sampled_from([None, b"3", b"401", b"x", b"9" * 99]), st.booleans()
)
@settings(max_examples=examples(100), deadline=None)
def test_a_body_is_its_frame_in_whatever_pieces_it_comes(
    pieces: list[bytes], length: bytes | None, whole: bool
) -> None:
    http.read_body(pieces, length, whole=whole)


@pytest.mark.parametrize("number", [2**64, -(10**300)])
def test_a_refusal_names_a_request_whose_id_is_a_long_integer(number: int) -> None:
    answer = parse(Refused(400, "no", number=number, data={"n": number}).body())
    assert isinstance(answer, Failure)
    assert (answer.id, answer.error["data"]) == (number, {"n": number})


def test_many_fields_and_kinds_are_read_once_each() -> None:
    def work(count: int) -> int:
        fields = [(b"accept", b"a/b," * count)] + [(b"x%d" % at, b"y") for at in range(count)]
        return calls_of(lambda: Head({"method": "", "path": "", "headers": fields}).accepted())

    assert work(400) <= 2.1 * work(200) + 40


def test_a_property_that_does_not_hold_says_so() -> None:
    with pytest.raises(Broken, match=r"half a body: \(1,\)"):
        require(None, "half a body", 1)
