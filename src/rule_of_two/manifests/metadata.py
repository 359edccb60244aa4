"""One item's metadata, read where the manifest says that it stands, and the labels that it leaves.

INVARIANT: only what the platform asserts takes a label off, and only by a line of the operator's; what is missing,
empty, of another type or malformed never does, and what is malformed is at its worst
(tests/manifests/test_metadata.py).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import orjson
from msgspec import Struct

from rule_of_two.manifests.authors import NOBODY, TrustedAuthors
from rule_of_two.manifests.pointer import MISSING, Odd, Pointer
from rule_of_two.manifests.result_spec import PUBLIC_CONFIDENTIALITY, TRUSTED_AUTHORS, ResultSpec
from rule_of_two.model import INGRESS, NONE, Item, Label, Labels, labels_in

LABEL_AUTHORITY: Final = "label_authority"
_LINES: Final = {
    TRUSTED_AUTHORS: "names every author",
    PUBLIC_CONFIDENTIALITY: "covers the item's confidentiality",
    LABEL_AUTHORITY: "lets the platform say so",
}

_LONGEST: Final = 1000
_LARGEST: Final = 2**63
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_HINTS: Final[Mapping[Label, tuple[str, str, str]]] = {
    "A": ("integrity", "untrusted", "trusted"),
    "B": ("confidentiality", "private", "public"),
}
"""Where an asserted label stands, the value that adds it, and the one that says that it is not there."""


class Malformed(ValueError):
    """Metadata that is there and cannot be read: then nothing of its item is believed."""


class Trust(Struct, frozen=True):
    """What the operator lets metadata take off. ``public`` is the greatest confidentiality that is not B."""

    authors: TrustedAuthors = NOBODY
    public: Decimal | None = None
    authority: bool = False
    """The platform's own labels count."""


class Metadata:
    """Reads the metadata of items by one ``result:``. Immutable."""

    __slots__ = ("_lines", "_places", "_trust", "may_lower")

    def __init__(self, spec: ResultSpec, trust: Trust, *, what: str) -> None:
        """``what`` names the entry in ``lowered_by``: ``mail: result of search``."""
        self._trust = trust
        self._places = tuple(
            (_NAMES.get(name, name), read, tuple(Pointer.parse(pointer) for pointer in _written(spec, name)))
            for name, read in _READERS.items()
            if _written(spec, name)
        )
        self._lines = {name: f"{what}: {name} {says}" for name, says in _LINES.items()}
        ways: tuple[tuple[object, Labels], ...] = (
            (spec.author and trust.authors, labels_in("A")),
            (spec.confidentiality and trust.public is not None, labels_in("B")),
            (spec.labels and trust.authority, INGRESS),
        )
        self.may_lower: Labels = NONE.union(*(labels for way, labels in ways if way))
        """The labels that metadata could take off at all, with what the operator trusts."""

    def item(self, stated: Any, content: Any, place: str, labels: Labels) -> Item:
        """The item whose metadata stand in ``stated``. ``content`` is all that is handed over of it, ``labels`` the
        worst case.

        :raises ValueError: the content is no JSON, or nested too deep to be written.
        """
        written = as_json(content)
        known: dict[str, Any] = {"id": place}
        believed = True
        for name, read, at in self._places:
            try:
                value = read(at, stated)
            except Malformed:
                believed = False
                value = _WORST.get(name)
            if value is not None:
                known[name] = value
        added, absent = known.pop("labels", _NO_HINT)
        lowered = self._lowered(known, absent) if believed else {}
        off = {label: line for label, line in lowered.items() if label in labels and label not in added}
        return Item(
            place=place,
            labels=(labels | added).difference(off) if off or added else labels,
            digest=hashlib.sha256(written).hexdigest(),
            size=len(written),
            lowered_by=tuple(f"[{label}] {line}" for label, line in off.items()),
            **known,
        )

    def _lowered(self, known: Mapping[str, Any], absent: Labels) -> dict[Label, str]:
        """What the metadata say that an item does not carry, each with the line of the operator's that counts it."""
        lowered: dict[Label, str] = {}
        if self._trust.authority:
            lowered = dict.fromkeys(absent, self._lines[LABEL_AUTHORITY])
        authors, level = known.get("authors"), known.get("confidentiality")
        if authors is not None and all(map(self._trust.authors.trusts, authors)):
            lowered["A"] = self._lines[TRUSTED_AUTHORS]
        if level is not None and self._trust.public is not None and level <= self._trust.public:
            lowered["B"] = self._lines[PUBLIC_CONFIDENTIALITY]
        return lowered


def _written(spec: ResultSpec, name: str) -> tuple[str, ...]:
    given = getattr(spec, name)
    return given if isinstance(given, tuple) else () if given is None else (given,)


def as_json(value: Any) -> bytes:
    """A value as JSON without white space, its members sorted.

    :raises ValueError: it is no JSON, or nested too deep.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError as refused:  # an integer of more than 64 bits, or half a surrogate
        if "ecursion" in str(refused):
            raise ValueError("nested too deep") from refused
        try:
            return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
        except (TypeError, RecursionError) as error:
            raise ValueError("no JSON") from error


def _value(at: Sequence[Pointer], stated: Any) -> Any:
    """What stands there; ``None`` where nothing does, or null.

    :raises Malformed: the way there has another shape.
    """
    pointer = at[0]
    if type(stated) is dict and len(pointer.tokens) == 1:  # by far the most usual
        return stated.get(pointer.tokens[0])
    (found,) = pointer.resolve(stated)
    if isinstance(found, Odd):
        raise Malformed
    return None if found is MISSING else found


def _name(at: Sequence[Pointer], stated: Any) -> str | None:
    raw = _value(at, stated)
    return str(raw) if _is_integer(raw) else _checked(raw)


def _text(at: Sequence[Pointer], stated: Any) -> str | None:
    return _checked(_value(at, stated))


def _checked(raw: Any) -> str | None:
    if raw is None or (isinstance(raw, str) and 0 < len(raw) <= _LONGEST and raw.isprintable()):
        return raw
    raise Malformed


def _texts(at: Sequence[Pointer], stated: Any) -> tuple[str, ...] | None:
    """All texts that stand there, each once; ``None`` where any is missing, or there are none.

    :raises Malformed: one of them is no text.
    """
    found = [None if raw is MISSING else _checked(raw) for pointer in at for raw in pointer.resolve(stated)]
    named = dict.fromkeys(name for name in found if name is not None)
    return tuple(named) if found and None not in found else None


def _set(at: Sequence[Pointer], stated: Any) -> frozenset[str] | None:
    names = _texts(at, stated)
    return None if names is None else frozenset(names)


def _level(at: Sequence[Pointer], stated: Any) -> int | None:
    raw = _value(at, stated)
    if raw is None:
        return None
    if _is_integer(raw):
        return int(raw)
    raise Malformed


def _is_integer(raw: Any) -> bool:
    return isinstance(raw, int) and not isinstance(raw, bool) and abs(raw) < _LARGEST


def _time(at: Sequence[Pointer], stated: Any) -> datetime | None:
    raw = _value(at, stated)
    if raw is None:
        return None
    if isinstance(raw, str) and _TIME.fullmatch(raw):
        try:
            return datetime.fromisoformat(raw)
        except ValueError:
            pass
    raise Malformed


def _hint(at: Sequence[Pointer], stated: Any) -> tuple[Labels, Labels] | None:
    """What labels that the platform asserts add, and what they say is not there.

    :raises Malformed: they say something that is not understood.
    """
    raw = _value(at, stated)
    if raw is None:
        return None
    if not isinstance(raw, Mapping):
        raise Malformed
    said = {label: raw.get(key, MISSING) for label, (key, _, _) in _HINTS.items()}
    if any(value not in (MISSING, *_HINTS[label][1:]) for label, value in said.items()):
        raise Malformed
    return (
        frozenset(label for label, value in said.items() if value == _HINTS[label][1]),
        frozenset(label for label, value in said.items() if value == _HINTS[label][2]),
    )


_NO_HINT: Final[tuple[Labels, Labels]] = (NONE, NONE)
_WORST: Final[Mapping[str, Any]] = {
    "owner": "",
    "tenant": "",
    "role": "",
    "confidentiality": _LARGEST - 1,
    "purposes": (),
    "expires": datetime(1970, 1, 1, tzinfo=UTC),
    "labels": (INGRESS, NONE),
}
"""What is malformed stands for the worst: a name that nobody has, the highest grade, a time that is over. Else a policy
that refuses by what is there could be passed by writing it badly."""
_READERS: Final[Mapping[str, Callable[[Sequence[Pointer], Any], Any]]] = {
    "id": _name,
    "author": _texts,
    "owner": _text,
    "tenant": _text,
    "role": _text,
    "confidentiality": _level,
    "purposes": _texts,
    "created": _time,
    "expires": _time,
    "readers": _set,
    "labels": _hint,
}
"""How each attribute is read."""
_NAMES: Final = {"author": "authors"}
