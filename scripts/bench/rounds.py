"""Running contenders in rounds (A B C, A B C, …), so that a noisy machine is noisy for all of them."""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from scripts.bench.client import Failed

T = TypeVar("T")


class Named(Protocol):
    """What takes part in rounds."""

    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=Named)


def progress(text: str) -> None:
    """One line on stderr."""
    print(f"benchmark: {text}", file=sys.stderr, flush=True)


def start(specs: Iterable[N], work: Callable[[N], T], failed: dict[str, str]) -> dict[str, T]:
    """Do ``work`` for each; who fails is named in ``failed``."""
    started: dict[str, T] = {}
    for spec in specs:
        try:
            started[spec.name] = work(spec)
        except Failed as error:
            failed[spec.name] = str(error)
            progress(f"{spec.name} failed: {error}")
    return started


def in_rounds(
    contenders: Sequence[N], count: int, work: Callable[[N], T], failed: dict[str, str]
) -> dict[str, list[T]]:
    """Do ``work`` for each contender, ``count`` times, in turn. Who fails once is left out of the result."""
    found: dict[str, list[T]] = {contender.name: [] for contender in contenders}
    for _ in range(count):
        going = [contender for contender in contenders if contender.name not in failed]
        for name, value in start(going, work, failed).items():
            found[name].append(value)
    return {name: values for name, values in found.items() if name not in failed}


def added(calls: Sequence[Sequence[int]], direct: Sequence[Sequence[int]]) -> list[float]:
    """What each call took beyond the median direct call of the same round."""
    bases = [statistics.median(burst) for burst in direct]
    return [call - base for burst, base in zip(calls, bases, strict=True) for call in burst]


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that ``share`` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[math.ceil(share * len(ordered)) - 1]


def ratio(value: float | None, base: float | None) -> float | None:
    """``value`` in units of ``base``, where there are both."""
    return None if value is None or not base else value / base
