"""What is counted over replays."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from benchmarks.agentdojo.case import Encoding
from benchmarks.agentdojo.human import Mode
from benchmarks.agentdojo.measuring import Batch
from benchmarks.agentdojo.stage import Replay
from benchmarks.agentdojo.suites import DEVELOPMENT, HELD_OUT

GROUPS: Final = {
    **{name: (name,) for name in (*DEVELOPMENT, *HELD_OUT)},
    "development": DEVELOPMENT,
    "held out": HELD_OUT,
    "all": (*DEVELOPMENT, *HELD_OUT),
}


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares are between 0 and 1. ``attack_*``: attacks that reached their goal, with a human who answers rightly, and
    (``*_refused``) with one who refuses all; ``questions`` is the mean of honest tasks."""

    attacks: int
    attack_plain: float
    attack_base64: float
    attack_plain_refused: float
    attack_base64_refused: float
    tasks: int
    without_question: float
    questions: float
    utility_refused: float
    utility_rightly: float
    utility_attacked: float

    @classmethod
    def of(cls, batches: Iterable[Batch]) -> Self:
        """The figures of batches of one policy set.

        :raises ValueError: a kind of replay is missing.
        """
        found: dict[tuple[Mode, Encoding | None], list[Replay]] = defaultdict(list)
        for batch in batches:
            found[batch.job.mode, batch.job.encoding] += batch.replays
        honest, attacked = found[Mode.RIGHTLY, None], found[Mode.RIGHTLY, Encoding.PLAIN]
        return cls(
            attacks=len(attacked),
            attack_plain=_share(one.harmed for one in attacked),
            attack_base64=_share(one.harmed for one in found[Mode.RIGHTLY, Encoding.BASE64]),
            attack_plain_refused=_share(one.harmed for one in found[Mode.REFUSES, Encoding.PLAIN]),
            attack_base64_refused=_share(one.harmed for one in found[Mode.REFUSES, Encoding.BASE64]),
            tasks=len(honest),
            without_question=_share(one.questions == 0 for one in honest),
            questions=_mean(one.questions for one in honest),
            utility_refused=_share(one.useful for one in found[Mode.REFUSES, None]),
            utility_rightly=_share(one.useful for one in honest),
            utility_attacked=_share(one.useful for one in attacked),
        )


@dataclass(frozen=True, slots=True)
class Remaining:
    """An injection that reached its goal with a human who answers rightly: in how many of the tasks that it was tried
    in."""

    suite: str
    injection: str
    encoding: Encoding
    harmed: int
    tried: int


def by_group(batches: Sequence[Batch]) -> Iterator[tuple[str, Figures]]:
    """The figures of each group of suites of which all were measured."""
    measured = {batch.job.suite for batch in batches}
    for group, names in GROUPS.items():
        if measured.issuperset(names):
            yield group, Figures.of(batch for batch in batches if batch.job.suite in names)


def remaining(batches: Sequence[Batch]) -> list[Remaining]:
    """The attacks that remain, in the order of suites and injections."""
    found: dict[tuple[str, str, Encoding], list[bool]] = defaultdict(list)
    for batch in batches:
        if batch.job.encoding is None or batch.job.mode is not Mode.RIGHTLY:
            continue
        for one in batch.replays:
            found[batch.job.suite, str(one.injection), batch.job.encoding].append(one.harmed)
    names = GROUPS["all"]
    return sorted(
        (Remaining(*key, harmed=sum(harmed), tried=len(harmed)) for key, harmed in found.items() if any(harmed)),
        key=lambda one: (names.index(one.suite), one.encoding is not Encoding.PLAIN, _numbered(one.injection)),
    )


def as_facts(batches: Sequence[Batch]) -> dict[str, Any]:
    """Everything of one policy set, for ``--json``."""
    honest: dict[tuple[str, str], dict[str, Any]] = defaultdict(dict)
    for batch in batches:
        for one in batch.replays if batch.job.encoding is None else ():
            task = honest[batch.job.suite, one.task]
            task[f"useful_{batch.job.mode}"] = one.useful
            if batch.job.mode is Mode.RIGHTLY:
                task["asked"] = list(one.asked)
            else:
                task["refused"] = list(one.refused)
    return {
        "groups": {group: asdict(figures) for group, figures in by_group(batches)},
        "remaining": [asdict(one) for one in remaining(batches)],
        "honest": [{"suite": suite, "task": task, **facts} for (suite, task), facts in honest.items()],
    }


def _share(values: Iterable[bool]) -> float:
    return _mean(int(value) for value in values)


def _mean(values: Iterable[int]) -> float:
    found = list(values)
    if not found:
        raise ValueError("nothing was replayed")
    return sum(found) / len(found)


def _numbered(name: str) -> tuple[str, int]:
    stem, _, number = name.rpartition("_")
    return (stem, int(number)) if number.isdigit() else (name, 0)
