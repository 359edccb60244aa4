"""Replays in bulk: every honest task, and every injection into every task, spread over processes."""

from __future__ import annotations

import math
import os
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import anyio

from benchmarks.agentdojo import suites
from benchmarks.agentdojo.case import Encoding, Suite
from benchmarks.agentdojo.human import Mode
from benchmarks.agentdojo.sets import PolicySet
from benchmarks.agentdojo.stage import Replay, Stage

MANIFESTS: Final = Path(__file__).parent / "manifests"
SEED: Final = 6
"""Of samples: the same attacks are drawn for every set, encoding and human."""


@dataclass(frozen=True, slots=True)
class Job:
    """All replays of one kind. ``encoding`` ``None``: without injections. ``percent`` of the attacks are replayed, and
    which is drawn once for all."""

    policy_set: str
    suite: str
    mode: Mode
    encoding: Encoding | None
    percent: int = 100


@dataclass(frozen=True, slots=True)
class Batch:
    """What came of a job."""

    job: Job
    replays: tuple[Replay, ...]


def jobs(policy_set: str, names: Sequence[str], percent: int = 100) -> Iterator[Job]:
    """Everything that is to be replayed with a set, the longest first."""
    encodings: tuple[Encoding | None, ...] = (*Encoding, None)
    for name in names:
        for encoding in encodings:
            for mode in Mode:
                yield Job(policy_set, name, mode, encoding, percent)


def measured(
    sets: Sequence[Path], names: Sequence[str], *, processes: int, told: Callable[[Batch], None], percent: int = 100
) -> list[Batch]:
    """Replay everything, or ``percent`` of the attacks. ``told`` hears of each batch as it is done.

    :raises ConfigurationError: a set or a manifest is wrong.
    :raises PolicyError: policies do not validate.
    """
    batches: list[Batch] = []
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(_in_process, file, job) for file in sets for job in jobs(file.stem, names, percent)]
        try:
            for done in as_completed(waiting):
                batches.append(done.result())
                told(batches[-1])
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return batches


async def replayed(suite: Suite, policy_set: PolicySet, manifest: Path, job: Job) -> Batch:
    """Do one job in this process."""
    with tempfile.TemporaryDirectory(prefix="r2-", dir=_memory()) as folder:
        stage = Stage(suite, policy_set, manifest, Path(folder))
        return Batch(
            job,
            tuple(
                [
                    await stage.run(suite.case(task, injection, job.encoding or Encoding.PLAIN), job.mode)
                    for task, injection in drawn(suite, job)
                ]
            ),
        )


def drawn(suite: Suite, job: Job) -> list[tuple[str, str | None]]:
    """The tasks and injections of a job, in the suite's order."""
    if job.encoding is None:
        return [(task, None) for task in suite.tasks()]
    every: list[tuple[str, str | None]] = [(task, one) for task in suite.tasks() for one in suite.injections()]
    chance = random.Random(f"{SEED}/{suite.name}")  # noqa: S311  # a sample is no secret
    chosen = sorted(chance.sample(range(len(every)), math.ceil(len(every) * job.percent / 100)))
    return [every[place] for place in chosen]


_loaded = cache(suites.load)


def _in_process(file: Path, job: Job) -> Batch:
    manifest = MANIFESTS / f"{job.suite}.yaml"
    return anyio.run(replayed, _loaded(job.suite), PolicySet.load(file), manifest, job)


def _memory() -> str | None:
    """A file system in memory, where there is one: thousands of journals are written and thrown away."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108  # a folder of random name inside
