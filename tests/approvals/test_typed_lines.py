"""Lines from a terminal, whole however they arrive, until it is gone."""

from __future__ import annotations

import os

import pytest

from rule_of_two.approvals.typed_lines import typed_lines


async def test_lines_come_whole_and_in_order_until_the_end() -> None:
    reading, writing = os.pipe()
    lines = typed_lines(reading)
    os.write(writing, b"y\ng 5")
    assert await anext(lines) == "y"
    os.write(writing, b" 15\n\n\xff\n")
    assert [await anext(lines) for _ in range(3)] == ["g 5 15", "", "\ufffd"]
    os.write(writing, b"half")
    os.close(writing)
    with pytest.raises(StopAsyncIteration):
        await anext(lines)
    os.close(reading)


async def test_a_line_without_an_end_is_not_held_whole() -> None:
    reading, writing = os.pipe()
    lines = typed_lines(reading)
    os.write(writing, b"x" * 20_000 + b"\ny\n")
    assert len(await anext(lines)) <= 8192
    assert await anext(lines) == "y"
    os.close(writing)
    os.close(reading)
