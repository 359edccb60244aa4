"""The ASGI application that turns HTTP requests of clients into connections."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from rule_of_two.errors import StoreError
from rule_of_two.wire.codes import INTERNAL_ERROR
from rule_of_two.wire.eras import LEGACY_VERSIONS, VERSION_HEADER
from rule_of_two.wire.http_exchange import Exchange, Receive, Send
from rule_of_two.wire.http_legacy import LegacyEndpoint
from rule_of_two.wire.http_modern import ModernEndpoint
from rule_of_two.wire.http_request import ClientGone, Head, Refused
from rule_of_two.wire.http_security import Bearer, Gate, bearer_token, preflight, unknown_token
from rule_of_two.wire.http_server import HttpHost, HttpSettings
from rule_of_two.wire.http_usage import Usage
from rule_of_two.wire.transport import Limits

_ALLOWED = (b"allow", b"GET, POST, DELETE")

logger = logging.getLogger(__name__)


class HttpApp:
    """One endpoint. Every request passes the same checks in the same order before its body is read: where it comes
    from, whose token it carries, whether it is meant for us; then its version decides which era answers it."""

    def __init__(self, host: HttpHost, gate: Gate, settings: HttpSettings, limits: Limits) -> None:
        self.legacy = LegacyEndpoint(host, settings, limits)
        self._host = host
        self._gate = gate
        self._settings = settings
        self._modern = ModernEndpoint(host, settings, limits)
        self._usage: dict[str, Usage] = {}
        self._exchanges: dict[Exchange, Bearer | None] = {}
        """What is being answered, and who was let in; nobody yet, at first."""
        self._closing = False

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        exchange = Exchange(receive, send)
        self._exchanges[exchange] = None
        try:
            await self._answer(Head(scope), exchange)
        except Refused as refused:
            await exchange.reply(refused.status, refused.body(), refused.headers)
        except ClientGone:
            pass
        except Exception:  # a bug must cost one request; nothing of it is shown
            logger.exception("an HTTP request could not be answered")
            await exchange.reply(500, Refused(500, "internal error", code=INTERNAL_ERROR).body())
        finally:
            del self._exchanges[exchange]

    def sweep(self, now: float) -> None:
        """End the sessions that were idle for too long, and everything that a token let in which has been revoked.

        INVARIANT: what a revoked token has open ends within two seconds
        (test_what_a_revoked_token_had_open_is_ended_and_nothing_of_others).
        """
        self.legacy.sweep(now)
        known: dict[Bearer, bool] = {}

        def is_good(bearer: Bearer) -> bool:
            if bearer not in known:
                known[bearer] = self._is_good(bearer)
            return known[bearer]

        self.legacy.end_unless(is_good)
        for exchange, bearer in self._exchanges.items():
            if bearer is not None and not is_good(bearer):
                exchange.interrupt()

    def _is_good(self, bearer: Bearer) -> bool:
        try:
            return self._host.client_of(bearer.token) == bearer.client
        except StoreError as error:  # as when it is asked at the door, nobody is let in then
            logger.warning("open streams end: %s", error)
            return False

    def close(self) -> None:
        """End every connection, and refuse new ones."""
        self._closing = True
        self.legacy.close()
        for exchange in self._exchanges:
            exchange.interrupt()

    async def _answer(self, head: Head, exchange: Exchange) -> None:
        exchange.headers += self._gate.admit(head)
        asked = preflight(head)
        if asked is not None:
            await exchange.reply(204, headers=asked)
            return
        token = bearer_token(head)
        client = self._host.client_of(token)
        if client is None:
            raise unknown_token()
        bearer = self._exchanges[exchange] = Bearer(token, client)
        if self._closing:
            raise Refused(503, "the server is shutting down", code=INTERNAL_ERROR)
        if head.path != self._settings.path:
            raise Refused(404, "there is nothing at this path")
        if head.method not in ("POST", "GET", "DELETE"):
            raise Refused(405, "this method is not served", headers=(_ALLOWED,))
        usage = self._usage.get(client)
        if usage is None:
            usage = self._usage[client] = Usage(self._settings)
        with usage.opened():
            version = head.fields.get(VERSION_HEADER)
            era = self.legacy if version is None or version in LEGACY_VERSIONS else self._modern
            await era.answer(head, exchange, bearer, usage)
