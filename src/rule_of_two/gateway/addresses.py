"""Web addresses in JSON that crosses: each as it stands there in whole, whatever text is written around it. Pure.

An address in a text runs to white space, a quote, an angle bracket or a grave accent. Where the whole text is one, it
is taken as it is; else it ends before a closing bracket that it did not open, and before punctuation at its end, as
Markdown links and sentences want it. A backslash or a control character voids it, so that none is taken for an end. A
text that is JSON itself is read as such.

# INVARIANT: what is found is a whole address of the text, never the beginning of a longer one, and the time is bounded
# by the two limits; tests/gateway/test_addresses.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson
from msgspec import Struct, field

from rule_of_two.normalise import whole_url

MOST_CHARACTERS: Final = 1 << 19
MOST_ADDRESSES: Final = 1024
"""What is looked through of one result, or of one request. Beyond, nothing is found."""

_ENDS: Final = r" \t\n\r\f\v\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000<>\"`"
_RUN: Final = re.compile(rf"(?<![A-Za-z0-9+.-])https?://[^{_ENDS}]+", re.IGNORECASE)
_LONGEST: Final = 8192
_OPENING: Final[Mapping[str, str]] = {"(": ")", "[": "]", "{": "}"}
_AT_THE_END: Final = (
    ".,:;!?'*_~|\u2026\u2019\u201d\xbb\u3002\u3001\uff0c\uff1a\uff1b\uff01\uff1f\uff09\u300b\u300d\u3011"
)
"""Punctuation, Chinese and Japanese too."""


class Address(Struct, frozen=True):
    """One address: the forms that it can be read as, which differ in HTML's ``&amp;`` and in a fragment left out."""

    forms: tuple[str, ...]


class Found(Struct):
    """Addresses in order. ``complete``: everything was looked through."""

    addresses: list[Address] = field(default_factory=list)
    complete: bool = True
    left: int = MOST_CHARACTERS

    def look(self, text: str, *, both: bool) -> None:
        """Look through one text; ``both``: also with the punctuation at an address's end."""
        cut = len(text) > self.left
        text = text[: self.left]
        self.left -= len(text)
        self.complete = self.complete and not cut
        for run in _RUN.finditer(text):
            if cut and run.end() == len(text):
                return
            if len(self.addresses) == MOST_ADDRESSES:
                self.complete = False
                return
            readings = [run[0]] if both or len(run[0]) == len(text) else []
            if both or not readings:
                readings.append(_bare(run[0]))
            forms = [form for reading in readings for form in _forms(reading)]
            if forms:
                self.addresses.append(Address(tuple(dict.fromkeys(forms))))


def address_of(text: str) -> str | None:
    """The form by which an argument is known: with its fragment, since a page's scripts can send that on."""
    whole = whole_url(text)
    fragment = text.partition("#")[2]
    return f"{whole}#{fragment}" if whole is not None and fragment else whole


def in_result(result: Mapping[str, Any]) -> Found:
    """Those that a client can see: in text, in structured content, and the addresses of linked resources."""
    found = Found()
    for value in _visible(result):
        _look_through(value, found, both=False)
    return found


def in_request(words: Mapping[str, Any]) -> Found:
    """Those that a client wrote, anywhere."""
    found = Found()
    _look_through(words, found, both=True)
    return found


def _visible(result: Mapping[str, Any]) -> Iterator[Any]:
    messages = [message.get("content") for message in _objects(result.get("messages"))]
    blocks = [block for content in (result.get("content"), *messages) for block in _objects(content)]
    for block in blocks:
        if block.get("type") == "text":
            yield block.get("text")
        elif block.get("type") == "resource":
            yield from (resource.get("text") for resource in _objects(block.get("resource")))
        elif block.get("type") == "resource_link":
            yield block.get("uri")
    yield from (content.get("text") for content in _objects(result.get("contents")))
    yield result.get("structuredContent")


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]


def _look_through(value: Any, found: Found, *, both: bool) -> None:
    """Every text in a value of JSON, names of members too, in order."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        found.left -= 1
        if found.left <= 0:
            found.complete = False
            return
        if isinstance(one, dict):
            waiting.extend(part for member in reversed(one.items()) for part in reversed(member))
        elif isinstance(one, list):
            waiting.extend(reversed(one))
        elif isinstance(one, str):
            inner = _json(one, found.left)
            if inner is None:
                found.look(one, both=both)
            else:
                found.left -= len(one)
                waiting.append(inner)


def _json(text: str, most: int) -> Any:
    """The object or array that a text is; ``None`` if it is none, or too long."""
    if len(text) > most or text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _bare(run: str) -> str:
    """A run of characters without what belongs to the text around the address."""
    if len(run) > _LONGEST:
        return run
    open_brackets = dict.fromkeys(_OPENING.values(), 0)
    for place, character in enumerate(run):
        if character in _OPENING:
            open_brackets[_OPENING[character]] += 1
        elif character in open_brackets:
            if not open_brackets[character]:
                run = run[:place]
                break
            open_brackets[character] -= 1
    return run.rstrip(_AT_THE_END)


def _forms(reading: str) -> Iterator[str]:
    for text in dict.fromkeys((reading, reading.replace("&amp;", "&"))):
        whole = whole_url(text)
        if whole is not None:
            yield whole
            fragment = text.partition("#")[2]
            if fragment:
                yield f"{whole}#{fragment}"
