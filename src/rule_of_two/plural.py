"""Numbers of things, for people."""

from __future__ import annotations


def many(number: int, noun: str) -> str:
    """``1 policy``, ``2 policies``, ``3 calls``."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"
