"""Sends telemetry over OTLP/HTTP: tried again where the receiver says that it may be, and never past what was taken."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

import anyio
import httpx2
import orjson
from google.protobuf.message import DecodeError
from msgspec import Struct, field
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from rule_of_two.errors import ConfigurationError, UpstreamUnavailable
from rule_of_two.folders import make_private
from rule_of_two.gateway.backoff import BackOff
from rule_of_two.gateway.written import write_atomically

ATTEMPTS: Final = 8
"""Of one request, before it is given up."""
SECONDS: Final = 30.0
LONGEST_PAUSE: Final = 60.0
_AGAIN: Final = frozenset((429, 502, 503, 504))
"""What the specification of OTLP/HTTP lets a client send again."""
_NO_SUCH_PATH: Final = frozenset((404, 405, 501))
_PROTOBUF: Final = "application/x-protobuf"


class Signal(StrEnum):
    """What a request tells of, which is the end of its path, too."""

    TRACES = "traces"
    LOGS = "logs"


class Body(Protocol):
    """A message of protobuf."""

    def SerializeToString(self) -> bytes:  # noqa: N802  # protobuf's name
        """Its bytes."""


class NotTaken(UpstreamUnavailable):
    """The receiver cannot be reached, or takes nothing."""


class Sender(Struct):
    """Of OTLP/HTTP with protobuf, the protocol that every receiver has. ``url`` is the receiver's base, to which
    ``/v1/traces`` and ``/v1/logs`` are added. ``rejected`` counts what it said that it did not take and must not be
    sent again, ``told`` is why."""

    client: httpx2.AsyncClient
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    rejected: int = 0
    told: str = ""

    async def send(self, signal: Signal, body: Body) -> None:
        """Send one request until it is taken.

        :raises NotTaken: it was not, and nothing says that trying once more helps.
        """
        content, back_off = body.SerializeToString(), BackOff()
        url = f"{self.url.rstrip('/')}/v1/{signal}"
        why = ""
        for _ in range(ATTEMPTS):
            pause = back_off.failed()
            try:
                response = await self.client.post(
                    url,
                    content=content,
                    headers={**self.headers, "Content-Type": _PROTOBUF},
                    timeout=SECONDS,
                )
            except httpx2.HTTPError as error:
                why = str(error) or type(error).__name__
            else:
                if response.is_success:
                    self._taken(signal, response.content)
                    return
                why = f"it answers {response.status_code}"
                if response.status_code in _NO_SUCH_PATH:
                    others = next(one for one in Signal if one is not signal)
                    raise NotTaken(f"{url} takes no {signal} ({why}); `--signal {others}` sends only {others}")
                if response.status_code not in _AGAIN:
                    break
                pause = max(pause, _retry_after(response.headers.get("retry-after", "")))
            await self.sleep(min(pause, LONGEST_PAUSE))
        raise NotTaken(f"{url} does not take what is exported: {why}; run the command again to go on from there")

    def _taken(self, signal: Signal, content: bytes) -> None:
        """Note what it did not take of a request that it took."""
        try:
            if signal is Signal.TRACES:
                spans = ExportTraceServiceResponse.FromString(content).partial_success
                rejected, told = spans.rejected_spans, spans.error_message
            else:
                records = ExportLogsServiceResponse.FromString(content).partial_success
                rejected, told = records.rejected_log_records, records.error_message
        except DecodeError:
            return  # it took the request: whatever it said of it is no refusal
        self.rejected += max(rejected, 0)
        self.told = told[:500] or self.told


def _retry_after(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() else 0.0


def headers_of(text: str, *, variable: str) -> dict[str, str]:
    """``name=value,name=value`` as OpenTelemetry's environment variables write headers.

    :raises ConfigurationError: it is something else.
    """
    found: dict[str, str] = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals or not name.strip():
            raise ConfigurationError(f"${variable} is a list such as 'api-key=…,x-tenant=…'")
        found[name.strip()] = value.strip()
    return found


class Cursor(Struct, frozen=True):
    """Up to which entry a journal was exported to one place; a file in the state's folder."""

    path: Path
    journal: str

    @classmethod
    def of(cls, state: Path, journal: str, *what: str) -> Cursor:
        """That of a destination, and of what is exported there."""
        name = hashlib.sha256("\0".join(what).encode()).hexdigest()[:16]
        return cls(state / "exports" / f"{name}.json", journal)

    def read(self) -> int:
        """The number of the newest entry that was taken; 0: none.

        :raises ConfigurationError: the file is not what an export wrote.
        """
        try:
            value = orjson.loads(self.path.read_bytes())
            if value["journal"] != self.journal:
                return 0
            return int(value["number"])
        except FileNotFoundError:
            return 0
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigurationError("is not what an export wrote; remove it to begin anew", file=self.path) from error

    def write(self, number: int) -> None:
        """Everything up to ``number`` was taken."""
        make_private(self.path.parent)
        write_atomically(self.path, orjson.dumps({"journal": self.journal, "number": number}))
