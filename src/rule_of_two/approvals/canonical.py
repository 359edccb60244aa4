"""Canonical JSON (RFC 8785): the bytes that an approval is bound to.

Two texts with the same canonical bytes are the same JSON value, so a digest over them covers the value, no more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import rfc8785

from rule_of_two.errors import BadRequest, LimitExceeded

_LARGEST_INTEGER: Final = 2**53 - 1

MAX_DEPTH: Final = 200
"""Levels of nesting. A fixed limit, so that it does not depend on how deep the caller's own stack is."""

MAX_VALUES: Final = 100_000
"""Members and elements in all. More could neither be read by a human nor be laid out while one waits."""

MAX_BYTES: Final = 16 * 1024 * 1024
"""The longest canonical text that a human can be asked about."""


def canonical(value: Any) -> str:
    """The canonical JSON text of ``value``.

    :raises BadRequest: it is no JSON value, or has no canonical form: NaN and infinities, integers beyond 2^53 - 1,
        lone surrogates, deeper than :data:`MAX_DEPTH`. What cannot be bound is never approved.
    :raises LimitExceeded: longer than :data:`MAX_BYTES`, or of more than :data:`MAX_VALUES`.
    """
    _check_shape(value)
    try:
        encoded = rfc8785.dumps(value)
    except (ValueError, RecursionError) as error:
        raise BadRequest(
            f"This call cannot be bound to an approval: it has no canonical JSON form ({error})."
        ) from error
    if len(encoded) > MAX_BYTES:
        raise LimitExceeded(
            f"This call is too long to be asked about: {len(encoded):,} bytes, and at most {MAX_BYTES:,} can be shown."
        )
    return encoded.decode()


def parse(text: str) -> Any:
    """The value of a canonical text. An integer beyond 2^53 - 1 in it was a floating-point number, and is one again.

    :raises BadRequest: it is not JSON.
    """
    try:
        return json.loads(text, parse_int=_number)
    except (ValueError, RecursionError) as error:
        raise BadRequest("The arguments are not JSON.") from error


def canonical_object(members: Mapping[str, str]) -> bytes:
    """The canonical object whose values are given as canonical text. Names must be ASCII: they are our own."""
    parts = [f"{canonical(name)}:{members[name]}" for name in sorted(members)]
    return f"{{{','.join(parts)}}}".encode()


def _number(digits: str) -> int | float:
    number = float(digits)
    return int(digits) if abs(number) <= _LARGEST_INTEGER else number


def _check_shape(value: Any) -> None:
    level = [value]
    count = 0
    for _ in range(MAX_DEPTH + 1):
        deeper: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                deeper.extend(item.values())
            elif isinstance(item, (list, tuple)):
                deeper.extend(item)
        if not deeper:
            return
        count += len(deeper)
        if count > MAX_VALUES:
            raise LimitExceeded(f"This call is too long to be asked about: it has more than {MAX_VALUES:,} values.")
        level = deeper
    raise BadRequest(f"This call cannot be bound to an approval: it is nested deeper than {MAX_DEPTH} levels.")
