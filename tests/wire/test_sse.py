"""The parser of server-sent events: the standard's own examples, and streams cut and grown in every way."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.errors import LimitExceeded
from rule_of_two.wire.sse import Event, EventParser

PLENTY = 1_000_000


def parsed(*pieces: bytes) -> list[Event]:
    parser = EventParser(PLENTY)
    return [event for piece in pieces for event in parser.feed(piece)]


def datas(stream: bytes) -> list[bytes]:
    return [event.data for event in parsed(stream)]


@pytest.mark.parametrize(
    ("stream", "data"),
    [
        # The examples of the standard
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", [b"YHOO\n+2\n10"]),
        (b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n",
         [b"first event", b"second event"]),
        (b"data\n\ndata\ndata\n\ndata:", [b"", b"\n"]),
        (b"data:test\n\ndata: test\n\n", [b"test", b"test"]),
        # Ends of lines
        (b"data: a\r\rdata: b\r\n\r\ndata: c\n\n", [b"a", b"b", b"c"]),
        (b"data: a\r\ndata: b\r\n\r\n", [b"a\nb"]),
        # What is no event
        (b"", []),
        (b"\n\n\n", []),
        (b"event: x\nid: 1\n\n", []),
        (b"data: never finished\n", []),
        (b":data: x\n\n", []),
        (b"Data: x\n\n", []),
        (b" data: x\n\n", []),
        # A mark at the very beginning, and anywhere else
        (b"\xef\xbb\xbfdata: x\n\n", [b"x"]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: x\n\n", []),
        (b"\n\xef\xbb\xbfdata: x\n\n", []),
        # Bytes are kept as they are
        (b"data: \xff\xfe\n\n", [b"\xff\xfe"]),
        (b"data: a\0b\n\n", [b"a\0b"]),
        (b"data: a:b: c \n\n", [b"a:b: c "]),
        (b"data: a\xe2\x80\xa8b\x0bc\n\n", [b"a\xe2\x80\xa8b\x0bc"]),
    ],
)  # fmt: skip
def test_data_is_what_the_standard_says(stream: bytes, data: list[bytes]) -> None:
    assert datas(stream) == data


def test_an_event_has_its_type_and_only_its_own() -> None:
    assert [event.type for event in parsed(b"event: ping\ndata\n\ndata\n\nevent\ndata\n\n")] == [
        "ping",
        "message",
        "message",
    ]


def test_ids_last_until_another_comes_and_one_with_nul_is_ignored() -> None:
    stream = b"id: 1\ndata\n\ndata\n\nid: 2\0\ndata\n\nid:3\ndata\n\nid\ndata\n\n"
    assert [event.id for event in parsed(stream)] == [b"1", b"1", b"1", b"3", b""]


def test_an_id_counts_once_its_event_is_whole_and_without_data_too() -> None:
    parser = EventParser(PLENTY, last_id=b"0")
    assert not parser.feed(b"id: 1\n")
    assert parser.last_id == b"0"
    assert not parser.feed(b"\n")
    assert parser.last_id == b"1"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("1500", 1.5), ("0", 0), ("-1", None), ("1.5", None), ("", None), ("x", None), ("9" * 5000, None), ("²", None)],
)
def test_the_time_to_wait_is_digits_only(value: str, seconds: float | None) -> None:
    parser = EventParser(PLENTY)
    assert not parser.feed(f"retry: {value}\n\n".encode())
    assert parser.retry == seconds


def test_an_event_that_is_too_long_is_refused_in_whatever_pieces_it_comes() -> None:
    def feed(parser: EventParser, pieces: list[bytes]) -> None:
        for piece in pieces:
            parser.feed(piece)

    for pieces in ([b"data: " + b"x" * 100], [b"x"] * 101, [b"data: 12345\n"] * 20, [b"id: " + b"1" * 101 + b"\n"]):
        with pytest.raises(LimitExceeded):
            feed(EventParser(100), pieces)


def test_many_short_events_are_no_long_one() -> None:
    parser = EventParser(20)
    assert len([event for _ in range(1000) for event in parser.feed(b": comment\n\ndata: 12\n\n")]) == 1000


def test_a_megabyte_in_single_bytes_is_read_in_no_time() -> None:
    parser = EventParser(2_000_000)
    events = [event for byte in b"data: " + b"x" * 1_000_000 + b"\n\n" for event in parser.feed(bytes((byte,)))]
    assert [len(event.data) for event in events] == [1_000_000]


LINES = st.sampled_from(
    [b"data: a", b"data:b", b"data", b"id: 7", b"id: \0", b"id", b"event: e", b"retry: 9", b":", b"", b"\xef\xbb\xbf"]
)  # fmt: skip
STREAMS = st.one_of(
    st.binary(max_size=200),
    st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r", b"\r\n"]))).map(
        lambda pairs: b"".join(line + end for line, end in pairs)
    ),
)


@given(STREAMS, st.lists(st.integers(0, 200)))
def test_how_a_stream_is_cut_changes_nothing(stream: bytes, cuts: list[int]) -> None:
    ends = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    whole, cut = EventParser(PLENTY), EventParser(PLENTY)
    events = [event for start, end in pairwise(ends) for event in cut.feed(stream[start:end])]
    assert events == whole.feed(stream)
    assert (cut.last_id, cut.retry, cut.held) == (whole.last_id, whole.retry, whole.held)


@given(st.lists(STREAMS), st.integers(0, 60))
def test_no_more_than_the_limit_is_ever_held(pieces: list[bytes], limit: int) -> None:
    parser = EventParser(limit)
    for piece in pieces:
        try:
            events = parser.feed(piece)
        except LimitExceeded:
            return
        assert parser.held <= limit
        assert all(len(event.data) <= limit for event in events)


@given(st.lists(st.binary().filter(lambda data: b"\r" not in data and b"\n" not in data)), st.binary(max_size=3))
def test_what_is_written_line_by_line_comes_back(lines: list[bytes], mark: bytes) -> None:
    stream = b"".join(b"data: " + line + b"\n" for line in lines) + b"\n"
    assert datas(stream) == ([b"\n".join(lines)] if lines else [])
    parser = EventParser(PLENTY)
    parser.feed(mark)
    parser.feed(b"\n\n")
    assert parser.held == len(parser.last_id)
