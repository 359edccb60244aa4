"""Secrets in what a client starts servers with: found by the name that they stand under, and by their shape."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from rule_of_two.clients.entries import Mount
from rule_of_two.records import replace

_NAME: Final = re.compile(
    r"token|secret|passw|passphrase|credential|authorization|cookie|api[_-]?key|apikey|access[_-]?key|private[_-]?key"
    r"|signing[_-]?key|encryption[_-]?key|connection[_-]?string|webhook|(^|[_-])(key|pat|pwd|dsn|auth|bearer|jwt|sig)$",
    re.IGNORECASE,
)
_SHAPES: Final = re.compile(
    r"gh[oprsu]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|sk-[\w-]{16,}|[rs]k_(?:live|test)_\w{10,}"
    r"|xox[a-z]-[\w-]{8,}|xapp-[\w-]{8,}|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[\w-]{30,}|ya29\.[\w-]{16,}"
    r"|(?<![\w-])eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}|npm_\w{30,}|pypi-[\w-]{16,}|hf_\w{16,}|ntn_\w{16,}|secret_\w{16,}"
    r"|lin_api_\w{16,}|dop_v1_\w{16,}|SG\.[\w-]{16,}\.[\w-]{16,}|figd_[\w-]{16,}|tvly-[\w-]{10,}|ATATT[\w=-]{16,}"
    r"|(?<=hooks\.slack\.com/services/)[\w/]{16,}|(?<=/api/webhooks/)\d+/[\w-]{16,}"
    r"|(?<=[Bb]earer )(?=[\w.~+/-]*\d)[\w.~+/-]{16,}=*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*"
)
_SCHEME: Final = re.compile(r"(?i)(?:bearer|basic|token)\s+(\S.*)")
_OPTION: Final = re.compile(r"--?[A-Za-z][\w.-]*")
_ASSIGNED: Final = re.compile(r"(?P<name>-{0,2}[A-Za-z_][\w.-]*)[=:]\s*(?P<value>\S.*)", re.DOTALL)
_QUERY: Final = re.compile(r"[?&](?P<name>[^=&#?]+)=(?P<value>[^&#]+)")
_KEY_IN_PATH: Final = re.compile(
    r"https?://[^/?#\s]+(?:/[^/?#\s]*)*?/(?P<value>(?=[A-Za-z_=-]*\d)(?=[\d_=-]*[A-Za-z])[\w=-]{32,})(?=[/?#]|$)"
)
"""Hosted servers whose address is the key: a part of the path that nobody chose as a name."""
_PASSWORD: Final = re.compile(r"(?<![\w+.-])[A-Za-z][\w+.-]*+://[^/?#\s@:]*:(?P<value>[^/?#\s]+)@")
_REFERENCE: Final = re.compile(r"\$\{(?:env|keyring):[^}]*\}")
_NO_SECRET: Final = re.compile(r"(?i)true|false|yes|no|on|off|none|null|\d{1,6}|")
_LONG: Final = 8
"""Characters. A shorter secret is replaced where it was found only: elsewhere it may mean something else."""


class Found(Struct, frozen=True):
    """A secret: its value, and the name that it stands under in its server."""

    value: str
    name: str


def secrets_of(mount: Mount) -> tuple[Found, ...]:
    """Every secret of a server, each value once, by the place where it is first found."""
    found: dict[str, Found] = {}
    for name, value in _each(mount):
        if value and not _REFERENCE.search(value):
            found.setdefault(value, Found(value, name))
    return tuple(found.values())


def without_secrets(mount: Mount, references: Mapping[str, str]) -> Mount:
    """The same with references in place of secrets, wherever they stand."""
    long = sorted((value for value in references if len(value) >= _LONG), key=len, reverse=True)

    def replaced(text: str, found: Callable[[str], Iterator[tuple[int, int]]]) -> str:
        for start, end in sorted(found(text), reverse=True):
            if (value := text[start:end]) in references:
                text = f"{text[:start]}{references[value]}{text[end:]}"
        for value in long:
            text = text.replace(value, references[value])
        return text

    args = [replaced(one, partial(_in_argument, mount, place)) for place, one in enumerate(mount.args)]
    return replace(
        mount,
        command=mount.command and replaced(mount.command, _by_shape),
        args=tuple(args),
        env={key: replaced(one, _named(key)) for key, one in mount.env.items()},
        cwd=mount.cwd and replaced(mount.cwd, _by_shape),
        url=mount.url and replaced(mount.url, _in_url),
        headers={key: replaced(one, _named(key)) for key, one in mount.headers.items()},
    )


def is_secret_name(name: str) -> bool:
    """Whether what stands under this name is taken for a secret."""
    return _NAME.search(name) is not None


def secret_shapes(text: str) -> list[str]:
    """What looks like a secret by itself, anywhere in a text."""
    return [match[0] for match in _SHAPES.finditer(text)]


def _each(mount: Mount) -> Iterator[tuple[str, str]]:
    for key, value in (*mount.env.items(), *mount.headers.items()):
        yield from ((key, value[start:end]) for start, end in _named(key)(value))
    for place, value in enumerate(mount.args):
        name = _name_of_argument(mount, place)
        yield from ((name, value[start:end]) for start, end in _in_argument(mount, place, value))
    for name, text, spans in (
        ("command", mount.command or "", _by_shape),
        ("cwd", mount.cwd or "", _by_shape),
        ("url", mount.url or "", _in_url),
    ):
        for start, end in spans(text):
            yield name, text[start:end]


def _named(name: str) -> Callable[[str], Iterator[tuple[int, int]]]:
    def spans(text: str) -> Iterator[tuple[int, int]]:
        if _NAME.search(name) and not _NO_SECRET.fullmatch(text):
            scheme = _SCHEME.fullmatch(text)
            yield scheme.span(1) if scheme else (0, len(text))
        elif scheme := _SCHEME.fullmatch(text):
            yield scheme.span(1)
        else:
            yield from _in_url(text)

    return spans


def _in_argument(mount: Mount, place: int, text: str) -> Iterator[tuple[int, int]]:
    before = mount.args[place - 1] if place else ""
    if _OPTION.fullmatch(before) and _NAME.search(before) and not text.startswith("-"):
        yield from _named(before)(text)
    elif (assigned := _ASSIGNED.fullmatch(text)) and "://" not in text.split("=", 1)[0]:
        start = assigned.start("value")
        for first, last in _named(assigned["name"])(assigned["value"]):
            yield start + first, start + last
    else:
        yield from _in_url(text)


def _name_of_argument(mount: Mount, place: int) -> str:
    assigned = _ASSIGNED.fullmatch(mount.args[place])
    named = assigned["name"] if assigned and "://" not in mount.args[place].split("=", 1)[0] else ""
    before = mount.args[place - 1] if place else ""
    return named.lstrip("-") or (before.lstrip("-") if _OPTION.fullmatch(before) else "") or f"argument-{place + 1}"


def _in_url(text: str) -> Iterator[tuple[int, int]]:
    """Passwords and named parameters of URLs, and whatever has the shape of a secret."""
    spans = [match.span("value") for match in _PASSWORD.finditer(text)]
    if "://" in text and urlsplit_safe(text):
        spans += [match.span("value") for match in _QUERY.finditer(text) if _NAME.search(match["name"])]
        spans += [match.span("value") for match in _KEY_IN_PATH.finditer(text) if not _SHAPES.search(match["value"])]
    taken = list(spans)
    for start, end in _by_shape(text):
        if not any(first < end and start < last for first, last in taken):
            spans.append((start, end))
    yield from spans


def _by_shape(text: str) -> Iterator[tuple[int, int]]:
    yield from (match.span() for match in _SHAPES.finditer(text))


def urlsplit_safe(text: str) -> bool:
    """Whether a text can be split as a URL."""
    try:
        return bool(urlsplit(text).scheme)
    except ValueError:
        return False
