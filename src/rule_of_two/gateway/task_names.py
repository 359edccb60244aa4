"""The identifiers of tasks, and what reading a task brings (2025-11-25, Tasks; and the modern extension of that name).

A task belongs to the call that began it: what is read of it later brings that call's [A] and [B], in whichever session
it is read. Its identifier names the upstream where there are several, because two can choose the same one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from rule_of_two.gateway.catalog import Catalog
from rule_of_two.gateway.mount import Mount
from rule_of_two.model import INGRESS, NONE, Labels
from rule_of_two.wire.eras import RELATED_TASK

_NAMES: Final = frozenset(("taskId", "task", "tasks", "_meta"))
_MOST: Final = 10_000
"""Tasks whose labels are remembered; of an older one the worst case counts."""


class Task(Struct, frozen=True):
    """A task of an upstream's."""

    mount: Mount
    id: str
    labels: Labels | None
    """What reading it brings; ``None`` when it is not known which call began it."""


class TaskNames:
    """The identifiers of tasks, as clients and as upstreams know them."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._known: OrderedDict[str, Task] = OrderedDict()

    def begun(self, mount: Mount, labels: Labels, result: dict[str, Any]) -> dict[str, Any]:
        """The result of a call as the client is to see it. A task in it is remembered with the call's labels."""
        if "task" not in result and "taskId" not in result:
            return self.shown(mount, result)
        for holder in (result.get("task"), result):
            if isinstance(holder, dict) and isinstance(holder.get("taskId"), str):
                name = self._name(mount, holder["taskId"])
                known = self._known.pop(name, None)  # labels only join
                before = known.labels if known and known.labels else NONE
                self._known[name] = Task(mount, holder["taskId"], before | (labels & INGRESS))
                while len(self._known) > _MOST:
                    self._known.popitem(last=False)
        return self.shown(mount, result)

    def shown(self, mount: Mount, body: dict[str, Any]) -> dict[str, Any]:
        """A result, or the parameters of a request or notification, with the client's identifiers."""
        if _NAMES.isdisjoint(body):
            return body
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

    def own(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """A client's parameters with the upstream's identifier in ``_meta``, where they are related to a task."""
        meta = params.get("_meta")
        if not meta:
            return dict(params)
        related = meta.get(RELATED_TASK)
        name = related.get("taskId") if isinstance(related, dict) else None
        task = self.find(name) if isinstance(name, str) else None
        if task is None or not isinstance(related, dict):
            return dict(params)
        return {**params, "_meta": {**meta, RELATED_TASK: {**related, "taskId": task.id}}}

    def find(self, name: str) -> Task | None:
        """The task of that name; of an unknown one only its upstream can be told."""
        known = self._known.get(name)
        if known is not None:
            return known
        if not self._catalog.prefixed:
            mounts = self._catalog.mounts
            return Task(mounts[0], name, None) if mounts else None
        upstream, separator, own = name.partition("__")
        mount = next((mount for mount in self._catalog.mounts if separator and mount.name == upstream), None)
        return None if mount is None else Task(mount, own, None)

    def _name(self, mount: Mount, own: str) -> str:
        return f"{mount.name}__{own}" if self._catalog.prefixed else own
