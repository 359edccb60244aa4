"""The world's tools as an MCP server, in this process: definitions from the suite, results with structured content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.agentdojo.case import Call, Case, ToolFailed
from rule_of_two.wire.codes import METHOD_NOT_FOUND
from rule_of_two.wire.eras import LATEST_LEGACY
from rule_of_two.wire.frames import FrameError, Notification, dump
from rule_of_two.wire.handler import Incoming, RemoteError

_SERVER: Final = {"name": "agentdojo", "version": "1"}


@dataclass(frozen=True, slots=True)
class Done:
    """A call that reached the world, and what was returned."""

    call: Call
    result: Mapping[str, Any]


class SuiteServer:
    """Serves one case. ``done`` is what was really carried out, in order."""

    def __init__(self, tools: Sequence[Mapping[str, Any]], case: Case) -> None:
        self.done: list[Done] = []
        self._tools = tools
        self._case = case

    async def on_request(self, incoming: Incoming) -> dict[str, Any]:
        match incoming.method:
            case "initialize":
                return {"protocolVersion": LATEST_LEGACY, "capabilities": {"tools": {}}, "serverInfo": _SERVER}
            case "ping":
                return {}
            case "tools/list":
                return {"tools": [dict(tool) for tool in self._tools]}
            case "tools/call":
                call = Call(incoming.params["name"], incoming.params.get("arguments") or {})
                result = self._result(call)
                self.done.append(Done(call, result))
                return result
        raise RemoteError(METHOD_NOT_FOUND, f"Method not found: {incoming.method}")

    async def on_notification(self, notification: Notification, about: object) -> None:
        """Nothing that it is told changes what it does."""

    async def on_stream_closed(self, about: object) -> None:
        """There is one stream for all requests."""

    async def on_frame_error(self, error: FrameError) -> None:
        raise error

    def _result(self, call: Call) -> dict[str, Any]:
        try:
            value = self._case.run(call)
        except ToolFailed as error:
            return {"content": [{"type": "text", "text": str(error)}], "isError": True}
        # As the SDKs do it: what is no object stands under "result", and the text says the same.
        content = value if isinstance(value, dict) else {"result": value}
        return {"content": [{"type": "text", "text": dump(content).decode()}], "structuredContent": content}
