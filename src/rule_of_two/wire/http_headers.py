"""The headers that a streamable HTTP request must repeat from its body, in either era (2026-07-28, Transports)."""

from __future__ import annotations

from typing import Any

from mcp.shared.inbound import (
    MCP_METHOD_HEADER,
    MCP_NAME_HEADER,
    MCP_PROTOCOL_VERSION_HEADER,
    NAME_BEARING_METHODS,
    encode_header_value,
    find_invalid_x_mcp_header,
    mcp_param_headers,
    x_mcp_header_map,
)

from rule_of_two.wire.eras import PROTOCOL_VERSION
from rule_of_two.wire.frames import Failure, Message, Request, RequestId, Result
from rule_of_two.wire.transport import NotSent


class EraHeaders:
    """Learns from what passes: the version that ``initialize`` agreed on, and the parameters that tools want repeated.

    A legacy request carries the version once it is known. A modern one carries version, method, the name that it is
    about, and the arguments that the listed ``inputSchema`` of the tool marks with ``x-mcp-header``.
    """

    def __init__(self) -> None:
        self._version: str | None = None
        self._asked: dict[RequestId, str] = {}
        self._parameters: dict[str, dict[tuple[str, ...], str]] = {}

    def of(self, message: Message) -> dict[str, str]:
        """The headers of a message that is sent now.

        :raises NotSent: it has a method that no header can hold.
        """
        if isinstance(message, Request):
            if message.method in ("initialize", "tools/list"):
                self._asked[message.id] = message.method
            version = (message.params.get("_meta") or {}).get(PROTOCOL_VERSION)
            if isinstance(version, str):
                return self._modern(message, version)
        return {} if self._version is None else {MCP_PROTOCOL_VERSION_HEADER: self._version}

    def received(self, message: Message) -> None:
        """Take notice of a message that came in."""
        if not isinstance(message, Result | Failure) or message.id is None:
            return
        asked = self._asked.pop(message.id, None)
        if isinstance(message, Result) and asked == "initialize":
            version = message.result.get("protocolVersion")
            self._version = version if isinstance(version, str) else None
        elif isinstance(message, Result) and asked == "tools/list":
            self._listed(message.result.get("tools"))

    def _modern(self, request: Request, version: str) -> dict[str, str]:
        if encode_header_value(request.method) != request.method:
            raise NotSent("a method with unusual characters cannot be sent over HTTP")
        headers = {MCP_PROTOCOL_VERSION_HEADER: version, MCP_METHOD_HEADER: request.method}
        name = request.params.get(NAME_BEARING_METHODS.get(request.method, ""))
        if isinstance(name, str):
            headers[MCP_NAME_HEADER] = encode_header_value(name)
            arguments = request.params.get("arguments")
            if request.method == "tools/call" and isinstance(arguments, dict):
                headers |= mcp_param_headers(self._parameters.get(name, {}), arguments)
        return headers

    def _listed(self, tools: Any) -> None:
        for tool in tools if isinstance(tools, list) else ():
            if isinstance(tool, dict) and isinstance(tool.get("name"), str):
                schema = tool.get("inputSchema")
                valid = find_invalid_x_mcp_header(schema) is None
                self._parameters[tool["name"]] = x_mcp_header_map(schema) if valid else {}
