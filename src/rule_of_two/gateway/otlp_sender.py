"""Sends telemetry over OTLP/HTTP: tried again where the receiver says that it may be, and never past what was taken."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import anyio
import httpx2
import orjson
from msgspec import Struct, field

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
_REJECTED: Final = {"/v1/traces": "rejectedSpans", "/v1/logs": "rejectedLogRecords"}


class NotTaken(UpstreamUnavailable):
    """The receiver cannot be reached, or takes nothing."""


class Sender(Struct):
    """``url`` is the receiver's base, to which ``/v1/traces`` and ``/v1/logs`` are added. ``rejected`` counts what it
    said that it did not take and must not be sent again, ``told`` is why."""

    client: httpx2.AsyncClient
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    rejected: int = 0
    told: str = ""

    async def send(self, path: str, body: Mapping[str, Any]) -> None:
        """Send one request until it is taken.

        :raises NotTaken: it was not, and nothing says that trying once more helps.
        """
        content, back_off = orjson.dumps(body), BackOff()
        why = ""
        for _ in range(ATTEMPTS):
            pause = back_off.failed()
            try:
                response = await self.client.post(
                    self.url.rstrip("/") + path,
                    content=content,
                    headers={**self.headers, "Content-Type": "application/json"},
                    timeout=SECONDS,
                )
            except httpx2.HTTPError as error:
                why = str(error) or type(error).__name__
            else:
                if response.is_success:
                    self._taken(path, response.content)
                    return
                why = f"it answers {response.status_code}"
                if response.status_code not in _AGAIN:
                    break
                pause = max(pause, _retry_after(response.headers.get("retry-after", "")))
            await self.sleep(min(pause, LONGEST_PAUSE))
        raise NotTaken(
            f"{self.url}{path} does not take what is exported: {why}; run the command again to go on from there"
        )

    def _taken(self, path: str, content: bytes) -> None:
        """Note what it did not take of a request that it took."""
        try:
            partial = orjson.loads(content)["partialSuccess"]
            self.rejected += int(partial.get(_REJECTED[path], 0))
            self.told = str(partial.get("errorMessage", ""))[:500] or self.told
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
            return


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
