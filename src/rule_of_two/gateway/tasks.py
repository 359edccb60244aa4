"""Tasks: calls that an upstream carries out by and by, while the client asks after them (2025-11-25, Tasks; and the
modern extension of that name).

A task belongs to the call that began it: what is read of it later brings that call's [A] and [B], in whichever session
it is read. Its identifier names the upstream where there are several, because two can choose the same one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rule_of_two.gateway.catalog import Catalog
from rule_of_two.gateway.exchange import Exchange
from rule_of_two.gateway.forwarding import Forwarding, about, object_of, text_of
from rule_of_two.gateway.mount import Mount
from rule_of_two.model import EGRESS, INGRESS, NONE, Action, Facts, Labels
from rule_of_two.wire.eras import RELATED_TASK
from rule_of_two.wire.peer import RemoteError

_MOST: Final = 10_000
"""Tasks whose labels are remembered; of an older one the upstream's worst case counts."""
_PAGES: Final = 100


@dataclass(frozen=True, slots=True)
class _Task:
    mount: Mount
    id: str
    labels: Labels | None
    """What reading it brings; ``None`` when it is not known which call began it."""


class TaskNames:
    """The identifiers of tasks, as clients and as upstreams know them."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._known: OrderedDict[str, _Task] = OrderedDict()

    def begun(self, mount: Mount, labels: Labels, result: dict[str, Any]) -> dict[str, Any]:
        """The result of a call as the client is to see it. A task in it is remembered with the call's labels."""
        if "task" not in result and "taskId" not in result:
            return self.shown(mount, result)
        for holder in (result.get("task"), result):
            if isinstance(holder, dict) and isinstance(holder.get("taskId"), str):
                name = self._name(mount, holder["taskId"])
                self._known[name] = _Task(mount, holder["taskId"], labels & INGRESS)
                while len(self._known) > _MOST:
                    self._known.popitem(last=False)
        return self.shown(mount, result)

    def shown(self, mount: Mount, body: dict[str, Any]) -> dict[str, Any]:
        """A result, or the parameters of a request or notification, with the client's identifiers."""
        changed: dict[str, Any] = {}
        if isinstance(body.get("taskId"), str):
            changed["taskId"] = self._name(mount, body["taskId"])
        if isinstance(body.get("task"), dict):
            changed["task"] = self.shown(mount, body["task"])
        if isinstance(body.get("tasks"), list):
            changed["tasks"] = [self.shown(mount, one) if isinstance(one, dict) else one for one in body["tasks"]]
        meta = body.get("_meta")
        if isinstance(meta, dict) and isinstance(meta.get(RELATED_TASK), dict):
            changed["_meta"] = {**meta, RELATED_TASK: self.shown(mount, meta[RELATED_TASK])}
        return {**body, **changed} if changed else body

    def find(self, name: str) -> _Task | None:
        """The task of that name; of an unknown one only its upstream can be told."""
        known = self._known.get(name)
        if known is not None:
            return known
        if not self._catalog.prefixed:
            mounts = self._catalog.mounts
            return _Task(mounts[0], name, None) if mounts else None
        upstream, separator, own = name.partition("__")
        mount = next((mount for mount in self._catalog.mounts if separator and mount.name == upstream), None)
        return None if mount is None else _Task(mount, own, None)

    def _name(self, mount: Mount, own: str) -> str:
        return f"{mount.name}__{own}" if self._catalog.prefixed else own


@dataclass(frozen=True, slots=True)
class Tasks:
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
            raise RemoteError(-32602, "Invalid params: there is no such task", None)
        await task.mount.available()
        labels = task.mount.manifest.ingress if task.labels is None else task.labels
        if exchange.method == "tasks/cancel":
            labels = NONE
        if exchange.method == "tasks/update" or task.labels is None:
            labels |= EGRESS  # answers, or a name that may be anything
        facts = Facts(Action.USE_TASK, task.mount.name, exchange.method, labels)
        arguments = {key: value for key, value in params.items() if key != "_meta"}
        call = about(facts, arguments, forwarded={**params, "taskId": task.id})
        return await self.forwarding.forward(exchange, task.mount, call, adapt=self._shown)

    async def list(self, exchange: Exchange) -> dict[str, Any]:
        """``tasks/list`` of all upstreams that have one, in one page.

        :raises Refused: it was not carried out.
        """
        mounts = [mount for mount in self.catalog.mounts if mount.can("tasks")]
        if not mounts:
            raise RemoteError(-32601, "Method not found: tasks/list", None)
        if len(mounts) == 1:
            return await self._page(exchange, mounts[0], exchange.params)
        tasks: list[Any] = []
        last: dict[str, Any] = {}
        for mount in mounts:
            params: dict[str, Any] = {"_meta": object_of(exchange.params, "_meta")}
            for _ in range(_PAGES):
                last = await self._page(exchange, mount, params)
                tasks += last.get("tasks", [])
                if not isinstance(last.get("nextCursor"), str):
                    break
                params = {**params, "cursor": last["nextCursor"]}
        return {**{key: value for key, value in last.items() if key != "nextCursor"}, "tasks": tasks}

    async def _page(self, exchange: Exchange, mount: Mount, params: Mapping[str, Any]) -> dict[str, Any]:
        await mount.available()
        facts = Facts(Action.USE_TASK, mount.name, exchange.method, mount.manifest.ingress)
        arguments = {key: value for key, value in params.items() if key != "_meta"}
        return await self.forwarding.forward(
            exchange, mount, about(facts, arguments, forwarded=params), adapt=self._shown
        )

    def _shown(self, mount: Mount, labels: Labels, result: dict[str, Any]) -> dict[str, Any]:
        return self.names.shown(mount, result)
