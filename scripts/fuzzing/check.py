"""What properties are made of: a plain failure, JSON as the standard library reads it, equality of JSON values, and
work that is counted instead of timed."""

from __future__ import annotations

import json
import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType
from typing import Any


class Broken(AssertionError):
    """A property does not hold."""


class NotStrict(Exception):
    """A text is no JSON that every parser reads in the same way."""


def require(holds: object, what: str, *about: object) -> None:
    """Fail unless ``holds``.

    :raises Broken: it does not.
    """
    if not holds:
        raise Broken(f"{what}: {about!r}")


def strict_json(raw: bytes) -> Any:
    """JSON by the standard library's parser, without everything in which parsers differ.

    :raises NotStrict: it is none.
    """
    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_members,
            parse_constant=_refused,
            parse_float=_finite,
            parse_int=_whole,
        )
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # no lone surrogates
    except (ValueError, RecursionError) as error:
        raise NotStrict(str(error)) from None
    return value


def same(first: Any, second: Any) -> bool:
    """Whether two JSON values are the same, of the same types: 1 is not 1.0, and not true."""
    if type(first) is not type(second):
        return False
    if isinstance(first, dict):
        return list(first) == list(second) and all(same(first[key], second[key]) for key in first)
    if isinstance(first, list):
        return len(first) == len(second) and all(map(same, first, second))
    return repr(first) == repr(second) if isinstance(first, float) else bool(first == second)


def depth_of(value: Any) -> int:
    """How many containers stand inside each other."""
    deepest, level = 0, [value]
    while level := [one for one in level if isinstance(one, dict | list)]:
        deepest += 1
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
    return deepest


def calls_of(work: Callable[[], object]) -> int:
    """How many functions are called in the course of ``work``, those written in C among them."""
    count = 0

    def on_event(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(on_event)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def memory_of(work: Callable[[], object]) -> int:
    """The most bytes that are held at one moment in the course of ``work``, beyond those held before."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a duplicate key")
    return members


def _refused(constant: str) -> Any:
    raise ValueError(constant)


def _finite(text: str) -> float:
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        raise ValueError("too large for a double")
    return number


def _whole(text: str) -> int:
    _finite(text)
    return int(text)
