"""What in a definition a person should look at twice, and why. Pure; hints that allow and forbid nothing.

A definition is text that every model on the client reads, so it is where a server puts orders, shadows another server's
tool or hides something. No list of patterns can be complete: whoever knows it writes around it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from msgspec import Struct
from pydantic import ConfigDict

from rule_of_two.approvals.steering import ORDERS, STEERS
from rule_of_two.escape import HIDDEN_CATEGORIES, is_mark, name_warning
from rule_of_two.json_pointer import pointer_of
from rule_of_two.records import replace

INCOMPLETE: Final = "Marks are hints: text without any can be hostile too."

LONG: Final = 4000
"""Characters of one text that few honest descriptions reach."""

MOST_OF_A_REASON: Final = 3
"""Places that are named for one reason; all are counted."""

_EXCERPT: Final = 60
_DEEPEST: Final = 60
_SHORTEST_NAME: Final = 4

_COMMENT: Final = re.compile(r"<!--|^\[//\]: ?#|^\[comment\]:", re.MULTILINE | re.IGNORECASE)
_TERMINAL: Final = re.compile("[\x1b\x9b\x90\x9d]|\\\\(?:x1b|033|e|u001b|u\\{1b\\})\\[", re.IGNORECASE)
_ENCODED: Final = re.compile(r"[A-Za-z0-9+/_-]{60,}={0,2}|(?:\\x[0-9a-fA-F]{2}){8,}|\b[0-9a-fA-F]{64,}\b")
_REACHES: Final = re.compile(
    r"\b[a-z][a-z0-9+.-]{1,20}://[^\s<>\"'`)]{1,200}|\bwww\.[^\s<>\"'`)]{3,200}|"
    r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}",
    re.IGNORECASE,
)
_FOREIGN: Final = re.compile(r"[^\W\d_]*[^\x00-\x7f\W\d_][^\W\d_]*")
_NAME: Final = re.compile(r"[\w.-]*\w")
_QUOTES: Final = "`'\"\u201c\u201d\u2018\u2019"
_MARKDOWN: Final = re.compile(r"[*_~`#]+")
_WEAK: Final = ("gives the model an order", "is very long", "has an address", "has a comment", "has something encoded")
_WINDOW: Final = 4096
_OVERLAP: Final = 256
"""Characters that are looked through at once, which holds up every other thread, and those that two windows share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One hint: why, where (a JSON Pointer), and what stands there, not escaped. ``count``: at so many places.
    ``before``: the accepted definition has the same."""

    reason: str
    where: str
    excerpt: str
    count: int = 1
    before: bool = False

    @property
    def strong(self) -> bool:
        """Whether hardly any honest definition has it: worth a word also where a server is seen for the first time."""
        return not self.reason.startswith(_WEAK)

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)


class Names(Struct, frozen=True):
    """What else the gateway offers: servers and tools, by the server that they are of."""

    servers: frozenset[str] = frozenset()
    tools: Mapping[str, frozenset[str]] | None = None

    def elsewhere(self, server: str) -> dict[str, str]:
        """What stands for another server or one of its tools, and what it is."""
        found = {name: f"names the tool of another server ({one})" for one, names in (self.tools or {}).items()
                 if one != server for name in names if _is_telling(name)}  # fmt: skip
        for one in self.servers - {server}:
            found |= {
                f"{one}__{name}": found.get(name, f"names a tool of {one}") for name in (self.tools or {}).get(one, ())
            }
            found[one] = "names another server"
        own = (self.tools or {}).get(server, frozenset())
        return {name: what for name, what in found.items() if len(name) >= _SHORTEST_NAME and name not in own}


NO_NAMES: Final = Names()


def marks_of(new: Any, old: Any, *, server: str, names: Names = NO_NAMES) -> tuple[Mark, ...]:
    """The hints of a definition of ``server``, of what was not in the accepted one (``old``) first, and
    the strong ones first of these. Linear in time.

    # INVARIANT: every text in it is looked through to its end, names of members too; tests/approvals/test_suspicion.py.
    """
    elsewhere = names.elsewhere(server)
    known = {(one.reason, core) for one, core in _all(old, elsewhere)} if old is not None else set()
    addresses = {address for _, text in _texts(old, ()) for address in _REACHES.findall(text)}
    found: dict[tuple[str, bool], list[Mark]] = {}
    for one, core in (*_all(new, elsewhere), *_reaching(new, addresses)):
        before = (one.reason, core) in known
        found.setdefault((one.reason, before), []).append(replace(one, before=before))
    kept = [
        replace(one, count=len(marks) if number == 0 else 1)
        for marks in found.values()
        for number, one in enumerate(marks[:MOST_OF_A_REASON])
    ]
    return tuple(sorted(kept, key=lambda one: (one.before, not one.strong)))


def _all(body: Any, elsewhere: Mapping[str, str]) -> Iterator[tuple[Mark, str]]:
    """The hints of a definition by itself, each with the very words that it is about."""
    for where, text in _texts(body, ()):
        at = pointer_of(where)
        for reason, excerpt, core in _of_text(text, elsewhere):
            yield Mark(reason=reason, where=at, excerpt=excerpt), core


def _texts(value: Any, at: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every text in a definition, and every name of a member, with where it stands."""
    waiting: list[tuple[tuple[str, ...], Any]] = [(at, value)]
    while waiting:
        where, one = waiting.pop()
        if isinstance(one, str):
            yield where, one
        elif isinstance(one, dict):
            yield from (((*where[:_DEEPEST], key), key) for key in one)
            waiting += [((*where[:_DEEPEST], key), inner) for key, inner in reversed(one.items())]
        elif isinstance(one, list):
            waiting += [((*where[:_DEEPEST], str(number)), inner) for number, inner in reversed([*enumerate(one)])]


def _of_text(text: str, elsewhere: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    plain = text
    if not (text.isascii() and text.isprintable()):
        yield from _hidden(text)
        plain = _readable(text)
    if len(text) > LONG:
        yield f"is very long ({len(text):,} characters)", text[:_EXCERPT], ""
    bare = _MARKDOWN.sub("", plain)
    for reason, pattern, where in (
        ("tries to steer the model", STEERS, bare.lower()),
        ("gives the model an order", ORDERS, bare.lower()),
        ("has a comment that some views hide", _COMMENT, text),
        ("has a command for a terminal", _TERMINAL, text),
        ("has something encoded", _ENCODED, plain),
    ):
        shown = bare if pattern in (STEERS, ORDERS) and len(where) == len(bare) else where
        for found in _found(pattern, where):
            if pattern is not _ENCODED or _is_mixed(found[0]):
                yield reason, shown[max(0, found.start() - 10) : found.end() + 30][:_EXCERPT].strip(), found[0]
    if not text.isascii():
        for word in dict.fromkeys(_FOREIGN.findall(unicodedata.normalize("NFC", text.replace("\u00b5", "u")))):
            if (warning := name_warning(word)) is not None:
                yield f"has a word that is not what it looks like: {warning}", word[:_EXCERPT], word
    if elsewhere:
        yield from _mentions(plain, elsewhere)


def _found(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """All matches, a window at a time: none is longer than windows overlap, but for runs, which begin anew."""
    end = 0
    for start in range(0, max(1, len(text)), _WINDOW):
        for match in pattern.finditer(text, max(start, end), min(len(text), start + _WINDOW + _OVERLAP)):
            end = max(end, match.end())
            yield match


def _mentions(text: str, elsewhere: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for found in _NAME.finditer(text):
        what = elsewhere.get(found[0])
        if what is not None and (_is_telling(found[0]) or _is_pointed_at(text, found.start(), found.end())):
            yield what, found[0], found[0]


def _is_telling(name: str) -> bool:
    """Whether a name is no ordinary word."""
    return "_" in name or "-" in name or (name != name.lower() and name[1:] != name[1:].lower())


def _is_pointed_at(text: str, start: int, end: int) -> bool:
    """Whether an ordinary word is used as a name: in quotes, or said to be a server or a tool."""
    around = (
        text[max(0, start - 1) : start] in _QUOTES and text[end : end + 1] in _QUOTES and 0 < start < end < len(text)
    )
    after = text[end : end + 8].lstrip().lower()
    return around or after.startswith(("server", "tool", "mcp"))


def _reaching(body: Any, known: Iterable[str]) -> Iterator[tuple[Mark, str]]:
    """Addresses that were not there before."""
    before = frozenset(known)
    for where, text in _texts(body, ()):
        for address in _REACHES.findall(_readable(text)):
            if address not in before:
                reason = "has an address that is new in it"
                yield Mark(reason=reason, where=pointer_of(where), excerpt=address[:_EXCERPT]), address


def _hidden(text: str) -> Iterator[tuple[str, str, str]]:
    """What cannot be seen, or changes how text is seen."""
    kinds: dict[str, list[int]] = {}
    for place, character in enumerate(text):
        if character > "~" or character < " ":
            kind = _kind(text, place, character)
            if kind is not None:
                kinds.setdefault(kind, []).append(place)
    for kind, places in kinds.items():
        where = max(0, places[0] - 20)
        yield f"has {kind} ({len(places):,})", text[where : where + _EXCERPT], ""


_INVISIBLE: Final = frozenset((0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0, 0x034F, 0x180E))
_REORDER: Final = frozenset((*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C))


def _kind(text: str, place: int, character: str) -> str | None:
    """Why a character is worth a word; ``None``: it is not."""
    code, category = ord(character), unicodedata.category(character)
    selects = 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF
    joins = code == 0x200D and _is_symbol(text, place - 1) and _is_symbol(text, place + 1)
    if joins or (code == 0xFE0F and _is_symbol(text, place - 1)):
        return None  # of an emoji
    hidden = category in HIDDEN_CATEGORIES and category != "Zs" and character not in "\n\r\t"
    kinds = (
        (0xE0000 <= code <= 0xE007F, "tag characters, which spell hidden text"),
        (code in _REORDER, "characters that reorder text"),
        (selects, "variation selectors, which can hide data"),
        (code in _INVISIBLE, "invisible letters"),
        (hidden and category == "Cc", "control characters"),
        (hidden, "invisible characters"),
        (is_mark(character) and place > 3 and all(map(is_mark, text[place - 3 : place])), "marks piled on one letter"),
    )
    return next((kind for so, kind in kinds if so), None)


def _is_symbol(text: str, place: int) -> bool:
    return 0 <= place < len(text) and (
        unicodedata.category(text[place]) in {"So", "Sk", "Sm"} or text[place] in "\ufe0f\u200d#*0123456789"
    )


def _readable(text: str) -> str:
    """The text as a model may take it: without what is invisible, and compatible forms as the letters that they are."""
    if text.isascii():
        return text
    shown = (one for one in text if one in "\n\r\t" or unicodedata.category(one) not in {"Cf", "Cc", "Co", "Cn", "Mn"})
    return unicodedata.normalize("NFKC", "".join(shown))


def _is_mixed(run: str) -> bool:
    """Whether a long run is more than a path or a long word."""
    return run.startswith("\\x") or (
        any(one.isdigit() for one in run) and any(one.isalpha() for one in run) and run.count("/") + run.count("-") < 6
        and run.count("_") < 6
    )  # fmt: skip
