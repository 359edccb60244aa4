"""Obligations as people write them, in a policy's annotations or in a manifest: parsed, and bound to a principal.

``force`` sets an argument to a value of the principal's or to a literal, ``omit`` says that it may not be given, and
``cap`` is the greatest number that it may be. Each names one argument by a JSON Pointer (RFC 6901) without ``*``.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, cast, get_args

from msgspec import Struct

from rule_of_two.json_pointer import tokens_of
from rule_of_two.model import Demand, Obligation, Principal

Source = Literal["user", "tenant", "purpose", "agent"]
"""What of the principal an argument can be forced to."""

SOURCES: Final[tuple[Source, ...]] = get_args(Source)
DEMANDS: Final[tuple[Demand, ...]] = get_args(Demand)
LARGEST_INTEGER: Final = 2**53 - 1
"""The largest one that every JSON parser reads as it is written."""

_EXAMPLES: Final[Mapping[Demand, str]] = {
    "force": "/namespace = principal.tenant",
    "omit": "/admin",
    "cap": "/limit <= 100",
}
_SIGNS: Final[Mapping[Demand, str]] = {"force": "=", "omit": "", "cap": "<="}
_POINTER: Final = re.compile(r"[^\s;=<>]*")
_SIGN: Final = re.compile(r"\s*([=<>:!]*)\s*")
_SOURCE: Final = re.compile(r"principal\b[.\w]*")
_END: Final = re.compile(r"\s*(;|\Z)\s*")
_BAD_ESCAPE: Final = re.compile(r"~(?![01])")
_PRINCIPAL: Final = "principal."


class Unreadable(ValueError):
    """An obligation that is written wrongly. The text says how it is written, in one sentence."""


class Term(Struct, frozen=True):
    """One obligation before it is known for whom: ``value`` is JSON text, unless it is the principal's ``source``."""

    demand: Demand
    pointer: str
    value: str = ""
    source: Source | None = None

    def bound(self, principal: Principal, by: str) -> Obligation:
        """The obligation of calls on behalf of ``principal``; ``by`` names the policy or the manifest that says so."""
        value = self.value if self.source is None else as_json(getattr(principal, self.source))
        return Obligation(self.pointer, self.demand, value, by)


def _check_pointer(pointer: str) -> None:
    """:raises Unreadable: it is no JSON Pointer to one argument; one sentence with the nearest right form."""
    if not pointer.startswith("/"):
        near = "/" + pointer.removeprefix("$").lstrip("./").replace(".", "/")
        raise Unreadable(f"'{pointer}' is no JSON Pointer; write '{near if near != '/' else '/namespace'}'")
    if _BAD_ESCAPE.search(pointer):
        near = _BAD_ESCAPE.sub("~0", pointer)
        raise Unreadable(f"'{pointer}' is no JSON Pointer: '~' in a key is written '~0', '/' '~1'; write '{near}'")
    tokens = tokens_of(pointer)
    if "" in tokens:
        near = "/" + "/".join(part for part in pointer.split("/") if part)
        raise Unreadable(f"'{pointer}' has an empty key; write '{near if near != '/' else '/namespace'}'")
    if "*" in tokens:
        raise Unreadable(f"'{pointer}': an obligation names one argument, and '*' is none; write a pointer for each")


def as_json(value: Any) -> str:
    """A JSON value as text: equal for equal values, and ``1``, ``1.0`` and ``true`` are three.

    :raises ValueError: it is no JSON value.
    """
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def force(pointer: str, value: Any) -> Term:
    """Force to a value as a manifest says it: ``principal.<source>``, or what is meant literally.

    :raises Unreadable: the pointer or the value is none.
    """
    _check_pointer(pointer)
    if isinstance(value, str) and value.startswith(_PRINCIPAL):
        return Term("force", pointer, source=_source(value))
    return Term("force", pointer, as_json(_checked(value)))


def omit(pointer: str) -> Term:
    """Have an argument left out.

    :raises Unreadable: the pointer is none.
    """
    _check_pointer(pointer)
    return Term("omit", pointer)


def cap(pointer: str, most: Any) -> Term:
    """Have a number be ``most`` at the most.

    :raises Unreadable: the pointer is none, or ``most`` is no number.
    """
    _check_pointer(pointer)
    if isinstance(most, bool) or not isinstance(most, int | float):
        raise Unreadable(f"a cap is a number, as in '{_EXAMPLES['cap']}'")
    return Term("cap", pointer, as_json(_checked(most)))


def parse(demand: Demand, text: str) -> tuple[Term, ...]:
    """What an annotation says: ``/namespace = principal.tenant; /limit <= 100``, each part as its ``demand`` wants.

    :raises Unreadable: it cannot be read; one sentence with the nearest right form.
    """
    terms: list[Term] = []
    at = 0
    while True:
        term, at = _PARSERS[demand](text, at)
        if term.pointer in [other.pointer for other in terms]:
            raise Unreadable(f"'{term.pointer}' stands there twice; keep one of them")
        terms.append(term)
        end = _END.match(text, at)
        if end is None:
            raise Unreadable(f"'{text[at:].strip()}' is too much; write ';' between two, as in {_example(demand)}")
        at = end.end()
        if at == len(text):
            return tuple(terms)


def _force(text: str, at: int) -> tuple[Term, int]:
    pointer, at = _pointer_and_sign(text, at, "force")
    named = _SOURCE.match(text, at)
    if named is not None:
        return Term("force", pointer, source=_source(named[0])), named.end()
    value, end = _literal(text, at)
    return Term("force", pointer, as_json(_checked(value))), end


def _omit(text: str, at: int) -> tuple[Term, int]:
    pointer, at = _pointer_and_sign(text, at, "omit")
    return Term("omit", pointer), at


def _cap(text: str, at: int) -> tuple[Term, int]:
    pointer, at = _pointer_and_sign(text, at, "cap")
    value, end = _literal(text, at)
    return cap(pointer, value), end


_PARSERS: Final[Mapping[Demand, Callable[[str, int], tuple[Term, int]]]] = {"force": _force, "omit": _omit, "cap": _cap}


def _pointer_and_sign(text: str, at: int, demand: Demand) -> tuple[str, int]:
    start = at + len(text[at:]) - len(text[at:].lstrip())
    found = cast("re.Match[str]", _POINTER.match(text, start))
    if not found[0]:
        raise Unreadable(f"names no argument; write it as in {_example(demand)}")
    _check_pointer(found[0])
    sign = cast("re.Match[str]", _SIGN.match(text, found.end()))
    if sign[1] != _SIGNS[demand]:
        wanted = f"'{_SIGNS[demand]}' after '{found[0]}'" if _SIGNS[demand] else f"nothing after '{found[0]}'"
        raise Unreadable(f"takes {wanted}{f', not {sign[1]!r}' if sign[1] else ''}; write it as in {_example(demand)}")
    return found[0], sign.end() if demand != "omit" else found.end()


def _example(demand: Demand) -> str:
    return f'@{demand}("{_EXAMPLES[demand]}")'


def _source(written: str) -> Source:
    name = written.removeprefix(_PRINCIPAL)
    if name not in SOURCES:
        near = difflib.get_close_matches(name, SOURCES, n=1) or list(SOURCES[:1])
        known = ", ".join(_PRINCIPAL + source for source in SOURCES)
        raise Unreadable(f"there is no '{written}' (known: {known}); write '{_PRINCIPAL}{near[0]}'")
    return name


def _literal(text: str, at: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError) as error:
        word = text[at:].split(";", maxsplit=1)[0].strip()
        near = as_json(word).replace('"', '\\"') if word else '\\"acme\\"'
        raise Unreadable(
            f"'{word}' is neither of the principal's nor a JSON literal; write principal.tenant, or in quotes {near}"
        ) from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise Unreadable("a key stands twice")
    return dict(pairs)


def _constant(text: str) -> Any:
    raise Unreadable(f"{text} is no JSON")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)


def _checked(value: Any) -> Any:
    """The value, if every JSON parser reads it alike.

    :raises Unreadable: it is none.
    """
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        raise Unreadable(f"{value} is larger than every JSON parser can read; the largest is {LARGEST_INTEGER}")
    if isinstance(value, float) and not math.isfinite(value):
        raise Unreadable("a number is finite")
    if isinstance(value, str) and not value.isprintable() and any("\ud800" <= one <= "\udfff" for one in value):
        raise Unreadable("a text is valid Unicode")
    if isinstance(value, Mapping):
        for key, member in value.items():
            if not isinstance(key, str):
                raise Unreadable(f"{key!r} is no key of a JSON object; write it in quotes")
            _checked(key)
            _checked(member)
    elif isinstance(value, list):
        for element in value:
            _checked(element)
    elif not isinstance(value, int | float | str):
        raise Unreadable(f"{value!r} is no JSON value; write it in quotes")
    return value
