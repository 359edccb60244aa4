"""The headers that a streamable HTTP request must repeat from its body, in either era (2026-07-28, Transports)."""

from __future__ import annotations

import logging
import re
from typing import Any, Final

from msgspec import Struct

from rule_of_two.wire.eras import PROTOCOL_VERSION, VERSION_HEADER
from rule_of_two.wire.frames import Message, Request, RequestId, Result
from rule_of_two.wire.http_client_parameters import Path, annotated, header_value, parameter_headers
from rule_of_two.wire.transport import NotSent

_NAMED: Final = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
"""Requests that are about something, and the parameter that names it."""

_SENDABLE: Final = re.compile(r"[\x21-\x7e]+")

logger = logging.getLogger(__name__)


class _Asked(Struct, frozen=True):
    method: str
    modern: bool
    first: bool
    """It asks for a list from its beginning."""


class EraHeaders:
    """Learns from what passes: the version that ``initialize`` agreed on, and the parameters that tools want repeated.

    A legacy request carries the version once it is known. A modern one carries version, method, the name that it is
    about, and the arguments that the listed ``inputSchema`` of the tool marks with ``x-mcp-header``.

    ``modern`` is the era of the last request, which is that of all messages that do not say it themselves.
    """

    def __init__(self) -> None:
        self.modern = False
        self._version: str | None = None
        self._asked: dict[RequestId, _Asked] = {}
        self._parameters: dict[str, dict[Path, str]] = {}

    def of(self, message: Message) -> dict[str, str]:
        """The headers of a message that is sent now.

        :raises NotSent: it has a method or a version that no header can hold.
        """
        if not isinstance(message, Request):
            return self.standing()
        version = (message.params.get("_meta") or {}).get(PROTOCOL_VERSION)
        self.modern = isinstance(version, str)
        if message.method in ("initialize", "tools/list"):
            self._asked[message.id] = _Asked(message.method, self.modern, "cursor" not in message.params)
        if message.method == "initialize":
            self._version = None
        return self._modern(message, version) if isinstance(version, str) else self.standing()

    def standing(self) -> dict[str, str]:
        """The headers of what is no request: other messages, the listening stream, the end of the session."""
        return {} if self._version is None else {VERSION_HEADER: self._version}

    def received(self, message: Message) -> Message:
        """Take notice of a message that came in, and give it back: tools that cannot be called are taken out."""
        if not isinstance(message, Result):
            return message
        asked = self._asked.pop(message.id, None)
        if asked is None:
            return message
        if asked.method == "tools/list":
            if asked.first:
                self._parameters.clear()  # what is listed no more is forgotten
            return self._listed(message) if asked.modern else message
        version = message.result.get("protocolVersion")
        self._version = version if isinstance(version, str) and _SENDABLE.fullmatch(version) else None
        return message

    def forget(self, request: RequestId) -> None:
        """A request is over."""
        self._asked.pop(request, None)

    def _modern(self, request: Request, version: str) -> dict[str, str]:
        if not request.method or header_value(request.method) != request.method or not _SENDABLE.fullmatch(version):
            raise NotSent("a method with unusual characters cannot be sent over HTTP")
        self._version = version
        headers = {VERSION_HEADER: version, "mcp-method": request.method}
        name = request.params.get(_NAMED.get(request.method, ""))
        if isinstance(name, str):
            headers["mcp-name"] = header_value(name)
            arguments = request.params.get("arguments")
            if request.method == "tools/call" and isinstance(arguments, dict):
                headers |= parameter_headers(self._parameters.get(name, {}), arguments)
        return headers

    def _listed(self, message: Result) -> Message:
        """The specification wants a tool with invalid annotations left out: a call of it could not be sent right."""
        tools = message.result.get("tools")
        if not isinstance(tools, list):
            return message
        kept: list[Any] = []
        for tool in tools:
            names = annotated(tool.get("inputSchema")) if isinstance(tool, dict) else {}
            if names is not None:
                kept.append(tool)
            if isinstance(tool, dict) and isinstance(tool.get("name"), str):
                self._parameters[tool["name"]] = names or {}
        if len(kept) == len(tools):
            return message
        logger.warning("%d tools were left out: what they want in headers is invalid", len(tools) - len(kept))
        return Result(message.id, {**message.result, "tools": kept})
