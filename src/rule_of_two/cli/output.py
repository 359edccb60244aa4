"""JSON for scripts, and ages for people."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any

import orjson
from msgspec import structs


def print_json(value: Any) -> None:
    """Print one JSON document, indented, on stdout; a record is an object."""
    sys.stdout.buffer.write(orjson.dumps(value, structs.asdict, orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS) + b"\n")
    sys.stdout.buffer.flush()


_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def age_text(seconds: float) -> str:
    """``3 h``: how long something took or has lasted, in the largest unit that is full. Never less than ``0 s``."""
    name, size = next(((name, size) for name, size in _UNITS if seconds >= size), ("s", 1))
    return f"{max(int(seconds // size), 0)} {name}"


def seconds_between(since: str, until: str) -> float:
    """Seconds from one ISO 8601 time to another."""
    return (datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds()
