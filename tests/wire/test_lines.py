"""Cutting a byte stream into lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.errors import LimitExceeded
from rule_of_two.wire.lines import LineBuffer


@given(st.lists(st.binary(max_size=20).map(lambda data: data.replace(b"\n", b"")), max_size=8), st.data())
def test_lines_come_out_whole_however_they_arrive(lines: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(line + b"\n" for line in lines) + b"rest"
    buffer = LineBuffer(limit=20)
    found: list[bytes] = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += buffer.feed(stream[:size])
        stream = stream[size:]
    assert found == lines
    assert buffer.rest() == b"rest"
    assert buffer.rest() == b""


@pytest.mark.parametrize("pieces", [[b"x" * 11], [b"x" * 6, b"x" * 5], [b"ok\n" + b"x" * 11 + b"\n"]])
def test_a_line_over_the_limit_is_refused_and_thrown_away(pieces: list[bytes]) -> None:
    buffer = LineBuffer(limit=10)
    for piece in pieces[:-1]:
        assert buffer.feed(piece) == []
    with pytest.raises(LimitExceeded, match="more than 10 bytes"):
        buffer.feed(pieces[-1])
    assert buffer.rest() == b""


def test_the_limit_is_for_one_line() -> None:
    buffer = LineBuffer(limit=10)
    assert buffer.feed(b"x" * 10 + b"\n" + b"y" * 10) == [b"x" * 10]
    assert buffer.feed(b"\n") == [b"y" * 10]
