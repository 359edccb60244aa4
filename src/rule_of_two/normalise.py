"""Canonical forms of what calls reach: hosts, paths, addresses, amounts. The edge where raw arguments are parsed, once.

Each function returns the canonical text, or ``None`` for anything that two parsers could read differently. They take
whatever stands in the arguments and never raise. INVARIANT: a canonical form is its own canonical form
(tests/test_normalise.py).
"""

from __future__ import annotations

import ipaddress
import os
import re
import unicodedata
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

import idna
from pydantic_core import Url

from rule_of_two.model import TargetKind

_LONGEST: Final = 8192
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}
_URL = re.compile(r"(https?)://([^/?#]*)", re.IGNORECASE)
_UNSAFE_IN_URL = re.compile(r"[\x00-\x20\x7f-\x9f\\\s]")
_LABELS = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))*")
_NUMERIC_LAST = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)", re.IGNORECASE)
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_DEVIATIONS = frozenset("ßẞς\u200c\u200d")  # IDNA 2003 and 2008 make different hosts of these
_LOCAL_PART = re.compile(r"(?!\.)(?!.*\.\.)[a-z0-9._+'=&~#^-]{1,64}(?<!\.)")
_NOT_IN_DOMAIN = re.compile(r"[@:\[\]% \\/]")
_AMOUNT = re.compile(r"-?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,18})?")
_UNSAFE_IN_PATH = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029$%]")
_SEPARATORS = re.compile(r"[\\/]")
_SPACE_AT_EDGE = re.compile(r" (?:/|$)|/ ")
_PLAIN_PATH = re.compile(r"[A-Za-z0-9._+@=,:#()&/ ~-]+")


def host(text: Any) -> str | None:
    """The host of an http(s) URL, or of bare ``host[:port]`` text: lower-case ASCII, or a bracketed IPv6 address.

    A port is kept unless it is the scheme's default. ``None`` for user information, backslashes, white space, percent
    signs, empty hosts, odd IPv4 notations, bad ports and other schemes.
    """
    if not isinstance(text, str) or len(text) > _LONGEST or _UNSAFE_IN_URL.search(text):
        return None
    return url_host(text) if "://" in text else _authority(text, None)


def url_host(text: Any) -> str | None:
    """Like :func:`host`, for a whole URL only. Two parsers must agree on it: ours, and the WHATWG one of pydantic."""
    if not isinstance(text, str) or len(text) > _LONGEST or _UNSAFE_IN_URL.search(text):
        return None
    match = _URL.match(text)
    if match is None:
        return None
    scheme = match[1].lower()
    ours = _authority(match[2], scheme)
    if ours is None:
        return None
    try:
        url = Url(text)
    except ValueError:
        return None
    port = "" if url.port is None or str(url.port) == _DEFAULT_PORTS[scheme] else f":{url.port}"
    theirs = (url.host or "").removesuffix(".")
    return ours if url.scheme == scheme and ours == theirs + port else None


def whole_url(text: Any) -> str | None:
    """The whole URL without its fragment: scheme and host canonical, path and query as they stand; an empty path is
    ``/``. ``None`` where :func:`url_host` is."""
    name = url_host(text)
    match = _URL.match(text) if name is not None else None
    if match is None:
        return None
    rest = text[match.end() :].partition("#")[0]
    return f"{match[1].lower()}://{name}{rest if rest.startswith('/') else f'/{rest}'}"


def is_exact_url(text: str, canonical: str) -> bool:
    """Whether the authority stands in ``text`` byte for byte as in ``canonical``, after a lower-case scheme."""
    for prefix in ("https://", "http://"):
        if text.startswith(prefix):
            rest = text[len(prefix) :]
            return rest.startswith(canonical) and rest[len(canonical) : len(canonical) + 1] in ("", "/", "?", "#")
    return False


def _authority(authority: str, scheme: str | None) -> str | None:
    if "@" in authority or "%" in authority or len(authority) > 300:
        return None
    return _host_and_port(authority, scheme)


@lru_cache(maxsize=4096)
def _host_and_port(authority: str, scheme: str | None) -> str | None:
    if authority.startswith("["):
        inner, bracket, rest = authority[1:].partition("]")
        name = _ipv6(inner) if bracket else None
    else:
        inner, colon, rest = authority.partition(":")
        name, rest = _name(inner), colon + rest
    if name is None or (rest and not rest.startswith(":")):
        return None
    port = rest[1:]
    if rest and (not _PORT.fullmatch(port) or int(port) > 65535):
        return None
    return name if not port or (scheme and port == _DEFAULT_PORTS[scheme]) else f"{name}:{port}"


def _ipv6(text: str) -> str | None:
    """RFC 5952, except that an embedded IPv4 address is written in hexadecimal groups, as browsers do."""
    try:
        packed = ipaddress.IPv6Address(text)
    except ValueError:
        return None
    if packed.ipv4_mapped is not None:
        high, low = divmod(int(packed.ipv4_mapped), 1 << 16)
        return f"[::ffff:{high:x}:{low:x}]"
    return f"[{packed.compressed}]"


def _name(text: str) -> str | None:
    if not text or len(text) > 1024 or not _DEVIATIONS.isdisjoint(text):
        return None
    name = text.lower() if text.isascii() else text
    try:
        if not name.isascii():
            name = idna.encode(text, uts46=True, std3_rules=True).decode("ascii")
        name = name.removesuffix(".")
        if "xn--" in name:
            idna.decode(name)
    except UnicodeError:
        return None
    if _NUMERIC_LAST.fullmatch(name):
        return _ipv4(name)
    return name if len(name) <= 253 and _LABELS.fullmatch(name) else None


def _ipv4(text: str) -> str | None:
    """Four decimal numbers and nothing else: ``0x7f.1``, ``127.1`` and ``2130706433`` are refused."""
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        return None


def address(text: Any) -> str | None:
    """One mail address, lower-case, its domain through IDNA. No display name, no list, no routing characters."""
    if not isinstance(text, str) or len(text) > 320 or not text.isprintable():
        return None
    local, at, domain = text.partition("@")
    local = local.lower() if local.isascii() else ""
    if not at or not _LOCAL_PART.fullmatch(local) or _NOT_IN_DOMAIN.search(domain):
        return None
    name = _name(domain)
    return None if name is None or _NUMERIC_LAST.fullmatch(name) else f"{local}@{name}"


def amount(value: Any) -> str | None:
    """An exact decimal without exponent, sign of plus, leading or trailing zeros. A bool is no amount."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, int) and abs(value) >= 10**31:
        return None
    text = value if isinstance(value, str) else repr(value)
    if not _AMOUNT.fullmatch(text):
        return None
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    plain = f"{whole}.{fraction}" if fraction else whole
    return None if plain.startswith("-") and Decimal(plain) == 0 else plain


def path(text: Any) -> str | None:
    """An absolute local path without ``..``, with every symlink resolved.

    ``$`` and ``%`` are refused, since some upstreams expand them. A path that does not exist keeps its missing end, but
    only in plain characters: an upstream could take others for another name (Unicode forms, quotes, white space).
    ``None`` also where the file system does not let us look.
    """
    if not isinstance(text, str) or not _is_readable_path(text):
        return None
    try:
        resolved = os.path.realpath(text, strict=True)
    except FileNotFoundError:
        plain = text if os.sep == "/" else os.path.splitdrive(text)[1].replace("\\", "/")
        if not _PLAIN_PATH.fullmatch(plain) or _SPACE_AT_EDGE.search(plain):
            return None
        resolved = os.path.realpath(text)
    except (OSError, ValueError):
        return None
    resolved = resolved[1:] if resolved.startswith("//") else resolved  # POSIX keeps two leading slashes apart
    return resolved if _is_readable_path(resolved) else None


def _is_readable_path(text: str) -> bool:
    if len(text) > _LONGEST or _UNSAFE_IN_PATH.search(text) or text != text.strip():
        return False
    return os.path.isabs(text) and ".." not in _SEPARATORS.split(text)  # noqa: PTH117  # a Path object costs 5 µs


def text(value: Any) -> str | None:
    """Text that is compared as it is, such as a command or a query."""
    return value if isinstance(value, str) and value else None


def account(value: Any) -> str | None:
    """A name of an account or channel, as it is: printable, in Unicode form NFKC, without white space around it."""
    if not isinstance(value, str) or not value or value != value.strip() or not value.isprintable():
        return None
    return value if unicodedata.is_normalized("NFKC", value) else None


NORMALISERS: Final[Mapping[TargetKind, Callable[[Any], str | None]]] = MappingProxyType(
    {
        "url": url_host,
        "host": host,
        "path": path,
        "recipient": address,
        "amount": amount,
        "account": account,
        "command": text,
        "query": text,
    }
)
"""How a value of each kind becomes canonical."""


def is_exact(kind: TargetKind, value: Any, canonical: str | None) -> bool:
    """Whether ``value`` is byte-equal to its canonical form (DESIGN section 3): only then may a rule match it."""
    if canonical is None:
        return False
    if kind == "url":
        return is_exact_url(value, canonical)
    return bool(canonical == (value if isinstance(value, str) else repr(value)))
