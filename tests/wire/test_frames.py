"""Frames: what is accepted, what is refused and how, and that the fast way and the exact way agree."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rule_of_two.errors import LimitExceeded
from rule_of_two.wire import frames
from rule_of_two.wire.frames import (
    MAX_VALUES,
    Failure,
    FrameError,
    Message,
    Notification,
    Request,
    Result,
    encode,
    encode_line,
    is_request_id,
    parse,
)


def refusal(raw: bytes, *, depth: int = 64) -> FrameError:
    with pytest.raises(FrameError) as caught:
        parse(raw, depth=depth)
    return caught.value


def code(error: FrameError) -> int:
    assert error.reply is not None
    number = error.reply.error["code"]
    assert isinstance(number, int)
    return number


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"jsonrpc":"2.0","id":1,"method":"ping"}', Request(1, "ping", {})),
        (b'{"jsonrpc":"2.0","id":"a","method":"ping","params":{}}', Request("a", "ping", {})),
        (
            b' {"method" : "x", "params":{"a":[1,2.5,null,true]}, "id":-1, "jsonrpc":"2.0"}\r',
            Request(-1, "x", {"a": [1, 2.5, None, True]}),
        ),
        (b'{"jsonrpc":"2.0","method":"notifications/x","params":{"a":1}}', Notification("notifications/x", {"a": 1})),
        (b'{"jsonrpc":"2.0","id":1,"result":{"a":1}}', Result(1, {"a": 1})),
        (b'{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"m"}}', Failure(None, {"code": 1, "message": "m"})),
        (
            b'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m","data":[1],"x":2}}',
            Failure(1, {"code": 1, "message": "m", "data": [1], "x": 2}),
        ),
        (b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":null}}', Request(1, "m", {"_meta": None})),
    ],
)
def test_well_formed_frames_are_read(raw: bytes, message: Message) -> None:
    assert parse(raw) == message


def test_unknown_members_of_the_envelope_are_dropped() -> None:
    message = parse(b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"kept":1},"smuggled":{"a":1}}')
    assert orjson.loads(encode(message)) == {"jsonrpc": "2.0", "id": 1, "method": "m", "params": {"kept": 1}}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"hello",
        b"{",
        b'{"a":1,}',
        b"\xff",
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\\ud800"}',
        b"\xef\xbb\xbf{}",
        b'{"a":1} {"b":2}',
    ],
)
def test_what_is_not_json_is_answered_with_a_parse_error(raw: bytes) -> None:
    error = refusal(raw)
    assert code(error) == -32700
    assert error.reply is not None
    assert error.reply.id is None


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e999", b"1" + b"0" * 5000])
def test_numbers_that_have_no_value_are_refused(number: bytes) -> None:
    refusal(b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"n":' + number + b"}}")


@pytest.mark.parametrize(
    "id_",
    [
        b"null",
        b"1.5",
        b"1.0",
        b"1e3",
        b"true",
        b"false",
        b"[]",
        b"{}",
        b'"' + b"x" * 1025 + b'"',
        '"é"'.replace("é", "é" * 513).encode(),
    ],
)
def test_unusable_ids_do_not_become_notifications(id_: bytes) -> None:
    for method in (b"tools/call", b"notifications/cancelled"):
        error = refusal(b'{"jsonrpc":"2.0","id":' + id_ + b',"method":"' + method + b'"}')
        assert code(error) == -32600
        assert error.reply is not None
        assert error.reply.id is None
        assert error.answers is None


def test_a_request_without_an_id_is_refused() -> None:
    assert code(refusal(b'{"jsonrpc":"2.0","method":"tools/call","params":{"name":"send"}}')) == -32600


@pytest.mark.parametrize(
    "rest",
    [
        b'"id":1,"method":5',
        b'"id":1,"method":null',
        b'"id":1,"method":"m","params":[1]',
        b'"id":1,"method":"m","params":null',
        b'"id":1,"method":"m","params":"x"',
        b'"id":1,"method":"m","params":{"_meta":[]}',
        b'"id":1,"method":"m","result":{}',
        b'"id":1,"method":"m","error":{"code":1,"message":"m"}',
    ],
)
def test_malformed_requests_are_answered_under_their_id(rest: bytes) -> None:
    error = refusal(b'{"jsonrpc":"2.0",' + rest + b"}")
    assert code(error) == -32600
    assert error.reply is not None
    assert error.reply.id == 1


@pytest.mark.parametrize(
    "raw", [b'{"id":1,"method":"m"}', b'{"jsonrpc":"1.0","id":1,"method":"m"}', b'{"jsonrpc":2.0,"id":1,"method":"m"}']
)
def test_another_json_rpc_is_refused(raw: bytes) -> None:
    assert code(refusal(raw)) == -32600


@pytest.mark.parametrize(
    "raw",
    [b"[]", b'[{"jsonrpc":"2.0","id":1,"method":"m"}]', b"1", b'"x"', b"null", b"{}", b'{"jsonrpc":"2.0","id":1}'],
)
def test_batches_and_other_values_are_refused(raw: bytes) -> None:
    assert code(refusal(raw)) == -32600


@pytest.mark.parametrize(
    ("rest", "answers"),
    [
        (b'"id":7,"result":{},"error":{"code":1,"message":"m"}', 7),
        (b'"id":7,"result":[]', 7),
        (b'"id":7,"result":null', 7),
        (b'"id":7,"result":{"_meta":1}', 7),
        (b'"id":7,"result":{"a":1,"a":2}', 7),
        (b'"id":7,"error":"broken"', 7),
        (b'"id":7,"error":{"code":"x","message":"m"}', 7),
        (b'"id":7,"error":{"code":1.5,"message":"m"}', 7),
        (b'"id":7,"error":{"code":1}', 7),
        (b'"id":null,"result":{}', None),
        (b'"id":1.5,"result":{}', None),
        (b'"result":{}', None),
        (b'"id":1.5,"error":{"code":1,"message":"m"}', None),
        (b'"error":{"code":1,"message":"m"}', None),
    ],
)
def test_malformed_replies_are_never_answered_and_name_the_request_that_they_fail(
    rest: bytes, answers: int | None
) -> None:
    error = refusal(b'{"jsonrpc":"2.0",' + rest + b"}")
    assert error.reply is None
    assert error.answers == answers


@pytest.mark.parametrize(
    "raw",
    [
        b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":1,"a":2}}',
        b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":[{"b":{"c":1,"c":1}}]}}',
        b'{"jsonrpc":"2.0","id":1,"method":"m","method":"n"}',
        b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"to":"x","t\\u006f":"y"}}',
        b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":"::","a":""}}',
        b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":1,"a":"\\u003a"}}',
        b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":1,"a":"\\u003A"}}',
        b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":10000000000000000000000000,"a":1}}',
        rb'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":1,"a":"\\\u003a\\u003a:"}}',
    ],
)
def test_duplicate_keys_are_refused_at_any_depth_and_in_any_spelling(raw: bytes) -> None:
    error = refusal(raw)
    assert "duplicate key" in str(error)
    assert code(error) == -32600


def test_an_escaped_colon_costs_no_slower_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        pytest.fail("the standard library's parser was asked")

    monkeypatch.setattr("rule_of_two.wire.frames.json.loads", never)
    raw = rb'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":"\u003a","b":"\\u003a","c":"\\\u003A"}}'
    message = parse(raw)
    assert isinstance(message, Request)
    assert message.params == {"a": ":", "b": "\\u003a", "c": "\\:"}


def framed(values: bytes) -> bytes:
    """A notification with ``values`` in a list. Around them are three brackets and two commas."""
    return b'{"jsonrpc":"2.0","method":"notifications/x","params":{"a":[' + values + b"]}}"


ENVELOPE_VALUES = 5


@pytest.mark.parametrize(
    ("value", "each"),
    [(b"0", 1), (b"[]", 2), (b'{"":0}', 2), (b'"a,[{\\"\\\\"', 1), (b'{"\\u003a":"\\u003a"}', 2)],
)
def test_the_values_of_a_frame_are_limited(value: bytes, each: int) -> None:
    most = (MAX_VALUES - ENVELOPE_VALUES + 1) // each
    parse(framed(b",".join([value] * most)))
    with pytest.raises(LimitExceeded, match="a frame of more than 500000 values"):
        parse(framed(b",".join([value] * (most + 1))))


@pytest.mark.parametrize("text", [b"," * 4_000_000, b'\\",{[' * 1_000_000, b"\\\\" * 4_000_000, b"[" * 600_000])
def test_a_text_of_any_length_is_one_value(text: bytes) -> None:
    parse(framed(b'"' + text + b'"'))


@pytest.mark.parametrize("value", [2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**30, -(10**200)])
def test_integers_of_any_size_pass_unchanged(value: int) -> None:
    raw = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "m", "params": {"n": value}}).encode()
    message = parse(raw)
    assert isinstance(message, Request)
    assert message.params["n"] == value
    assert type(message.params["n"]) is int
    assert parse(encode(message)) == message


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_nesting_is_limited_without_recursion(opening: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"

    def nested(levels: int) -> bytes:  # two of them are the envelope and its params
        inner = opening * (levels - 2) + b"1" + closing * (levels - 2)
        return b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":' + inner + b"}}"

    parse(nested(64))
    assert "deeper than 64" in str(refusal(nested(65)))
    assert "deeper than 64" in str(refusal(nested(900)))
    assert code(refusal(nested(100_000))) == -32700
    padded = nested(64)[:-1] + b',"pad":"' + b"x" * 2000 + b'"}'
    parse(padded)
    assert "deeper than 63" in str(refusal(padded, depth=63))


def test_brackets_in_texts_are_not_nesting() -> None:
    parse(orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": "m", "params": {"a": "[{" * 200}}))


def test_ids_may_be_long_up_to_a_limit() -> None:
    assert is_request_id("x" * 1024)
    assert not is_request_id("x" * 1025)
    assert is_request_id(10**1023)
    assert not is_request_id(10**1024)


def test_a_line_ends_once() -> None:
    message = Request(1, "m", {"text": "a\nb\r\u2028"})
    assert encode_line(message) == encode(message) + b"\n"
    assert b"\n" not in encode(message)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(2**70), max_value=2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)
params = st.dictionaries(
    st.text(st.characters(codec="utf-8"), max_size=6).filter(lambda key: key != "_meta"), json_values, max_size=5
)
ids = st.integers() | st.text(st.characters(codec="utf-8"), max_size=20)
errors = st.builds(
    lambda number, text, more: {**more, "code": number, "message": text}, st.integers(), st.text(max_size=5), params
)
messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(Request, ids, st.text(max_size=12), params),
    st.builds(Notification, st.text(max_size=12).map("notifications/".__add__), params),
    st.builds(Result, ids, params),
    st.builds(Failure, st.none() | ids, errors),
)


@given(messages)
def test_encode_and_parse_are_inverse(message: Message) -> None:
    assert parse(encode(message)) == message


@given(messages, st.sampled_from([(",", ":"), (", ", ": ")]), st.booleans())
def test_any_spelling_of_a_frame_is_the_same_frame(
    message: Message, separators: tuple[str, str], ascii_only: bool
) -> None:
    spelled = json.dumps(json.loads(encode(message)), separators=separators, ensure_ascii=ascii_only)
    assert parse(spelled.encode()) == message


class _Duplicate(Exception):
    pass


def exactly(raw: bytes) -> Any:
    """The slow parser of the standard library, refusing what two parsers could read differently."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) != len(pairs):
            raise _Duplicate
        return dict(pairs)

    return json.loads(raw.decode(), object_pairs_hook=unique)


spaces = st.sampled_from(["", " ", "\t"])
characters = st.sampled_from(
    [
        "a",
        ":",
        "\\u003a",
        "\\u003A",
        "\\\\u003a",
        "\\\\",
        '\\"',
        ",",
        "\\u0061",
        "{",
        "}",
        "\\n",
        "é",
        "0" * 19,
        "\\u0030",
    ]
)
strings = st.lists(characters, max_size=4).map(lambda parts: '"' + "".join(parts) + '"')
numbers = st.sampled_from(["0", "-0", "1.5", "1e5", "9" * 18, "9" * 19, "9" * 40, "-" + "1" * 25, "0." + "1" * 25])


def spelled_objects(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    member = st.builds("{}{}:{}{}".format, strings, spaces, spaces, inner)
    return st.lists(member, max_size=4).map(lambda members: "{" + ",".join(members) + "}")


spelled_values = st.recursive(
    strings | numbers | st.sampled_from(["null", "true"]),
    lambda inner: spelled_objects(inner) | st.lists(inner, max_size=3).map(lambda items: "[" + ",".join(items) + "]"),
    max_leaves=12,
)


@given(spelled_objects(spelled_values))
@example('{"a":1,"a":"\\u003a"}')
@example('{"a":"","a":""}')
def test_fast_and_exact_parser_agree(spelled: str) -> None:
    raw = f'{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"v":{spelled}}}}}'.encode()
    try:
        expected = exactly(raw)["params"]
    except _Duplicate:
        assert "duplicate key" in str(refusal(raw))
    else:
        message = parse(raw)
        assert isinstance(message, Request)
        assert message.params == expected
        assert json.dumps(message.params) == json.dumps(expected)  # 1 is not 1.0


def count_of_values(value: Any) -> int:
    """Brackets and commas that spelling ``value`` takes."""
    if not isinstance(value, dict | list):
        return 0
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max(len(value) - 1, 0) + sum(map(count_of_values, inner))


@given(spelled_values, st.integers(1, 12))
def test_values_are_counted_exactly_and_texts_never_count(spelled: str, limit: int) -> None:
    expected = count_of_values(
        json.loads(spelled, object_pairs_hook=lambda pairs: {str(n): v for n, (_, v) in enumerate(pairs)})
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frames, "MAX_VALUES", limit)
        assert frames._has_too_many_values(spelled.encode()) == (expected > limit)


@given(st.binary(max_size=200) | st.text(alphabet='{}[]":,\\u0123e.-"jsonrpcidmethod ', max_size=120).map(str.encode))
def test_nothing_but_a_message_or_a_frame_error_comes_out(raw: bytes) -> None:
    try:
        message = parse(raw)
    except FrameError:
        return
    assert parse(encode(message)) == message


@given(messages, st.data())
def test_a_damaged_frame_is_a_message_or_a_frame_error(message: Message, data: st.DataObject) -> None:
    raw = bytearray(encode(message))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        survived = parse(bytes(raw))
    except FrameError:
        return
    assert parse(encode(survived)) == survived


envelopes = st.dictionaries(
    st.sampled_from(["jsonrpc", "id", "method", "params", "result", "error", "x"]),
    json_values | st.just("2.0") | st.just("notifications/x") | st.just({"code": 1, "message": "m"}),
    max_size=6,
)


@given(envelopes)
def test_any_envelope_is_a_message_or_a_frame_error(envelope: dict[str, Any]) -> None:
    raw = json.dumps({"jsonrpc": "2.0", **envelope}).encode()
    try:
        message = parse(raw)
    except FrameError:
        return
    assert parse(encode(message)) == message
    if isinstance(message, Notification):
        assert "id" not in envelope
