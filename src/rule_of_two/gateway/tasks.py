"""What clients ask of tasks: calls that an upstream carries out by and by (2025-11-25, Tasks; and the modern extension
of that name)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from rule_of_two.approvals.question import PROTOCOL_KEYS
from rule_of_two.gateway.catalog import Catalog
from rule_of_two.gateway.exchange import Exchange
from rule_of_two.gateway.flight import about
from rule_of_two.gateway.forwarding import Forwarding, text_of
from rule_of_two.gateway.mount import Mount
from rule_of_two.gateway.task_names import TaskNames
from rule_of_two.model import EGRESS, INGRESS, Action, Facts, Labels
from rule_of_two.wire.codes import INVALID_PARAMS, METHOD_NOT_FOUND
from rule_of_two.wire.frames import dump
from rule_of_two.wire.peer import RemoteError

_PAGES: Final = 100
_LIST_BYTES: Final = 8 * 1024 * 1024
"""How much of the tasks of several upstreams is put into one list."""
_PLAIN: Final = frozenset(("taskId", "_meta"))


def _words(params: Mapping[str, Any]) -> bool:
    """Whether there is more in ``_meta`` than the protocol puts there."""
    meta = params.get("_meta") or {}
    return isinstance(meta, dict) and not meta.keys() <= PROTOCOL_KEYS


class Tasks(Struct, frozen=True):
    """Carries out what clients ask of tasks."""

    names: TaskNames
    catalog: Catalog
    forwarding: Forwarding

    async def use(self, exchange: Exchange) -> dict[str, Any]:
        """``tasks/get``, ``tasks/result``, ``tasks/cancel`` and ``tasks/update``.

        :raises Refused: it was not carried out.
        :raises RemoteError: no such task can exist.
        """
        params = exchange.params
        task = self.names.find(text_of(params, "taskId"))
        if task is None:
            raise RemoteError(INVALID_PARAMS, "Invalid params: there is no such task", None)
        await task.mount.available()
        # Its state is told in texts of the server's, besides what the call brings.
        labels = INGRESS if task.labels is None else task.labels | task.mount.manifest.ingress
        if exchange.method == "tasks/update" or task.labels is None or not params.keys() <= _PLAIN or _words(params):
            labels |= EGRESS  # answers, a name that may be anything, or more than the method needs
        facts = Facts(Action.USE_TASK, task.mount.name, exchange.method, labels)
        arguments = {key: value for key, value in params.items() if key != "_meta"}
        call = about(facts, arguments, forwarded={**self.names.own(params), "taskId": task.id})
        return await self.forwarding.forward(exchange, task.mount, call, adapt=self._shown)

    async def list(self, exchange: Exchange) -> dict[str, Any]:
        """``tasks/list`` of all upstreams that have one, in one page.

        :raises Refused: it was not carried out.
        """
        mounts = [mount for mount in self.catalog.mounts if mount.can("tasks")]
        if not mounts:
            raise RemoteError(METHOD_NOT_FOUND, "Method not found: tasks/list", None)
        if len(mounts) == 1:
            return await self._page(exchange, mounts[0], exchange.params)
        tasks: list[Any] = []
        last: dict[str, Any] = {}
        left = _LIST_BYTES
        for mount in mounts:
            params: dict[str, Any] = {}
            for _ in range(_PAGES):
                last = await self._page(exchange, mount, params, known=True)
                left -= len(dump(last))
                tasks += last.get("tasks", []) if left >= 0 else []
                cursor = last.get("nextCursor")
                if left < 0 or not isinstance(cursor, str) or cursor == params.get("cursor"):
                    break
                params = {"cursor": cursor}
        return {**{key: value for key, value in last.items() if key != "nextCursor"}, "tasks": tasks}

    async def _page(
        self, exchange: Exchange, mount: Mount, params: Mapping[str, Any], *, known: bool = False
    ) -> dict[str, Any]:
        """One page; ``known``: the cursor is the upstream's own, and never was the client's."""
        await mount.available()
        plain = params.keys() <= {"_meta"} and not _words(params)
        labels = INGRESS if plain or known else INGRESS | EGRESS
        facts = Facts(Action.USE_TASK, mount.name, exchange.method, labels)
        arguments = {key: value for key, value in params.items() if key != "_meta"}
        return await self.forwarding.forward(
            exchange, mount, about(facts, arguments, forwarded=params), adapt=self._shown
        )

    def _shown(self, mount: Mount, labels: Labels, result: dict[str, Any]) -> dict[str, Any]:
        return self.names.shown(mount, result)
