"""Keys of a real pseudo-terminal, one at a time."""

from __future__ import annotations

import os
import pty
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import anyio
import pytest

from rule_of_two.demo.keyboard import Keyboard, open_keyboard


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, TextIO]]:
    """Where keys are pressed, and a terminal that is standard input and output. Not a fixture: pytest sets them too."""
    master, slave = pty.openpty()
    with os.fdopen(slave, "r") as file, monkeypatch.context() as patched:
        patched.setattr("sys.stdin", file)
        patched.setattr("sys.stdout", file)
        yield master, file
    os.close(master)


@contextmanager
def keyboard_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Keyboard, int]]:
    with terminal(monkeypatch) as (press, _), open_keyboard() as keyboard:
        assert keyboard is not None
        yield keyboard, press


async def test_a_key_counts_without_enter_and_an_arrow_is_one_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with keyboard_of(monkeypatch) as (keyboard, press), anyio.fail_after(20):
        for pressed in (b"y", b"\x1b[A", "é".encode(), b"\xff"):
            os.write(press, pressed)
            assert await keyboard.key() == pressed.decode(errors="replace")


async def test_what_was_typed_ahead_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    with keyboard_of(monkeypatch) as (keyboard, press), anyio.fail_after(20):
        os.write(press, b"yyy")
        await anyio.wait_readable(sys.stdin)
        keyboard.forget()
        os.write(press, b"n")
        assert await keyboard.key() == "n"


def test_the_terminal_is_left_as_it_was_and_takes_signals_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as (_, file):
        before = termios.tcgetattr(file)
        with open_keyboard():
            local = termios.tcgetattr(file)[3]
        after = termios.tcgetattr(file)
    assert local & termios.ISIG
    assert not local & (termios.ICANON | termios.ECHO)
    assert after == before


async def test_a_terminal_that_is_gone_is_the_end() -> None:
    master, slave = pty.openpty()
    os.close(master)
    with pytest.raises(EOFError), anyio.fail_after(20):
        await Keyboard(slave).key()
    os.close(slave)


def test_without_a_terminal_there_is_no_keyboard(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path(os.devnull).open() as file, monkeypatch.context() as patched:
        patched.setattr("sys.stdin", file)
        with open_keyboard() as keyboard:
            assert keyboard is None
