"""Frames against the standard library's JSON: any spelling, any damage, any nesting; and what reading them costs."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rule_of_two.errors import LimitExceeded
from rule_of_two.wire.frames import MAX_DEPTH, FrameError, Request, encode, parse
from scripts.fuzzing.check import memory_of
from scripts.fuzzing.effort import examples
from scripts.fuzzing.source import NUMBERS, ODD_TEXTS
from scripts.fuzzing.streams import cut_lines, frame

TEXTS = st.one_of(st.sampled_from(ODD_TEXTS), st.text(max_size=8))
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.sampled_from(NUMBERS), st.integers(), st.floats(allow_nan=False), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=3)
IDS = st.one_of(st.integers(), st.sampled_from(NUMBERS), st.text(max_size=4), VALUES)
MEMBERS = {
    "jsonrpc": st.one_of(st.just("2.0"), VALUES),
    "id": IDS,
    "method": st.one_of(st.sampled_from(["tools/call", "notifications/x", ""]), VALUES),
    "params": st.one_of(OBJECTS, st.builds(lambda meta: {"_meta": meta}, VALUES), VALUES),
    "result": st.one_of(OBJECTS, st.builds(lambda meta: {"_meta": meta}, VALUES), VALUES),
    "error": st.one_of(st.builds(lambda code, text: {"code": code, "message": text}, IDS, VALUES), VALUES),
}
FIELDS = st.one_of(
    st.fixed_dictionaries(
        {name: MEMBERS[name] for name in ("jsonrpc", "id", "method")},
        optional={name: MEMBERS[name] for name in ("params", "result", "error")},
    ),
    st.fixed_dictionaries({name: MEMBERS[name] for name in ("jsonrpc", "id", "result")}),
    st.fixed_dictionaries({name: MEMBERS[name] for name in ("jsonrpc", "id", "error")}),
    st.fixed_dictionaries({}, optional=MEMBERS),
)
SEPARATORS = st.sampled_from([(",", ":"), (" , ", " : "), (",\t", ":\n")])


@st.composite
def spelled(draw: st.DrawFn) -> bytes:
    """An envelope in any spelling."""
    text = json.dumps(draw(FIELDS), ensure_ascii=draw(st.booleans()), separators=draw(SEPARATORS))
    return text.encode("utf-8", "surrogatepass")


@given(spelled())
@settings(max_examples=examples(150), deadline=None)
@example(b'{"jsonrpc":"2.0","id":1e0,"method":"x"}')
@example(b'\xef\xbb\xbf{"jsonrpc":"2.0","id":1,"method":"x"}')
@example('{"jsonrpc":"2.0","id":1,"method":"x"}'.encode("utf-16"))
def test_any_envelope_in_any_spelling_is_read_as_the_standard_library_reads_it(raw: bytes) -> None:
    frame(raw)


@given(spelled(), st.data())
@settings(max_examples=examples(150), deadline=None)
def test_so_is_a_damaged_one(raw: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(raw)))
    end = data.draw(st.integers(at, min(at + 4, len(raw))))
    new = data.draw(
        st.sampled_from([b"", b'"', b",", b":", b"}", b"]", b"\\", b"\\u003a", b"\xff", b"9" * 20, b"\x00"])
    )
    frame(raw[:at] + new + raw[end:])


@given(FIELDS, st.sampled_from([" ", "x", "9" * 25]))
@settings(max_examples=examples(100), deadline=None)
def test_what_a_refusal_says_quotes_no_byte_of_the_frame(fields: dict[str, Any], more: str) -> None:
    def marked(value: Any) -> Any:
        if isinstance(value, dict):
            return {f"SECRET{key}": marked(one) for key, one in value.items()}
        if isinstance(value, list):
            return [marked(one) for one in value]
        return f"SECRET{value}" if isinstance(value, str) else value

    envelope = {name: value if name in {"jsonrpc", "id"} else marked(value) for name, value in fields.items()}
    for raw in (json.dumps(envelope), json.dumps(envelope) + more, json.dumps([envelope, "SECRET"])):
        said = ""
        with suppress(LimitExceeded):
            try:
                parse(raw.encode("utf-8", "surrogatepass"))
            except FrameError as error:
                said = f"{error} {error.reply and error.reply.error}"
        assert "SECRET" not in said


@pytest.mark.parametrize("opening", ["[", '{"a":'])
@given(levels=st.integers(MAX_DEPTH - 4, MAX_DEPTH + 4))
@settings(max_examples=examples(18), deadline=None)
def test_so_are_values_as_deep_as_the_limit(opening: str, levels: int) -> None:
    inner = opening * levels + "1" + ("]" if opening == "[" else "}") * levels
    for padding in ("", "x" * 2000):
        frame(f'{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"a":{inner},"p":"{padding}"}}}}'.encode())


@given(st.lists(st.binary(max_size=12).map(lambda piece: piece.replace(b"n", b"\n")), max_size=12), st.integers(0, 30))
@settings(max_examples=examples(150), deadline=None)
def test_lines_are_the_same_however_they_are_cut(pieces: list[bytes], limit: int) -> None:
    cut_lines(pieces, limit)


@pytest.mark.parametrize(
    "unit", [b"[],", b"1,", b'"",', b'"\\u003a",', b'{"a":1},', b'{"\\u003a":":"},', b"9223372036854775808,", b"-0.0,"]
)
def test_reading_twice_as_much_holds_twice_as_much(unit: bytes) -> None:
    """Counted, not timed. What is held is bounded by the bytes, and by the number of values whatever they are."""

    def held(count: int) -> int:
        raw = b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":[' + unit * count + b"0]}}"
        return memory_of(lambda: encode(parse(raw)))

    small, large = held(5_000), held(10_000)
    assert large < 2.3 * small
    assert large < 1_500 * 10_000


def test_what_is_refused_for_its_size_was_not_read() -> None:
    raw = b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":[' + b"0," * 600_000 + b"0]}}"
    with pytest.raises(LimitExceeded):
        parse(raw)

    def refused() -> None:
        with pytest.raises(LimitExceeded):
            parse(raw)

    assert memory_of(refused) < 4 * len(raw)


def test_a_number_of_any_size_comes_back_or_is_refused() -> None:
    for digits in (1, 18, 19, 20, 308, 309, 310, 4300, 4301, 10_000):
        for sign in ("", "-"):
            frame(f'{{"jsonrpc":"2.0","id":{sign}{"9" * digits},"method":"m"}}'.encode())
            frame(f'{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"a":{sign}{"9" * digits}}}}}'.encode())
            frame(f'{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"a":{sign}0.{"9" * digits}e-{digits}}}}}'.encode())
    assert isinstance(parse(b'{"jsonrpc":"2.0","id":%b,"method":"m"}' % (b"9" * 308)), Request)
