"""Results that the gateway keeps for a session, and the handles by which its client can pass them on unseen.

They stand in memory alone. A handle is 128 random bits, so nobody finds one by guessing, and looking it up in a table
that takes a different time for different texts tells nobody one either.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from msgspec import Struct

from rule_of_two.errors import Code, RuleOfTwoError
from rule_of_two.escape import visible
from rule_of_two.gateway.held_value import HeldValue
from rule_of_two.gateway.input_schema import refusal
from rule_of_two.json_pointer import pointer_of, tokens_of
from rule_of_two.model import NONE, Labels, label_text

MOST_HELD: Final = 64
MOST_BYTES: Final = 32 * 2**20
"""Of one session's pipeline. The oldest is given up for a newer one."""
MOST_TAKERS: Final = 50
"""Arguments that a client is told of."""
HELD_KEY: Final = "rule-of-two/held"
"""The one member of what stands in a call's arguments, wherever people and the journal see them, for a held value."""

_PREFIX: Final = "r2h_"
_PREFIX_BYTES: Final = _PREFIX.encode()
_BYTES: Final = 16
_HANDLE: Final = re.compile(_PREFIX + "[A-Za-z0-9_-]{22}")
_SHOWN: Final = 8
"""Characters of a handle that are shown: enough to tell two apart, too few to pass one on."""


class InvalidHandle(RuleOfTwoError):
    """A handle that stands for nothing here, or stands where none may."""

    code = Code.INVALID_HANDLE


class Kept(Struct, frozen=True):
    """One result that is kept. ``origin`` is what returned it, by the decision ``number``."""

    handle: str
    session: str
    number: int
    origin: str
    value: HeldValue
    labels: Labels
    until: datetime

    @property
    def told(self) -> dict[str, Any]:
        """What is written down of it: neither the handle nor a word of its content."""
        return {**written(self.handle, self.value), "held": f"d{self.number}", "labels": sorted(self.labels)}


def new_handle() -> str:
    """A handle that nobody can guess."""
    return _PREFIX + secrets.token_urlsafe(_BYTES)


def written(handle: str, value: HeldValue) -> dict[str, Any]:
    """A handle and what it stands for as they are written down: digests."""
    digest = hashlib.sha256(handle.encode()).hexdigest()
    return {"handle_sha256": digest, "type": value.kind, "bytes": value.size, "sha256": value.sha256}


@dataclass(frozen=True, slots=True)
class Passed:
    """A held value in an argument of one call. ``value`` is what is sent in the place of ``shown``."""

    pointer: str
    kept: Kept
    value: Any = field(repr=False)

    @property
    def shown(self) -> dict[str, Any]:
        """What stands there for people, and in what an approval binds: the digest is that of what is sent."""
        kept = self.kept
        told = {
            "handle": f"{kept.handle[:_SHOWN]}…",
            "from": f"{kept.origin} (d{kept.number})",
            "type": kept.value.kind,
            "bytes": kept.value.size,
            "labels": label_text(kept.labels),
            "sha256": kept.value.sha256,
        }
        return {HELD_KEY: told}

    @property
    def sentence(self) -> str:
        """What a person is told of it."""
        kept = self.kept
        return (
            f"Its argument '{visible(self.pointer)}' is what {visible(kept.origin)} returned at d{kept.number} "
            f"({kept.value.kind}, {kept.value.size:,} bytes, {label_text(kept.labels)}): the gateway kept it, and the "
            "agent has not read it."
        )


class Placed(Struct, frozen=True):
    """Arguments with what is shown for each held value that they pass."""

    arguments: Mapping[str, Any]
    passed: tuple[Passed, ...] = ()

    @property
    def labels(self) -> Labels:
        """What the values bring along."""
        return labels_of(self.passed)


def labels_of(passed: Sequence[Passed]) -> Labels:
    """The labels of all values that a call passes on."""
    return NONE.union(*(one.kept.labels for one in passed))


def filled(arguments: Mapping[str, Any], passed: Sequence[Passed]) -> Mapping[str, Any]:
    """The arguments as they are sent: with each value in its place. Where something else stands by now, it stays."""
    for one in passed:
        tokens = tokens_of(one.pointer)
        if _at(arguments, tokens) == one.shown:
            arguments = _with(arguments, tokens, one.value)
    return arguments


class _Left(Struct):
    kept: Kept
    uses: int


class Handles:
    """What one session's pipeline keeps. ``takers`` are the arguments that take handles, as clients name them."""

    def __init__(self, clock: Callable[[], datetime], *, uses: int, life: timedelta, takers: Sequence[str]) -> None:
        self.takers = tuple(takers)
        self.uses = uses
        self.life = life
        self._clock = clock
        self._held: dict[str, _Left] = {}

    def keep(self, handle: str, session: str, number: int, origin: str, value: HeldValue, labels: Labels) -> Kept:
        """Keep a value under a new handle. It is given up when it expires, is used up, or newer ones need its room."""
        self._forget()
        while self._held and (len(self._held) >= MOST_HELD or self._bytes + value.size > MOST_BYTES):
            del self._held[next(iter(self._held))]
        kept = Kept(handle, session, number, origin, value, labels, self._clock() + self.life)
        self._held[handle] = _Left(kept, self.uses)
        return kept

    def told(self, kept: Kept) -> dict[str, Any]:
        """What a client is told of it. Its size is rounded up to a power of two, and says next to nothing."""
        return {
            "handle": kept.handle,
            "type": kept.value.kind,
            "size": kept.value.about,
            "labels": sorted(kept.labels),
            "uses": self.uses,
            "expires": kept.until.isoformat(timespec="seconds"),
            "permitted": list(self.takers[:MOST_TAKERS]),
        }

    def place(
        self, arguments: Mapping[str, Any], pointers: Sequence[str], schema: Any, session: Callable[[], str]
    ) -> Placed:
        """The arguments with what is shown for each handle that is one of them, whole, at one of the ``pointers``.
        ``schema`` is the tool's pinned input schema, and ``session`` finds out whose call it is.

        :raises InvalidHandle: it stands for nothing that this session may pass on now, or does not fit there.
        """
        found = [(at, text) for at in pointers if isinstance(text := _at(arguments, tokens_of(at)), str)]
        named = [(at, text) for at, text in found if _HANDLE.fullmatch(text)]
        if not named:
            return Placed(arguments)
        whose, passed = session(), list[Passed]()
        for at, handle in named:
            times = sum(text == handle for _, text in named)
            kept = self._find(handle, whose, times)
            passed.append(Passed(at, kept, _fitting(kept.value, schema, at)))
        for one in passed:
            arguments = _with(arguments, tokens_of(one.pointer), one.shown)
        return Placed(arguments, tuple(passed))

    def spend(self, passed: Sequence[Passed], session: str) -> None:
        """Use up one use for each place, at the moment of sending, in ``session``. All or none.

        # INVARIANT: nothing waits between this and the sending, so no handle is used more often than it may be, however
        many calls pass it at once; tests/gateway/test_handles.py.

        :raises InvalidHandle: there is one too few, it expired meanwhile, or the session is another one by now.
        """
        times: dict[str, int] = {}
        for one in passed:
            times[one.kept.handle] = times.get(one.kept.handle, 0) + 1
        for handle, count in times.items():
            self._find(handle, session, count)
        for handle, count in times.items():
            self._held[handle].uses -= count

    def _find(self, handle: str, session: str, times: int) -> Kept:
        left = self._held.get(handle)
        if left is None or left.kept.session != session:
            raise InvalidHandle("it passes a handle that this session does not have: made up, expired or another's")
        if left.kept.until <= self._clock():
            raise InvalidHandle("it passes a handle that has expired")
        if left.uses < times:
            raise InvalidHandle(f"it passes a handle that can be used {left.uses} more times, and not {times}")
        return left.kept

    def _forget(self) -> None:
        now = self._clock()
        for handle, left in list(self._held.items()):
            if left.kept.until <= now:
                del self._held[handle]

    @property
    def _bytes(self) -> int:
        return sum(left.kept.value.size for left in self._held.values())


def mention(value: Any) -> str | None:
    """Where the text of a handle stands in a JSON value, in a text or a name: a JSON Pointer. ``None``: nowhere.

    The time it takes grows with the value alone, and nesting costs no stack.
    """
    try:
        if isinstance(value, str):
            if _PREFIX not in value:
                return None
        elif _PREFIX_BYTES not in orjson.dumps(value):
            return None
    except (TypeError, RecursionError):  # large integers, half a surrogate, or very deep: looked through all the same
        pass
    waiting: list[tuple[Any, _Link | None]] = [(value, None)]
    while waiting:
        node, link = waiting.pop()
        if isinstance(node, str):
            if _PREFIX in node and _HANDLE.search(node):
                return _HANDLE.sub("…", pointer_of(reversed(list(_upwards(link)))))
        elif isinstance(node, Mapping):
            waiting += [(key, link) for key in node]
            waiting += [(member, (str(key), link)) for key, member in node.items()]
        elif isinstance(node, list | tuple):
            waiting += [(member, (str(place), link)) for place, member in enumerate(node)]
    return None


_Link = tuple[str, "_Link | None"]


def _upwards(link: Any) -> Iterator[str]:
    while link is not None:
        yield link[0]
        link = link[1]


def _fitting(value: HeldValue, schema: Any, pointer: str) -> Any:
    """The value as text, or as the JSON that it is where the tool wants that.

    :raises InvalidHandle: the tool's schema takes neither.
    """
    tokens = tokens_of(pointer)
    why = refusal(schema, tokens, value.text)
    if why is None:
        return value.text
    if value.kind == "JSON":
        try:
            document = json.loads(value.text)
        except RecursionError:
            raise InvalidHandle(f"what is held is nested too deep for the argument '{pointer}'") from None
        if refusal(schema, tokens, document) is None:
            return document
    raise InvalidHandle(f"what is held does not fit the argument '{pointer}': {why}")


def _at(node: Any, tokens: Sequence[str]) -> Any:
    for token in tokens:
        if not isinstance(node, Mapping) or token not in node:
            return None
        node = node[token]
    return node


def _with(node: Mapping[str, Any], tokens: Sequence[str], value: Any) -> dict[str, Any]:
    head, *rest = tokens
    return {**node, head: _with(node[head], rest, value) if rest else value}
