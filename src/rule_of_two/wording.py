"""Words that people read, put together from facts."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """``1 policy``, ``2 policies``, ``3 days``, ``1,000 calls``. ``noun`` is the singular."""
    many = f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else f"{noun}s"
    return f"{number:,} {noun if number == 1 else many}"
