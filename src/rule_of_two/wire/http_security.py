"""Who may speak to us over HTTP at all: the Host and Origin headers, and the bearer token. No I/O.

A page in the user's browser can send requests to any port of this machine, and by DNS rebinding even read the answers.
It cannot choose what these two headers say, so they are checked before anything else (Transports, Security Warning).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Final

from rule_of_two.wire.http_exchange import Field
from rule_of_two.wire.http_request import Head, Refused

_TOKEN: Final = re.compile(r"[A-Za-z0-9\-._~+/]+=*")
_TOKEN_CHARACTERS: Final = 4096
_CHALLENGE: Final = 'Bearer realm="rule-of-two"'
_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
_METHODS: Final = b"GET, POST, DELETE"
_EXPOSED: Final = b"mcp-session-id, www-authenticate"
_FIELD_NAMES: Final = re.compile(r"[A-Za-z0-9\-_, \t]{1,4096}")


@dataclass(frozen=True, slots=True)
class Bearer:
    """A client, and the token that it was let in with."""

    token: str = field(repr=False)
    client: str


class Gate:
    """What Host and Origin may say at one address."""

    def __init__(
        self, *, address: str, port: int, secure: bool, hosts: tuple[str, ...], origins: tuple[str, ...]
    ) -> None:
        scheme, usual = ("https", 443) if secure else ("http", 80)
        own = [f"{name}:{port}" for name in _names(address)]
        if port == usual:
            own += _names(address)
        self._hosts = _Names((*own, *hosts))
        self._origins = _Names((*(f"{scheme}://{name}" for name in own), *origins))

    def admit(self, head: Head) -> tuple[Field, ...]:
        """Let a request pass; what to add to its answer, so that a page of an allowed origin may read it.

        :raises Refused: it comes from where it must not, or does not say where it wants to go.
        """
        if "host" in head.repeated or not self._hosts.have(head.fields.get("host", "")):
            raise Refused(421, "the Host header names no host that is served here")
        if "origin" not in head.fields:
            return ()
        origin = head.fields["origin"]
        if "origin" in head.repeated or not self._origins.have(origin):
            raise Refused(403, "the Origin header names no page that may speak to this server")
        return (
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-expose-headers", _EXPOSED),
            (b"vary", b"origin"),
        )


def preflight(head: Head) -> tuple[Field, ...] | None:
    """What to answer a browser that asks whether a page may send a request (Fetch, CORS-preflight). It carries no
    token, and says nothing but what an allowed origin may know."""
    if head.method != "OPTIONS" or "origin" not in head.fields or "access-control-request-method" not in head.fields:
        return None
    asked = head.fields.get("access-control-request-headers", "")
    names = asked.encode("latin-1") if _FIELD_NAMES.fullmatch(asked) else b"authorization, content-type"
    return (b"access-control-allow-methods", _METHODS), (b"access-control-allow-headers", names)


def bearer_token(head: Head) -> str:
    """The token that a request carries (RFC 6750, 2.1: in the Authorization header, nowhere else).

    :raises Refused: it carries none, or more than one.
    """
    if "authorization" in head.repeated:
        raise _unauthorized(400, "the authorization header appears more than once", "invalid_request")
    if "authorization" not in head.fields:
        raise _unauthorized(401, "a bearer token is required")
    scheme, _, token = head.fields["authorization"].partition(" ")
    token = token.strip(" ")
    if scheme.lower() != "bearer" or len(token) > _TOKEN_CHARACTERS or not _TOKEN.fullmatch(token):
        raise _unauthorized(401, "a bearer token is required")
    return token


def unknown_token() -> Refused:
    """The refusal of a token that belongs to nobody."""
    return _unauthorized(401, "the bearer token is not valid", "invalid_token")


class _Names:
    """Names in lower case, some of them with any port."""

    def __init__(self, names: tuple[str, ...]) -> None:
        lower = [name.lower() for name in names]
        self._exact = frozenset(name for name in lower if not name.endswith(":*"))
        self._any_port = frozenset(name[:-2] for name in lower if name.endswith(":*"))

    def have(self, value: str) -> bool:
        value = value.lower()
        name, colon, port = value.rpartition(":")
        return value in self._exact or (bool(colon) and port.isdecimal() and name in self._any_port)


def _names(address: str) -> list[str]:
    """What a client may call the host that listens on ``address``."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return [*_LOOPBACK, address]
    if known.is_unspecified:
        return [*_LOOPBACK]
    return [*_LOOPBACK, f"[{known}]" if known.version == 6 else str(known)]


def _unauthorized(status: int, message: str, error: str | None = None) -> Refused:
    challenge = _CHALLENGE if error is None else f'{_CHALLENGE}, error="{error}"'
    return Refused(status, message, headers=((b"www-authenticate", challenge.encode()),))
