"""Bytes as a source of choices, so that every input of a fuzzer means something: any bytes make a value, a schema, a
list of headers. The same bytes always make the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

NUMBERS: Final = (0, 1, -1, 7, 2**31, 2**53, 2**53 + 1, 2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**40, 10**300)
FLOATS: Final = (0.0, -0.0, 0.5, 1.0, 1e22, 5e-324, 1.7976931348623157e308, 123456789.125)
ODD_TEXTS: Final = (
    "", " ", "a", "é", "\u2028", "\x00", "\ufeff", "\U0001f600", "*", "..", "%2e", "a" * 70, "\x85", "=?base64?YQ==?=",
)  # fmt: skip


class Source:
    """Reads choices from ``data``; when that is used up, every choice is the first."""

    def __init__(self, data: bytes, words: Sequence[str] = ()) -> None:
        self._data = data
        self._at = 0
        self._words = (*words, *ODD_TEXTS)

    @property
    def left(self) -> int:
        """How many bytes have not been used."""
        return max(len(self._data) - self._at, 0)

    def byte(self) -> int:
        """A number below 256."""
        if self._at >= len(self._data):
            return 0
        self._at += 1
        return self._data[self._at - 1]

    def below(self, count: int) -> int:
        """A number below ``count``, which is 256 at most."""
        return self.byte() % count

    def pick(self, choices: Sequence[Any]) -> Any:
        """One of them."""
        return choices[self.below(len(choices))]

    def chance(self) -> bool:
        """True or false; false in the end."""
        return self.byte() % 2 == 1

    def blob(self, most: int) -> bytes:
        """A few bytes as they are."""
        size = min(self.below(most + 1), self.left)
        self._at += size
        return self._data[self._at - size : self._at]

    def rest(self) -> bytes:
        """All that is left."""
        rest = self._data[self._at :]
        self._at = len(self._data)
        return rest

    def text(self) -> str:
        """A word, an odd text, or any other."""
        if self.chance():
            return self.blob(24).decode("utf-8", "ignore")
        word: str = self.pick(self._words)
        return word

    def value(self, depth: int = 4) -> Any:
        """Any JSON value."""
        makers: list[Callable[[], Any]] = [
            lambda: None,
            self.chance,
            self.text,
            self.text,
            lambda: self.pick(NUMBERS),
            lambda: self.pick(FLOATS),
            lambda: [self.value(depth - 1) for _ in range(self.below(4))],
            lambda: self.members(depth - 1),
        ]
        make: Callable[[], Any] = self.pick(makers if depth else makers[:6])
        return make()

    def members(self, depth: int = 3) -> dict[str, Any]:
        """Any JSON object."""
        return {self.text(): self.value(depth) for _ in range(self.below(5))}

    def pieces(self, stream: bytes) -> list[bytes]:
        """``stream`` cut into pieces, some of them empty."""
        found: list[bytes] = []
        while stream and self.left:
            size = self.below(17)
            found.append(stream[:size])
            stream = stream[size:]
        return [*found, stream]
