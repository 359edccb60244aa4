"""What a section found, as a table for people and as JSON for scripts. Numbers are never asserted here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

Unit = Literal["µs", "ms", "s", "MB", "×", "/s", "", "text"]
Source = Literal["Core", "Wire", "Policies"]

_DIGITS: Final[Mapping[str, str]] = {"µs": ",.1f", "ms": ",.1f", "s": ".2f", "MB": ".1f", "×": ".2f", "/s": ",.0f"}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: the member of each row that it shows, its heading, and its unit."""

    key: str
    title: str
    unit: Unit = ""


@dataclass(frozen=True, slots=True)
class Target:
    """A number to reach, from the issue that asks for it; ``value`` is what was measured."""

    source: Source
    what: str
    value: float
    limit: float
    unit: Unit
    at_least: bool = False

    @property
    def reached(self) -> bool:
        """Whether the number was reached in this run."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def __str__(self) -> str:
        verdict = "reached    " if self.reached else "NOT reached"
        sign = "≥" if self.at_least else "≤"
        return (
            f"{verdict}  {self.source}: {self.what}: {shown(self.value, self.unit)} "
            f"({sign} {shown(self.limit, self.unit)})"
        )


@dataclass(slots=True)
class Section:
    """One part of a run. ``failed`` says of each contender that could not be measured why."""

    name: str
    title: str
    columns: Sequence[Column]
    rows: list[dict[str, Any]] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """Everything, with the unit of each column."""
        return {
            "title": self.title,
            "units": {column.key: column.unit for column in self.columns if column.unit not in {"", "text"}},
            "rows": self.rows,
            "targets": [{**asdict(target), "reached": target.reached} for target in self.targets],
            "failed": self.failed,
            "notes": list(self.notes),
        }

    def as_text(self) -> str:
        """A table, what it reached, and what failed."""
        heading = [f"{c.title} {c.unit}".strip() if c.unit not in {"×", "text"} else c.title for c in self.columns]
        body = [[shown(row.get(c.key), c.unit, bare=True) for c in self.columns] for row in self.rows]
        widths = [max(map(len, cells)) for cells in zip(heading, *body, strict=True)]
        lines = [f"\n{self.title}"]
        for cells in (heading, ["─" * width for width in widths], *body):
            first, *rest = (cell.ljust(w) if not n else cell.rjust(w) for n, (cell, w) in _numbered(cells, widths))
            lines.append("  ".join((first, *rest)).rstrip())
        lines += [f"  {target}" for target in self.targets]
        lines += [f"  failed       {name}: {reason}" for name, reason in self.failed.items()]
        lines += [f"  note         {note}" for note in self.notes]
        return "\n".join(lines)


def shown(value: Any, unit: Unit, *, bare: bool = False) -> str:
    """A number for people; ``–`` where there is none."""
    if value is None:
        return "–"
    if unit in {"", "text"}:
        return str(value)
    text = format(value, _DIGITS[unit])
    return text if bare else f"{text} {unit}" if unit != "×" else f"{text}×"


def _numbered(cells: Sequence[str], widths: Sequence[int]) -> list[tuple[int, tuple[str, int]]]:
    return list(enumerate(zip(cells, widths, strict=True)))
