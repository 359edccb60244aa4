"""Notifications of the client's on their way to upstreams, so that one that does not read keeps nobody else waiting."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from rule_of_two.errors import UpstreamUnavailable
from rule_of_two.gateway.mount import Mount

_WAITING: Final = 64
"""Notifications to one upstream that may wait. What comes then is dropped: none of them must arrive."""

_Item = tuple[str, dict[str, Any]]


class Outbox:
    """Sends notifications in order, each upstream's by a task of its own, which lives in ``tasks``."""

    def __init__(self, tasks: TaskGroup) -> None:
        self._tasks = tasks
        self._queues: dict[Mount, MemoryObjectSendStream[_Item]] = {}

    def put(self, mount: Mount, method: str, params: dict[str, Any]) -> None:
        """Have a notification sent soon; never waits."""
        queue = self._queues.get(mount)
        if queue is None:
            queue, waiting = anyio.create_memory_object_stream[_Item](_WAITING)
            self._queues[mount] = queue
            self._tasks.start_soon(_send, mount, waiting)
        with suppress(anyio.WouldBlock):
            queue.send_nowait((method, params))

    def close(self) -> None:
        """Send nothing more."""
        for queue in self._queues.values():
            queue.close()


async def _send(mount: Mount, waiting: MemoryObjectReceiveStream[_Item]) -> None:
    async with waiting:
        async for method, params in waiting:
            with suppress(UpstreamUnavailable):
                await mount.notify(method, params)
