"""The clients' side: each method of MCP to what carries it out, in both eras."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import anyio

from rule_of_two import __version__
from rule_of_two.audit.journal import Journal
from rule_of_two.errors import Code, RuleOfTwoError
from rule_of_two.gateway.capabilities import has_vendor_methods, offered
from rule_of_two.gateway.catalog import LIST_WAIT, Catalog
from rule_of_two.gateway.client import LEVELS, Client
from rule_of_two.gateway.conversations import Conversations
from rule_of_two.gateway.definitions import LISTS, Kind
from rule_of_two.gateway.enforcement import Enforcement
from rule_of_two.gateway.exchange import Exchange
from rule_of_two.gateway.flight import about
from rule_of_two.gateway.forwarding import Forwarding, object_of, text_of
from rule_of_two.gateway.mount import Mount
from rule_of_two.gateway.outbox import Outbox
from rule_of_two.gateway.pages import page_of
from rule_of_two.gateway.results import REFUSED, Refused
from rule_of_two.gateway.subscriptions import Stream, Subscriptions, honoured
from rule_of_two.gateway.tasks import Tasks
from rule_of_two.model import ALL, Action, Facts
from rule_of_two.wire.codes import INVALID_PARAMS, METHOD_NOT_FOUND, RESOURCE_NOT_FOUND
from rule_of_two.wire.eras import (
    COMPLETE,
    INPUT_REQUIRED,
    SUBSCRIPTION_ID,
    TASK,
    Era,
    complete,
    discover_result,
    initialize_result,
)
from rule_of_two.wire.frames import FrameError
from rule_of_two.wire.peer import RemoteError

SERVER_INFO: Final = {"name": "rule-of-two", "title": "Rule of Two gateway", "version": __version__}

Handle = Callable[[Client, Exchange], Awaitable[dict[str, Any]]]


class Router:
    """Answers the requests of clients. Decides nothing itself."""

    def __init__(
        self,
        catalog: Catalog,
        enforcement: Enforcement,
        journal: Journal,
        forwarding: Forwarding,
        tasks: Tasks,
        subscriptions: Subscriptions,
        outbox: Outbox,
        conversations: Conversations,
        *,
        introduce: Callable[[Client], None],
    ) -> None:
        """``introduce`` is told of the first request of each client, which upstreams wait for."""
        self._catalog = catalog
        self._enforcement = enforcement
        self._journal = journal
        self._forwarding = forwarding
        self._subscriptions = subscriptions
        self._outbox = outbox
        self._conversations = conversations
        self._introduce = introduce
        alone = _of_exchange
        self._methods: Mapping[str, Handle] = {
            "initialize": self._initialize,
            "server/discover": self._discover,
            "ping": self._ping,
            "tools/call": alone(forwarding.call_tool),
            "prompts/get": alone(forwarding.get_prompt),
            "resources/read": alone(forwarding.read_resource),
            "resources/subscribe": self._subscribe,
            "resources/unsubscribe": self._unsubscribe,
            "subscriptions/listen": self._listen,
            "completion/complete": alone(forwarding.complete),
            "logging/setLevel": self._set_level,
            "tasks/list": alone(tasks.list),
            **dict.fromkeys(("tasks/get", "tasks/result", "tasks/cancel", "tasks/update"), alone(tasks.use)),
            **{method: self._list for method, _, _ in LISTS.values()},
        }

    async def answer(self, client: Client, exchange: Exchange) -> dict[str, Any]:
        """Answer one request in the era in which it was asked.

        :raises RemoteError: the client is answered with an error.
        """
        self._introduce(client)
        method, era = exchange.method, exchange.era
        if method in _ONLY_IN and _ONLY_IN[method] is not era:
            raise RemoteError(METHOD_NOT_FOUND, f"Method not found: {method}", None)
        handle = self._methods.get(method, self._vendor)
        try:
            if self._conversations.splits:
                await self._conversations.enter(exchange)
            result = await handle(client, exchange)
        except Refused as refused:
            if method != "tools/call":
                raise _refusal(exchange, refused) from refused
            result = refused.tool_result()
        except RuleOfTwoError as error:
            raise RemoteError(
                REFUSED, f"Stopped by rule-of-two ({error.code}): {error}.", {"code": error.code}
            ) from error
        finally:
            exchange.end()
        kinds = (COMPLETE, INPUT_REQUIRED, TASK) if era is Era.MODERN else (COMPLETE,)
        return complete(era, method, result, SERVER_INFO, kinds=kinds)

    async def on_notification(self, client: Client, method: str, params: dict[str, Any]) -> None:
        """Attach a client that is ready, and pass on what upstreams may hear."""
        if method == "notifications/initialized":
            self._subscriptions.attach(client)
        elif method == "notifications/roots/list_changed":
            for mount in self._catalog.mounts:
                if "roots" in mount.claims.capabilities:
                    self._outbox.put(mount, method, {})
        elif vendor := self._vendor_mount():
            facts = Facts(Action.VENDOR, vendor.name, method, ALL)
            if await self._enforcement.receive(facts):
                self._outbox.put(vendor, method, params)

    async def on_frame_error(self, error: FrameError) -> None:
        """Journal what was refused before it could become a request."""
        await self._journal.event("refused", None, {"code": Code.BAD_REQUEST, "detail": str(error)})

    async def on_definitions_changed(self) -> None:
        """Map names anew and tell the clients that may be told."""
        self._catalog.refresh()
        for kind in ("tools", "prompts", "resources"):
            await self._subscriptions.changed(kind)

    async def _ping(self, client: Client, exchange: Exchange) -> dict[str, Any]:
        return {}

    async def _initialize(self, client: Client, exchange: Exchange) -> dict[str, Any]:
        await self._catalog.settle(patient=not self._catalog.prefixed, live=True)
        return initialize_result(
            exchange.params.get("protocolVersion"),
            capabilities=self._capabilities(Era.LEGACY),
            server_info=SERVER_INFO,
            instructions=self._catalog.instructions(),
        )

    async def _discover(self, client: Client, exchange: Exchange) -> dict[str, Any]:
        await self._catalog.settle(patient=not self._catalog.prefixed, live=True)
        return discover_result(
            capabilities=self._capabilities(Era.MODERN),
            server_info=SERVER_INFO,
            instructions=self._catalog.instructions(),
        )

    def _capabilities(self, era: Era) -> dict[str, Any]:
        return offered(
            ((mount.shown_capabilities, mount.definitions.kinds()) for mount in self._catalog.mounts),
            era,
        )

    async def _set_level(self, client: Client, exchange: Exchange) -> dict[str, Any]:
        level = exchange.params.get("level")
        if level not in LEVELS:
            raise RemoteError(INVALID_PARAMS, "Invalid params: unknown log level", None)
        client.log_level = level
        async with anyio.create_task_group() as tasks:
            for mount in self._catalog.mounts:
                tasks.start_soon(mount.set_level, level)
        return {}

    async def _subscribe(self, client: Client, exchange: Exchange) -> dict[str, Any]:
        uri = text_of(exchange.params, "uri")
        mount = await self._may_subscribe(exchange, uri)
        await self._subscriptions.add(client, mount, uri)
        return {}

    async def _unsubscribe(self, client: Client, exchange: Exchange) -> dict[str, Any]:
        await self._subscriptions.remove(client, text_of(exchange.params, "uri"))
        return {}

    async def _listen(self, client: Client, exchange: Exchange) -> dict[str, Any]:
        """Hold a modern client's stream open until it gives it up, or the gateway ends."""
        requested = object_of(exchange.params, "notifications")
        asked = requested.get("resourceSubscriptions") or []
        if not isinstance(asked, list) or not all(isinstance(uri, str) for uri in asked):
            raise RemoteError(INVALID_PARAMS, "Invalid params: 'resourceSubscriptions' must be a list of URIs", None)
        mounts: dict[str, Mount] = {}
        for uri in dict.fromkeys(asked):
            with suppress(Refused):  # what may not be told is left out of what is acknowledged
                mounts[uri] = await self._may_subscribe(exchange, uri)
        stream = Stream(exchange, honoured(requested, list(mounts)))
        try:
            self._subscriptions.attach(stream)
            for uri, mount in mounts.items():
                await self._subscriptions.add(stream, mount, uri)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_until, self._subscriptions.ended, tasks.cancel_scope)
                await stream.run()
                tasks.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await self._subscriptions.detach(stream)
        return {"_meta": {SUBSCRIPTION_ID: exchange.incoming.id}} if exchange.incoming else {}

    async def _may_subscribe(self, exchange: Exchange, uri: str) -> Mount:
        """The upstream of a resource, if the client may be told of its changes.

        :raises Refused: it may not.
        """
        mount = await self._forwarding.owner_of(exchange, uri, Action.SUBSCRIBE)
        facts = mount.manifest.resource(uri)
        call = about(
            Facts(Action.SUBSCRIBE, mount.name, uri, facts.labels, facts.targets), {"uri": uri}, forwarded={"uri": uri}
        )
        await self._forwarding.session_of(exchange).admit(call)
        return mount

    async def _list(self, client: Client, exchange: Exchange) -> dict[str, Any]:
        kind = next(kind for kind, (method, _, _) in LISTS.items() if method == exchange.method)
        await self._catalog.settle(live=kind is Kind.RESOURCE)
        async with anyio.create_task_group() as tasks:
            for mount in self._catalog.mounts:
                tasks.start_soon(mount.look_again, kind, LIST_WAIT)
        readable = {mount.name: await self._may_read(mount, kind) for mount in self._catalog.mounts}
        return page_of(LISTS[kind][1], self._catalog.listing(kind, readable), exchange.params.get("cursor"))

    async def _may_read(self, mount: Mount, kind: Kind) -> bool:
        """Whether descriptions that no human accepted may be shown: they bring the upstream's labels."""
        if not any(one.is_text for one in mount.definitions.of(kind)):
            return False
        return await self._enforcement.receive(
            Facts(Action.RECEIVE, mount.name, f"{kind} list", mount.manifest.ingress)
        )

    async def _vendor(self, client: Client, exchange: Exchange) -> dict[str, Any]:
        """A method that MCP does not define, for the one upstream that says it has such: labelled with everything."""
        mount = self._vendor_mount()
        if mount is None:
            raise RemoteError(METHOD_NOT_FOUND, f"Method not found: {exchange.method}", None)
        await mount.available()
        facts = Facts(Action.VENDOR, mount.name, exchange.method, ALL)
        arguments = {key: value for key, value in exchange.params.items() if key != "_meta"}
        return await self._forwarding.forward(exchange, mount, about(facts, arguments, forwarded=exchange.params))

    def _vendor_mount(self) -> Mount | None:
        able = [mount for mount in self._catalog.mounts if has_vendor_methods(mount.capabilities or {})]
        return able[0] if len(able) == 1 else None


def _refusal(exchange: Exchange, refused: Refused) -> RemoteError:
    """A refusal as an error. What no server offers is nothing that policy decided, so MCP's own code says it."""
    data = refused.decision.as_meta()
    if refused.decision.code is not Code.UNKNOWN_TOOL:
        return RemoteError(REFUSED, refused.text, data)
    if exchange.method != "resources/read":
        return RemoteError(INVALID_PARAMS, refused.text, data)
    code = RESOURCE_NOT_FOUND if exchange.era is Era.LEGACY else INVALID_PARAMS
    return RemoteError(code, refused.text, {**data, "uri": exchange.params.get("uri")})


_ONLY_IN: Final[Mapping[str, Era]] = {
    **dict.fromkeys(
        ("ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "tasks/result", "tasks/list"),
        Era.LEGACY,
    ),
    **dict.fromkeys(("subscriptions/listen", "tasks/update"), Era.MODERN),
}
"""Methods that only one of the eras has."""


async def _until(event: anyio.Event, scope: anyio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


def _of_exchange(handle: Callable[[Exchange], Awaitable[dict[str, Any]]]) -> Handle:
    """A handler that needs nothing of the connection."""
    return lambda client, exchange: handle(exchange)
