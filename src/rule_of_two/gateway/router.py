"""The client's side: each method of MCP to what carries it out, in both eras."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import anyio

from rule_of_two import __version__
from rule_of_two.audit.journal import Journal
from rule_of_two.errors import Code, RuleOfTwoError, StoreError
from rule_of_two.gateway.catalog import LIST_WAIT, Catalog
from rule_of_two.gateway.definitions import LISTS, Kind
from rule_of_two.gateway.enforcement import Enforcement
from rule_of_two.gateway.forwarding import Forwarding
from rule_of_two.gateway.mount import Mount
from rule_of_two.gateway.results import REFUSED, Refused, without_ours
from rule_of_two.model import Action, Facts
from rule_of_two.wire.eras import ClientEra, Era, complete, discover_result, initialize_result
from rule_of_two.wire.frames import FrameError, Notification
from rule_of_two.wire.peer import Incoming, Peer, RemoteError

logger = logging.getLogger(__name__)

SERVER_INFO: Final = {"name": "rule-of-two", "title": "Rule of Two gateway", "version": __version__}


class Router:
    """Handles the requests of one client connection. Decides nothing itself."""

    def __init__(self, catalog: Catalog, enforcement: Enforcement, journal: Journal) -> None:
        self._catalog = catalog
        self._enforcement = enforcement
        self._journal = journal
        self._era = ClientEra()
        self._initialized = False
        self._forwarding = Forwarding(catalog, enforcement, self._notify)
        self._log_level_set = False
        self._peer: Peer | None = None
        self._muted: set[tuple[object, ...]] = set()
        self._methods: Mapping[str, Callable[[Incoming], Awaitable[dict[str, Any]]]] = {
            "initialize": self._initialize,
            "server/discover": self._discover,
            "ping": self._ping,
            "tools/call": self._forwarding.call_tool,
            "prompts/get": self._forwarding.get_prompt,
            "resources/read": self._forwarding.read_resource,
            "logging/setLevel": self._set_level,
            **{method: self._list for method, _, _ in LISTS.values()},
        }

    def attach(self, peer: Peer) -> None:
        """The connection on which notifications go to the client."""
        self._peer = peer

    async def on_request(self, incoming: Incoming) -> dict[str, Any]:
        """Answer one request in the era in which it was asked.

        :raises RemoteError: the client is answered with an error.
        """
        era = self._era.admit(incoming.method, incoming.params)
        handler = self._methods.get(incoming.method)
        if handler is None:
            raise RemoteError(-32601, f"Method not found: {incoming.method}", None)
        try:
            result = await handler(incoming)
        except Refused as refused:
            if incoming.method != "tools/call":
                raise RemoteError(REFUSED, refused.text, refused.decision.as_meta()) from refused
            result = refused.tool_result()
        except RuleOfTwoError as error:
            raise RemoteError(
                REFUSED, f"Stopped by rule-of-two ({error.code}): {error}.", {"code": error.code}
            ) from error
        return complete(era, incoming.method, result, SERVER_INFO)

    async def on_notification(self, notification: Notification, about: object) -> None:
        """Take notice that a client is ready to be told things; cancellation is the wire's."""
        if notification.method == "notifications/initialized":
            self._initialized = True

    async def on_frame_error(self, error: FrameError) -> None:
        """Journal what was refused before it could become a request."""
        await self._journal.event("refused", None, {"code": Code.BAD_REQUEST, "detail": str(error)})

    async def on_definitions_changed(self) -> None:
        """Map names anew and tell a client that may be told."""
        self._catalog.refresh()
        if self._notifies:
            for kind in ("tools", "prompts", "resources"):
                await self._notify(f"notifications/{kind}/list_changed", {})

    async def on_text(self, mount: Mount, method: str, params: dict[str, Any]) -> None:
        """Hand a log message on, if the session may see it. A refusal is journalled once per state of the session."""
        if not self._notifies or not self._log_level_set:
            return
        try:
            state = (mount.name, *self._enforcement.fingerprint())
            if state in self._muted:
                return
            if await self._enforcement.receive(Facts(Action.RECEIVE, mount.name, "log", mount.manifest.ingress)):
                await self._notify(method, self._catalog.named_log(mount, params))
            else:
                self._muted.add(state)
        except StoreError as error:
            logger.warning("a log message of %s was dropped: %s", mount.name, error)

    @property
    def _notifies(self) -> bool:
        """Whether the client's era has unasked notifications, and it is ready for them."""
        return self._initialized and self._era.era is Era.LEGACY

    async def _notify(self, method: str, params: dict[str, Any]) -> None:
        if self._peer is not None:
            await self._peer.notify(method, without_ours(params))

    async def _ping(self, incoming: Incoming) -> dict[str, Any]:
        return {}

    async def _initialize(self, incoming: Incoming) -> dict[str, Any]:
        await self._catalog.settle(patient=False)
        return initialize_result(
            incoming.params.get("protocolVersion"),
            capabilities=_CAPABILITIES,
            server_info=SERVER_INFO,
            instructions=self._catalog.instructions(),
        )

    async def _discover(self, incoming: Incoming) -> dict[str, Any]:
        await self._catalog.settle(patient=False)
        return discover_result(
            capabilities=_CAPABILITIES, server_info=SERVER_INFO, instructions=self._catalog.instructions()
        )

    async def _set_level(self, incoming: Incoming) -> dict[str, Any]:
        level = incoming.params.get("level")
        if level not in _LEVELS:
            raise RemoteError(-32602, "Invalid params: unknown log level", None)
        self._log_level_set = True
        for mount in self._catalog.mounts:
            if "logging" in mount.capabilities:
                # An upstream that cannot set its level keeps it; its texts are decided all the same.
                with anyio.move_on_after(LIST_WAIT), suppress(RemoteError, RuleOfTwoError):
                    await mount.request(incoming.method, {"level": level})
        return {}

    async def _list(self, incoming: Incoming) -> dict[str, Any]:
        if "cursor" in incoming.params:
            raise RemoteError(-32602, "Invalid params: this list has one page, so no cursor is valid", None)
        await self._catalog.settle()
        kind = next(kind for kind, (method, _, _) in LISTS.items() if method == incoming.method)
        readable = {mount.name: await self._may_read(mount, kind) for mount in self._catalog.mounts}
        return {LISTS[kind][1]: self._catalog.listing(kind, readable)}

    async def _may_read(self, mount: Mount, kind: Kind) -> bool:
        """Whether descriptions that no human accepted may be shown: they bring the upstream's labels."""
        data = kind in {Kind.RESOURCE, Kind.TEMPLATE}
        if not any(not one.accepted and (one.usable or data) for one in mount.definitions.of(kind)):
            return False
        return await self._enforcement.receive(
            Facts(Action.RECEIVE, mount.name, f"{kind} list", mount.manifest.ingress)
        )


_LEVELS: Final = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
_CAPABILITIES: Final[dict[str, Any]] = {
    "tools": {"listChanged": True},
    "prompts": {"listChanged": True},
    "resources": {"listChanged": True},
    "logging": {},
}
