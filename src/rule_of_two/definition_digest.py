"""By which digest a definition is pinned: what a person accepts, and what a call is checked against."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import rfc8785

from rule_of_two.json_pointer import pointer_of
from rule_of_two.nesting import deeper_than

_LARGEST_INTEGER: Final = 2**53 - 1
DEEPEST: Final = 200
"""Levels of nesting of a definition. A fixed limit: it must not depend on how deep the caller's own stack is."""


def definition_digest(body: Any) -> str:
    """SHA-256 over the canonical JSON (RFC 8785) of a definition, in hexadecimal; integers beyond 2^53 - 1, for which
    that has no form, are written apart.

    INVARIANT: two definitions of one digest are one JSON value (test_no_two_definitions_share_a_digest).

    :raises ValueError: it cannot be canonicalised, or is nested deeper than :data:`DEEPEST`.
    """
    if deeper_than(body, DEEPEST):
        raise ValueError(f"it is nested deeper than {DEEPEST} levels")
    return hashlib.sha256(_bytes_of(body)).hexdigest()


def _bytes_of(body: Any) -> bytes:
    try:
        return rfc8785.dumps(body)
    except rfc8785.IntegerDomainError:
        large: list[list[str]] = []
        rest = rfc8785.dumps(_without_large(body, (), large))
        # No JSON text begins so, and where each integer stands is said: nothing else has these bytes.
        return b"large integers " + rfc8785.dumps(large) + rest


def _without_large(value: Any, at: tuple[str, ...], large: list[list[str]]) -> Any:
    """The value with 0 for each integer that RFC 8785 cannot write; those are put into ``large``, with where they
    stand."""
    if isinstance(value, dict):
        return {key: _without_large(value[key], (*at, key), large) for key in sorted(value)}
    if isinstance(value, list):
        return [_without_large(item, (*at, str(number)), large) for number, item in enumerate(value)]
    if isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
        large.append([pointer_of(at), str(value)])
        return 0
    return value
