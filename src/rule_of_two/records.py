"""Frozen, slotted dataclasses of which every frame and every call makes some.

What ``dataclasses`` freezes at run time is made six times as slowly. A record is frozen for the type checker alone,
which reads this whole package and its tests, and is made as fast as any other slotted class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

__all__ = ["record"]

if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:

    def record(*, frozen, slots):  # noqa: ANN001, ANN201  # its types are those of dataclass
        """``@record(frozen=True, slots=True)``: compared and hashed by its fields, as a frozen dataclass is."""
        return dataclass(slots=slots, unsafe_hash=frozen)
