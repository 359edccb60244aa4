"""One connection to the client: its era, what it says of itself, and what it wants to be told."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final, Protocol

from rule_of_two.gateway.exchange import NO_WAY_BACK, Exchange, Progress
from rule_of_two.gateway.results import without_ours
from rule_of_two.wire.codes import INVALID_PARAMS
from rule_of_two.wire.eras import Claims, ClientEra, Era
from rule_of_two.wire.frames import FrameError, Notification
from rule_of_two.wire.peer import Incoming, NotSent, Peer, RemoteError

LEVELS: Final = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")


class Answering(Protocol):
    """What a client's messages go to: :class:`~rule_of_two.gateway.router.Router`."""

    async def answer(self, client: Client, exchange: Exchange) -> dict[str, Any]:
        """Carry out one request.

        :raises RemoteError: the client is answered with an error.
        """

    async def on_notification(self, client: Client, method: str, params: dict[str, Any]) -> None:
        """Take one notification."""

    async def on_frame_error(self, error: FrameError) -> None:
        """Take notice of a frame that was refused."""


class Client:
    """Handles the messages of one connection. A legacy one is a listener of everything, once it says it is ready."""

    def __init__(self, answering: Answering, era: Era | None = None) -> None:
        """``era`` is what a header has decided; without one its first request does."""
        self.claims = Claims()
        """What it said last: with ``initialize``, or with its newest request."""
        self.log_level: str | None = None
        self.initialized = False
        self._answering = answering
        self._era = ClientEra(era)
        self._peer: Peer | None = None

    @property
    def era(self) -> Era | None:
        """``None`` until its first request."""
        return self._era.era

    def attach(self, peer: Peer) -> None:
        """The connection on which it is told what no request of its asked for."""
        self._peer = peer

    async def on_request(self, incoming: Incoming) -> dict[str, Any]:
        """Answer one request in the era in which it was asked.

        :raises RemoteError: the client is answered with an error.
        """
        era = self._era.admit(incoming.method, incoming.params)
        if era is Era.MODERN:
            self.claims = Claims.of_envelope(incoming.params)
            if self.claims.log_level not in {None, *LEVELS}:
                raise RemoteError(INVALID_PARAMS, "Invalid params: unknown log level", None)
        elif incoming.method == "initialize":
            self.claims = Claims.of_initialize(incoming.params)
        return await self._answering.answer(self, Exchange(era, self._claims(era), incoming))

    async def on_notification(self, notification: Notification, about: object) -> None:
        """Take notice that it is ready to be told things, and hand the rest on; cancellation is the wire's."""
        if notification.method == "notifications/initialized":
            self.initialized = True
        await self._answering.on_notification(self, notification.method, notification.params)

    async def on_stream_closed(self, about: object) -> None:
        """A client answers where it is asked: nobody waits for more."""

    async def on_frame_error(self, error: FrameError) -> None:
        """Have it written down."""
        await self._answering.on_frame_error(error)

    async def changed(self, kind: str) -> None:
        """A list has changed. A modern client hears of it on its subscriptions."""
        await self.tell(f"notifications/{kind}/list_changed", {})

    async def updated(self, params: dict[str, Any]) -> None:
        """A resource has changed to which it subscribed."""
        await self.tell("notifications/resources/updated", params)

    async def tell(self, method: str, params: dict[str, Any]) -> None:
        """A notification that belongs to no request, if its era has such and it is ready; else nothing."""
        if self.initialized and self.era is Era.LEGACY and self._peer is not None:
            with suppress(NotSent):
                await self._peer.notify(method, without_ours(params))

    async def ask(self, method: str, params: dict[str, Any], on_progress: Progress | None) -> dict[str, Any]:
        """Ask it something that belongs to no request of its own; raises what :meth:`Peer.request` does."""
        if self._peer is None:
            raise NO_WAY_BACK
        return await self._peer.request(method, params, on_progress=on_progress)

    def _claims(self, era: Era) -> Claims:
        """What upstreams are told with a request; a modern one wants the level with each."""
        if era is Era.MODERN or self.log_level is None:
            return self.claims
        return Claims(self.claims.info, self.claims.capabilities, self.log_level)


def hears(era: Era | None, least: str | None, level: object) -> bool:
    """Whether a log message of ``level`` is wanted: by a legacy client unless it asked for less, by a modern one only
    in the course of a request that says so."""
    if least is None:
        return era is Era.LEGACY
    return level not in LEVELS or least not in LEVELS or LEVELS.index(str(level)) >= LEVELS.index(least)
