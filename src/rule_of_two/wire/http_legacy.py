"""Legacy HTTP requests (2025-03-26 to 2025-11-25, Transports): each belongs to a session, or opens one."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from typing import Final

from rule_of_two.wire.codes import INTERNAL_ERROR, INVALID_REQUEST
from rule_of_two.wire.eras import PROTOCOL_VERSION, SESSION_HEADER, VERSION_HEADER, Era
from rule_of_two.wire.frames import FrameError, Request, RequestId
from rule_of_two.wire.http_exchange import Exchange
from rule_of_two.wire.http_modern import check_modern
from rule_of_two.wire.http_request import LAST_EVENT, Head, Refused, read_message, refusal
from rule_of_two.wire.http_security import Bearer
from rule_of_two.wire.http_server import HttpHost, HttpSettings
from rule_of_two.wire.http_session import Session
from rule_of_two.wire.http_streams import EventStream
from rule_of_two.wire.http_usage import Usage, too_many
from rule_of_two.wire.transport import CLOSED, Ending, Limits

_PRIMED_SINCE: Final = "2025-11-25"
"""Clients of earlier versions cannot read an event without data."""
_GRACE_SECONDS: Final = 0.05
"""How long a stream waits for its first event before it is opened: most replies come sooner, and go with the head."""
_EVICTABLE_SECONDS: Final = 60.0
"""How long a session must have been idle to make room for a new one of the same client."""

logger = logging.getLogger(__name__)


class LegacyEndpoint:
    """All sessions. A session is bound to the client that opened it; to others it does not exist.

    INVARIANT: no request of one client reaches a session of another
    (test_a_session_of_another_client_does_not_exist).
    """

    def __init__(self, host: HttpHost, settings: HttpSettings, limits: Limits) -> None:
        self._host = host
        self._settings = settings
        self._limits = limits
        self._sessions: dict[str, Session] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        """What the host does for the sessions."""
        self._closing = False

    async def answer(self, head: Head, exchange: Exchange, bearer: Bearer, usage: Usage) -> None:
        """Carry one HTTP request out.

        :raises Refused: it is answered with an error.
        :raises ClientGone: nobody waits for an answer.
        """
        session = self._session(head, bearer.client)
        if session is None:
            if head.method != "POST":
                raise Refused(400, "the mcp-session-id header is missing")
            await self._open(head, exchange, bearer, usage)
            return
        exchange.headers.append(session.field())
        session.carried += 1
        try:
            if head.method == "POST":
                await self._post(head, exchange, session, usage)
            elif head.method == "GET":
                await self._get(head, exchange, session)
            else:
                self.forget(session, "it ended the session", Ending.FINISHED)
                await exchange.reply(204)
        finally:
            session.carried -= 1
            session.idle_since = asyncio.get_running_loop().time()

    def sweep(self, now: float) -> None:
        """End the sessions that were idle for too long."""
        for session in list(self._sessions.values()):
            if session.idle and now - session.idle_since > self._settings.idle_seconds:
                self.forget(session, "it did nothing for too long", Ending.CLOSED)

    def end_unless(self, is_good: Callable[[Bearer], bool]) -> None:
        """End the sessions that were opened with a token which is good no more."""
        for session in list(self._sessions.values()):
            if not is_good(session.bearer):
                self.forget(session, "its token was revoked", Ending.CLOSED)

    def close(self) -> None:
        """End all sessions."""
        self._closing = True
        for session in list(self._sessions.values()):
            self.forget(session, CLOSED, Ending.CLOSED)

    def forget(self, session: Session, reason: str, ending: Ending) -> None:
        """End a session; its name means nothing from now on."""
        self._sessions.pop(session.name, None)
        session.end(reason, ending)

    def _session(self, head: Head, client: str) -> Session | None:
        """The session that a request names.

        :raises Refused: it names one that does not exist for this client.
        """
        head.one(VERSION_HEADER)
        name = head.one(SESSION_HEADER)
        if name is None:
            return None
        session = self._sessions.get(name)
        if session is None or session.client != client:
            raise Refused(404, "there is no such session")
        return session

    async def _open(self, head: Head, exchange: Exchange, bearer: Bearer, usage: Usage) -> None:
        """Answer a POST without a session, which only ``initialize`` may be."""
        head.must_be_post_of_json()
        try:
            message = await read_message(head, exchange, self._limits)
        except FrameError as error:
            raise refusal(error) from None
        if not isinstance(message, Request):
            raise Refused(400, "the mcp-session-id header is missing")
        if message.method != "initialize":
            if PROTOCOL_VERSION in (message.params.get("_meta") or {}):
                check_modern(message, head, None)  # says what its headers lack
            raise Refused(400, "the mcp-session-id header is missing", number=message.id)
        self._make_room(bearer.client)
        session = Session(secrets.token_urlsafe(32), bearer, self._settings, usage)
        exchange.headers.append(session.field())
        requested = message.params.get("protocolVersion")
        primed = isinstance(requested, str) and requested >= _PRIMED_SINCE
        stream = session.call(message, exchange, primed=primed)
        self._sessions[session.name] = session
        task = asyncio.get_running_loop().create_task(self._serve(session))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        session.carried += 1
        try:
            await self._carry(stream, exchange, self._settings.keep_alive_seconds)
            if not exchange.gone:
                session.conceal(exchange)
                raise self._ended(session, message.id)
        finally:
            session.carried -= 1
            session.idle_since = asyncio.get_running_loop().time()
            if not session.opened:  # the client does not know its name
                self.forget(session, "it was not opened", Ending.CLOSED)

    def _make_room(self, client: str) -> None:
        """:raises Refused: the client has too many sessions, all of them in use."""
        own = [session for session in self._sessions.values() if session.client == client]
        if len(own) >= self._settings.sessions:
            idle = min((one for one in own if one.idle), key=lambda one: one.idle_since, default=None)
            if idle is None or asyncio.get_running_loop().time() - idle.idle_since < _EVICTABLE_SECONDS:
                raise too_many(f"more than {self._settings.sessions} sessions of this client are open")
            self.forget(idle, "it made room for another session of the same client", Ending.CLOSED)

    async def _serve(self, session: Session) -> None:
        """Let the host have a session until one of the two ends it."""
        try:
            await self._host.serve(session.client, Era.LEGACY, session)
        except Exception:  # a bug must cost one session, not the server
            logger.exception("a session of %s failed", session.client)
        finally:
            self.forget(session, "the session failed", Ending.BROKEN)

    async def _post(self, head: Head, exchange: Exchange, session: Session, usage: Usage) -> None:
        head.must_be_post_of_json()
        try:
            message = await read_message(head, exchange, self._limits)
        except FrameError as error:
            # Whoever waits for the reply that this should have been has to know.
            session.put(FrameError(str(error), answers=error.answers))
            raise refusal(error) from None
        if session.ended:
            raise self._ended(session, message.id if isinstance(message, Request) else None)
        if not isinstance(message, Request):
            session.put(message)
            await exchange.reply(202)
            return
        stream = session.call(message, exchange, primed=self._version(head, session) >= _PRIMED_SINCE)
        await self._carry(
            stream,
            exchange,
            _GRACE_SECONDS if self._settings.legacy_streams else self._settings.keep_alive_seconds,
        )
        if not exchange.gone and not exchange.complete:
            raise self._ended(session, message.id)

    async def _get(self, head: Head, exchange: Exchange, session: Session) -> None:
        if not head.accepted()[1]:
            raise Refused(406, "a client must accept text/event-stream")
        primed = self._version(head, session) >= _PRIMED_SINCE
        last_event = head.one(LAST_EVENT)
        if last_event is None:
            stream = await session.listen(exchange, primed=primed)
        else:
            stream = session.resume(exchange, last_event)
        if session.ended:  # while it waited for the stream: nobody would end this request any more
            raise self._ended(session, None)
        await stream.flush()
        await self._carry(stream, exchange, self._settings.keep_alive_seconds)

    async def _carry(self, stream: EventStream, exchange: Exchange, first: float) -> None:
        """Keep the HTTP request open for its stream, until the client has gone or the stream has ended."""
        try:
            if not await exchange.silence(first):
                await stream.flush()
                while not await exchange.silence(self._settings.keep_alive_seconds):
                    await exchange.keep_alive()
        finally:
            stream.detach(exchange)
        if exchange.started and not exchange.gone:
            await exchange.events(b"", last=True)

    def _version(self, head: Head, session: Session) -> str:
        return head.fields.get(VERSION_HEADER, session.version)

    def _ended(self, session: Session, number: RequestId | None) -> Refused:
        """What to answer a request whose session ended before it was answered."""
        if self._closing:
            return Refused(503, "the server is shutting down", code=INTERNAL_ERROR, number=number)
        status, code = (404, INVALID_REQUEST) if session.opened else (500, INTERNAL_ERROR)
        return Refused(status, "the session has ended", code=code, number=number)
