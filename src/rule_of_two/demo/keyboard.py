"""Single keys from the person at the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import anyio


class Keyboard:
    """Keys as they are pressed, without Enter and without an echo. Ctrl-C stays a signal."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    async def key(self) -> str:
        """The next key; an escape sequence (an arrow, say) counts as one.

        :raises EOFError: the terminal is gone.
        """
        await anyio.wait_readable(self._descriptor)
        try:
            pressed = os.read(self._descriptor, 64)
        except OSError as error:
            raise EOFError from error
        if not pressed:
            raise EOFError
        return pressed.decode("utf-8", "replace")

    def forget(self) -> None:
        """Drop what was typed ahead: it was no answer to what comes now."""
        if sys.platform == "win32":  # where nobody has a Keyboard
            return
        import termios  # noqa: PLC0415  # not on every platform

        termios.tcflush(self._descriptor, termios.TCIFLUSH)


@contextmanager
def open_keyboard() -> Iterator[Keyboard | None]:
    """The keyboard of this process's terminal; ``None`` when a person is not at both its input and its output."""
    if sys.platform == "win32" or not (sys.stdin.isatty() and sys.stdout.isatty()):
        yield None
        return
    import termios  # noqa: PLC0415  # not on every platform
    import tty  # noqa: PLC0415  # not on every platform

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor, termios.TCSADRAIN)
    try:
        yield Keyboard(descriptor)
    finally:
        with suppress(termios.error):  # the terminal is gone
            termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)
