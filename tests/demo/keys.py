"""Keys without a terminal, so that they arrive one by one. `test_keyboard.py` has a real one."""

from __future__ import annotations

from contextlib import suppress

import anyio

from rule_of_two.demo.keyboard import Keyboard


class Keys(Keyboard):
    """What a test presses."""

    def __init__(self) -> None:
        self._send, self._receive = anyio.create_memory_object_stream[str](10)

    def press(self, key: str) -> None:
        self._send.send_nowait(key)

    async def key(self) -> str:
        return await self._receive.receive()

    def forget(self) -> None:
        with suppress(anyio.WouldBlock):
            while True:
                self._receive.receive_nowait()

    def close(self) -> None:
        self._send.close()
        self._receive.close()
