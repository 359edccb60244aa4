"""What Cedar can know of a tool's arguments: their types as schema text, and values as the engine takes them.

Only what Cedar can hold exactly is typed: text, 64-bit integers, decimals of four places, Booleans, points in time and
addresses, and sets and records of these. A value that does not fit its type is never guessed at (:class:`Unencodable`).
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import orjson
from msgspec import Struct

from rule_of_two.json_pointer import pointer_of
from rule_of_two.policy.context import decimal

ScalarName = Literal["String", "Long", "Bool", "decimal", "datetime", "ipaddr"]

_LONG: Final = range(-(2**63), 2**63)
_DATETIME: Final = re.compile(
    r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"(T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{3})?(Z|[+-]([01][0-9]|2[0-3])[0-5][0-9]))?"
)
CHOICE: Final = "typeChoice"
"""Begins the name of each member of the record that stands for several types."""


class Unencodable(ValueError):
    """A value that Cedar cannot hold as its type says. ``pointer`` is the JSON Pointer to it."""

    def __init__(self, problem: str, *path: str) -> None:
        super().__init__(problem)
        self.path = path

    @property
    def pointer(self) -> str:
        """Where it stands in the arguments."""
        return pointer_of(self.path)


class Scalar(Struct, frozen=True):
    """A value that has no parts."""

    name: ScalarName

    def text(self, depth: int) -> str:
        """The type in a schema."""
        return self.name

    def encode(self, value: Any) -> Any:
        """The value for the engine.

        :raises Unencodable: it has another type, or Cedar has no such value.
        """
        encoded = _SCALARS[self.name](value)
        if encoded is None:
            raise Unencodable(f"it is no {self.name}")
        return encoded


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and _is_unicode(value) else None


def _is_unicode(text: str) -> bool:
    try:
        orjson.dumps(text)
    except TypeError:
        return False
    return True


def _long(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # JSON knows one kind of number: 1.0 is an integer
    return value if isinstance(value, int) and not isinstance(value, bool) and value in _LONG else None


def _decimal(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return decimal(f"{value:.17f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value))


def _datetime(value: Any) -> str | None:
    return value if isinstance(value, str) and _DATETIME.fullmatch(value) else None


def _address(value: Any) -> str | None:
    try:
        return str(ipaddress.ip_interface(value)) if isinstance(value, str) else None
    except ValueError:
        return None


_SCALARS: Final = {
    "String": _text,
    "Long": _long,
    "Bool": lambda value: value if isinstance(value, bool) else None,
    "decimal": _decimal,
    "datetime": _datetime,
    "ipaddr": _address,
}


class SetOf(Struct, frozen=True):
    """An array: which elements it has, without their order."""

    element: Shape

    def text(self, depth: int) -> str:
        """The type in a schema."""
        return f"Set<{self.element.text(depth)}>"

    def encode(self, value: Any) -> Any:
        """The value for the engine.

        :raises Unencodable: an element, or all of it, does not fit.
        """
        if not isinstance(value, list):
            raise Unencodable("it is no array")
        return [_within(str(place), self.element, element) for place, element in enumerate(value)]


class Attribute(Struct, frozen=True):
    """One member of a record. ``required``: the definition says that it is always there."""

    shape: Shape
    required: bool


class Record(Struct, frozen=True):
    """An object. Members that are not among ``attributes`` are no policy's business."""

    attributes: Mapping[str, Attribute]

    def text(self, depth: int) -> str:
        """The type in a schema; nested records are indented by ``depth`` levels."""
        if not self.attributes:
            return "{}"
        indent = "  " * (depth + 1)
        members = (
            f"{indent}{name}{'' if one.required else '?'}: {one.shape.text(depth + 1)},\n"
            for name, one in sorted(self.attributes.items())
        )
        return f"{{\n{''.join(members)}{'  ' * depth}}}"

    def encode(self, value: Any) -> Any:
        """The value for the engine. ``null`` is as if nothing stood there.

        :raises Unencodable: a member does not fit, or is not there although it is required.
        """
        if not isinstance(value, Mapping):
            raise Unencodable("it is no object")
        encoded: dict[str, Any] = {}
        for name, one in self.attributes.items():
            if value.get(name) is not None:
                encoded[name] = _within(name, one.shape, value[name])
            elif one.required:
                raise Unencodable("it is missing", name)
        return encoded

    def only(self, names: Iterable[str]) -> Record:
        """The record without all other members."""
        kept = frozenset(names)
        return Record({name: one for name, one in self.attributes.items() if name in kept})


class Choice(Struct, frozen=True):
    """One of several types: a record in which only the member of the type that fits is there."""

    shapes: tuple[Shape, ...]

    def text(self, depth: int) -> str:
        """The type in a schema."""
        return self.record.text(depth)

    def encode(self, value: Any) -> Any:
        """The value for the engine, as the first type that it fits.

        :raises Unencodable: it fits none.
        """
        for number, shape in enumerate(self.shapes):
            try:
                return {f"{CHOICE}{number}": shape.encode(value)}
            except Unencodable:
                continue
        raise Unencodable("it fits none of its types")

    @property
    def record(self) -> Record:
        """What policies read."""
        return Record({f"{CHOICE}{number}": Attribute(one, required=False) for number, one in enumerate(self.shapes)})


Shape = Scalar | SetOf | Record | Choice


def _within(name: str, shape: Shape, value: Any) -> Any:
    try:
        return shape.encode(value)
    except Unencodable as error:
        raise Unencodable(str(error), name, *error.path) from error
