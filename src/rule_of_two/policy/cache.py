"""A bounded memory of what was worked out before: the entries used longest ago are forgotten first."""

from __future__ import annotations

from typing import Final, Generic, TypeVar

ValueT = TypeVar("ValueT")

MAX_KEY_BYTES: Final = 8192
"""What is keyed by more is not kept, so that requests of a hundred megabytes do not stay in memory by the thousand."""


class RecentlyUsed(Generic[ValueT]):
    """Values by the exact bytes that they were worked out from, so two requests share one only if they are the same."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._entries: dict[bytes, ValueT] = {}

    def get(self, key: bytes) -> ValueT | None:
        """The value kept for ``key``, which becomes the one used last."""
        value = self._entries.pop(key, None)
        if value is not None:
            self._entries[key] = value
        return value

    def put(self, key: bytes, value: ValueT) -> None:
        """Keep ``value``, unless its key is longer than :data:`MAX_KEY_BYTES`."""
        if len(key) > MAX_KEY_BYTES:
            return
        if len(self._entries) >= self._capacity:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = value

    def __len__(self) -> int:
        return len(self._entries)
