"""One thing that a gateway needs, and whether it is there."""

from __future__ import annotations

from msgspec import Struct


class Fact(Struct, frozen=True):
    """What it is, whether it is as it should be, one sentence, and what a person does next where it is not."""

    what: str
    good: bool
    says: str
    next: str = ""
