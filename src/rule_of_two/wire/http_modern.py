"""Modern HTTP requests (2026-07-28, Streamable HTTP): each is a connection of one request, without a session."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from mcp.shared.inbound import (
    ERROR_CODE_HTTP_STATUS,
    MCP_METHOD_HEADER,
    MCP_NAME_HEADER,
    MCP_PARAM_HEADER_PREFIX,
    InboundLadderRejection,
    classify_inbound_request,
    unsupported_protocol_version_rejection,
    validate_mcp_param_headers,
    x_mcp_header_map,
)

from rule_of_two.wire.codes import HEADER_MISMATCH, INTERNAL_ERROR, INVALID_REQUEST
from rule_of_two.wire.eras import VERSION_HEADER, Era
from rule_of_two.wire.frames import Failure, FrameError, Message, Notification, Request, RequestId, Result, encode
from rule_of_two.wire.http_exchange import Abandoned, Exchange
from rule_of_two.wire.http_request import Head, Refused, read_message, refusal
from rule_of_two.wire.http_security import Bearer
from rule_of_two.wire.http_server import HttpHost, HttpSettings
from rule_of_two.wire.http_usage import Usage
from rule_of_two.wire.sse_events import event
from rule_of_two.wire.transport import CLOSED, Ending, EndOfStream, Limits, NotSent

_NOBODY: Final = "the request was answered, or nobody waits for it"
_ROUTING: Final = (VERSION_HEADER, MCP_METHOD_HEADER, MCP_NAME_HEADER)
_PARAM_PREFIX: Final = MCP_PARAM_HEADER_PREFIX.lower()

logger = logging.getLogger(__name__)


class ModernEndpoint:
    """Requests of the era without sessions."""

    def __init__(self, host: HttpHost, settings: HttpSettings, limits: Limits) -> None:
        self._host = host
        self._settings = settings
        self._limits = limits

    async def answer(self, head: Head, exchange: Exchange, bearer: Bearer, usage: Usage) -> None:
        """Carry one HTTP request out.

        :raises Refused: it is answered with an error.
        :raises ClientGone: nobody waits for an answer.
        """
        if head.method != "POST":
            raise Refused(405, "only POST is served in this version of MCP", headers=((b"allow", b"POST"),))
        head.must_be_post_of_json()
        try:
            message = await read_message(head, exchange, self._limits)
        except FrameError as error:
            raise refusal(error) from None
        if isinstance(message, Notification):
            _check_version(head.fields[VERSION_HEADER])
            await exchange.reply(202)  # none is defined on this wire, and there is nothing that one could act on
            return
        if not isinstance(message, Request):
            raise Refused(400, "a client sends no replies in this version of MCP", code=INVALID_REQUEST)
        check_modern(message, head, self._schema(bearer.client, message, head))
        usage.begin_call(message.id)
        try:
            await self._serve(bearer.client, RequestConnection(message, exchange, self._settings.keep_alive_seconds))
        finally:
            usage.end_call()

    async def _serve(self, client: str, connection: RequestConnection) -> None:
        try:
            await self._host.serve(client, Era.MODERN, connection)
        except Exception:  # a bug must cost one request, not the server
            logger.exception("a request of %s failed", client)
        await connection.settle()

    def _schema(self, client: str, request: Request, head: Head) -> Any | None:
        """What the headers of a call must repeat; not asked for where there is nothing to compare."""
        if request.method != "tools/call":
            return None
        name, arguments = request.params.get("name"), request.params.get("arguments")
        if not isinstance(name, str) or not isinstance(arguments, dict | None):
            return None
        if not arguments and not any(field.startswith(_PARAM_PREFIX) for field in head.fields):
            return None
        return self._host.tool_schema(client, name)


class RequestConnection:
    """A :class:`~rule_of_two.wire.transport.Transport` for one request: it ends when that is answered, or when the
    client goes, which is how this era cancels (Cancellation)."""

    def __init__(self, request: Request, exchange: Exchange, keep_alive_seconds: float) -> None:
        self._request = request
        self._exchange = exchange
        self._keep_alive_seconds = keep_alive_seconds
        self._taken = False
        self._replied = False

    async def receive(self) -> Message:
        if not self._taken:
            self._taken = True
            return self._request
        while not await self._exchange.silence(self._keep_alive_seconds):
            await self._exchange.keep_alive()
        if self._exchange.gone:
            raise EndOfStream("it closed the connection", Ending.FINISHED)
        raise EndOfStream(CLOSED, Ending.CLOSED)

    async def send(self, message: Message, *, related: RequestId | None = None) -> None:
        if self._replied or self._exchange.gone or self._exchange.interrupted:
            raise NotSent(_NOBODY)
        if isinstance(message, Request):
            raise NotSent("a client cannot be asked anything in this version of MCP")
        last = not isinstance(message, Notification)
        self._replied = last
        try:
            async with self._exchange.turn:
                if isinstance(message, Notification) or self._exchange.started:
                    await self._exchange.write_events(event(encode(message)), last=last)
                else:
                    await self._exchange.write_body(_status(message), encode(message))
        except Abandoned:
            raise NotSent(_NOBODY) from None

    async def dismiss(self, request: RequestId) -> None:
        """Nobody waits for this request any more: there is no other way to cancel it."""

    async def let_go(self, request: RequestId) -> None:
        """Closing the stream would cancel the request in this era."""

    async def aclose(self) -> None:
        self._exchange.interrupt()

    async def settle(self) -> None:
        """End the HTTP request, whatever the host has done."""
        if self._exchange.started:
            await self._exchange.events(b"", last=True)
        elif not self._exchange.gone:
            raise Refused(503, "the request was given up", code=INTERNAL_ERROR, number=self._request.id)


def check_modern(request: Request, head: Head, schema: Any | None) -> None:
    """The ladder of checks of a request (Server Validation); the first that fails counts. ``schema`` is that of the
    tool which is called, where its headers must be checked.

    :raises Refused: the envelope is incomplete, or a header does not say what the body says.
    """
    for name in _ROUTING:
        if name in head.repeated:
            raise _mismatch(f"{name} header appears more than once", request)
    body = {"method": request.method, "params": request.params}
    verdict = classify_inbound_request(body, headers=head.fields)
    if not isinstance(verdict, InboundLadderRejection) and schema is not None:
        verdict = _check_parameters(request, head, schema) or verdict
    if isinstance(verdict, InboundLadderRejection):
        raise _rejected(verdict, request.id)


def _check_parameters(request: Request, head: Head, schema: Any) -> InboundLadderRejection | None:
    arguments: Mapping[str, Any] = request.params.get("arguments") or {}
    rejection = validate_mcp_param_headers(schema, arguments, head.fields)
    if rejection is None and head.repeated:
        for token in x_mcp_header_map(schema).values():
            if f"{_PARAM_PREFIX}{token.lower()}" in head.repeated:
                message = f"{MCP_PARAM_HEADER_PREFIX}{token} header appears more than once"
                return InboundLadderRejection(code=HEADER_MISMATCH, message=message)
    return rejection


def _check_version(version: str) -> None:
    rejection = unsupported_protocol_version_rejection(version)
    if rejection is not None:
        raise _rejected(rejection, None)


def _mismatch(message: str, request: Request) -> Refused:
    return Refused(400, message, code=HEADER_MISMATCH, number=request.id)


def _rejected(rejection: InboundLadderRejection, number: RequestId | None) -> Refused:
    return Refused(
        ERROR_CODE_HTTP_STATUS.get(rejection.code, 400),
        rejection.message,
        code=rejection.code,
        data=rejection.data,
        number=number,
    )


def _status(message: Result | Failure) -> int:
    return ERROR_CODE_HTTP_STATUS.get(message.error["code"], 200) if isinstance(message, Failure) else 200
