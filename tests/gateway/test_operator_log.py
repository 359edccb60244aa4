"""Telling the operator never holds the gateway up."""

from __future__ import annotations

import os
import threading

from rule_of_two.gateway.operator_log import OperatorLog


def test_lines_are_written_in_order_and_flushed_at_the_end() -> None:
    source, sink = os.pipe()
    log = OperatorLog(sink)
    for number in range(5):
        log.say(f"line {number} \ud800")
    log.close()
    assert os.read(source, 10_000).decode().splitlines() == [f"line {number} ?" for number in range(5)]
    os.close(source)
    os.close(sink)


def test_a_reader_that_reads_nothing_holds_nobody_up_and_is_told_what_it_missed() -> None:
    source, sink = os.pipe()
    log = OperatorLog(sink)
    for _ in range(5000):
        log.say("x" * 1000)
    read = bytearray()
    done = threading.Event()

    def drain() -> None:
        while not read.endswith(b"the end\n"):
            read.extend(os.read(source, 65536))
        done.set()

    threading.Thread(target=drain, daemon=True).start()
    while not done.wait(0.01):
        log.say("the end")
    assert b"lines were left out here" in read
    log.close()
    os.close(source)
    os.close(sink)


def test_a_line_is_written_whole_where_writing_does_not_wait() -> None:
    """Each write takes what fits: the rest of the line was lost, and the next one began in its middle."""
    source, sink = os.pipe()
    os.set_blocking(sink, False)
    log = OperatorLog(sink)
    lines = ["a" * 200_000, "b" * 200_000, "the end"]
    for line in lines:
        log.say(line)
    read = bytearray()
    while not read.endswith(b"the end\n"):
        read.extend(os.read(source, 65536))
    assert read.decode().splitlines() == lines
    log.close()
    os.close(source)
    os.close(sink)


def test_closing_what_never_spoke_is_nothing() -> None:
    OperatorLog().close()
