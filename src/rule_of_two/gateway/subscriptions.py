"""Who wants to be told of what: resource subscriptions and lists that change, in both eras and both directions.

A legacy client subscribes to resources one by one and is told of every list; a modern one opens a stream and says what
for (``subscriptions/listen``). Towards upstreams it is the same, for all clients of the gateway together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, Protocol

import anyio
from msgspec import Struct, field

from rule_of_two.errors import RuleOfTwoError
from rule_of_two.gateway.exchange import Exchange
from rule_of_two.gateway.listening import LIST_CHANGED
from rule_of_two.gateway.mount import Mount
from rule_of_two.wire.codes import INVALID_PARAMS
from rule_of_two.wire.eras import SUBSCRIPTION_ID, Era
from rule_of_two.wire.peer import NotSent, RemoteError

SUBSCRIBE_SECONDS: Final = 10.0
_LEAVING_SECONDS: Final = 2.0
_BACKLOG: Final = 256
"""Notifications of one stream that its client has not read."""
_MOST: Final = 1024
"""Resources that one client may have itself told of."""


class Listener(Protocol):
    """Somebody who is told."""

    async def changed(self, kind: str) -> None:
        """A list has changed: ``tools``, ``prompts`` or ``resources``."""

    async def updated(self, params: dict[str, Any]) -> None:
        """A resource has changed."""


class Stream(Struct, eq=False):
    """A modern client's subscription, for as long as its request is open."""

    exchange: Exchange
    wanted: dict[str, Any]
    waiting: deque[tuple[str, dict[str, Any]]] = field(default_factory=deque)
    arrived: anyio.Event = field(default_factory=anyio.Event)
    overflowed: bool = False

    async def run(self) -> None:
        """Say what will be told, and tell it as it comes, until the client does not read any more: nobody waits for it,
        and a client that comes back reads everything anew.

        :raises NotSent: the client is gone.
        """
        await self._tell("notifications/subscriptions/acknowledged", {"notifications": self.wanted})
        while not self.overflowed:
            await self.arrived.wait()
            self.arrived = anyio.Event()
            while self.waiting:
                await self._tell(*self.waiting.popleft())

    async def changed(self, kind: str) -> None:
        if self.wanted.get(LIST_CHANGED[kind]) is True:
            self._put(f"notifications/{kind}/list_changed", {})

    async def updated(self, params: dict[str, Any]) -> None:
        self._put("notifications/resources/updated", params)

    def _put(self, method: str, params: dict[str, Any]) -> None:
        self.overflowed = self.overflowed or len(self.waiting) >= _BACKLOG
        if not self.overflowed:
            self.waiting.append((method, params))
        self.arrived.set()

    async def _tell(self, method: str, params: dict[str, Any]) -> None:
        if self.exchange.incoming is not None:
            meta = {**(params.get("_meta") or {}), SUBSCRIPTION_ID: self.exchange.incoming.id}
            await self.exchange.tell(method, {**params, "_meta": meta})


class _Resource(Struct, eq=False):
    mount: Mount
    listeners: set[Listener] = field(default_factory=set)


class Subscriptions:
    """The listeners of one gateway's clients."""

    def __init__(self) -> None:
        self.ended = anyio.Event()
        """Set when the gateway ends: streams that are open end in order."""
        self._listeners: set[Listener] = set()
        self._resources: dict[str, _Resource] = {}

    def attach(self, listener: Listener) -> None:
        """Tell ``listener`` of lists that change."""
        self._listeners.add(listener)

    async def detach(self, listener: Listener) -> None:
        """Tell it nothing more, and have upstreams tell us nothing more for it, in bounded time."""
        uris = self.forget(listener)
        with anyio.move_on_after(_LEAVING_SECONDS):
            async with anyio.create_task_group() as tasks:
                for mount, uri in uris:
                    tasks.start_soon(self._leave, mount, uri)

    def forget(self, listener: Listener) -> list[tuple[Mount, str]]:
        """Tell it nothing more; what nobody wants to be told any more. For the end of everything."""
        self._listeners.discard(listener)
        left = [(one.mount, uri) for uri, one in self._resources.items() if listener in one.listeners]
        for _, uri in left:
            self._forget(listener, uri)
        return [(mount, uri) for mount, uri in left if uri not in self._resources]

    async def _leave(self, mount: Mount, uri: str) -> None:
        with suppress(RuleOfTwoError, RemoteError):
            await self._ask(mount, "resources/unsubscribe", uri)

    async def add(self, listener: Listener, mount: Mount, uri: str) -> None:
        """Tell ``listener`` when a resource changes, and have its upstream tell us.

        :raises RemoteError: the upstream refused, or the listener wants too much.
        :raises UpstreamUnavailable: the upstream did not answer.
        """
        if sum(listener in one.listeners for one in self._resources.values()) >= _MOST:
            raise RemoteError(INVALID_PARAMS, f"Invalid params: more than {_MOST} subscriptions", None)
        known = self._resources.setdefault(uri, _Resource(mount))
        first = not known.listeners
        known.listeners.add(listener)
        try:
            if first:
                await self._ask(mount, "resources/subscribe", uri)
        except BaseException:
            self._forget(listener, uri)
            raise

    async def remove(self, listener: Listener, uri: str) -> None:
        """The reverse of :meth:`add`. Whatever the upstream says to it, the listener is told nothing more."""
        known = self._resources.get(uri)
        if known is not None and listener in known.listeners:
            self._forget(listener, uri)
            if not known.listeners:
                await self._leave(known.mount, uri)

    async def renew(self, mount: Mount) -> None:
        """Tell an upstream that came back what it was told before."""
        for uri in [uri for uri, one in self._resources.items() if one.mount is mount]:
            with suppress(RuleOfTwoError, RemoteError):
                await self._ask(mount, "resources/subscribe", uri)

    async def changed(self, kind: str) -> None:
        """Tell everybody that a list has changed."""
        await _all([(listener.changed, kind) for listener in self._listeners])

    async def updated(self, mount: Mount, params: dict[str, Any]) -> None:
        """Tell those who want to know of a resource, or of one that contains it."""
        uri = params.get("uri")
        if isinstance(uri, str):
            listeners = {
                listener
                for known, one in self._resources.items()
                if one.mount is mount and (uri == known or uri.startswith(known.rstrip("/") + "/"))
                for listener in one.listeners
            }
            await _all([(listener.updated, params) for listener in listeners])

    def wanted(self, mount: Mount) -> bool:
        """Whether anybody wants to be told of a resource of this upstream."""
        return any(one.mount is mount for one in self._resources.values())

    def _forget(self, listener: Listener, uri: str) -> None:
        known = self._resources.get(uri)
        if known is not None:
            known.listeners.discard(listener)
            if not known.listeners:
                del self._resources[uri]

    async def _ask(self, mount: Mount, method: str, uri: str) -> None:
        if mount.era is Era.MODERN:
            mount.listen(frozenset(known for known, one in self._resources.items() if one.mount is mount))
        else:
            await mount.request(method, {"uri": uri}, timeout=SUBSCRIBE_SECONDS)


async def _all(calls: list[tuple[Any, Any]]) -> None:
    """Tell each, one after the other; one that is gone or does not read concerns only itself."""
    for tell, what in calls:
        with suppress(NotSent):
            await tell(what)


def honoured(requested: Mapping[str, Any], uris: list[str]) -> dict[str, Any]:
    """What of a requested filter is told; what is not known is left out, as the specification wants."""
    wanted: dict[str, Any] = {member: True for member in LIST_CHANGED.values() if requested.get(member) is True}
    return {**wanted, "resourceSubscriptions": uris} if uris else wanted
