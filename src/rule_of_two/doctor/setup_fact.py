"""One thing that is set up, or is not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that a gateway needs, whether it is as it should be, and one sentence."""

    what: str
    good: bool
    says: str
