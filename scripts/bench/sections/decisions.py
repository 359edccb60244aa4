"""One decision of the policy room beside the bare engine on the very same parsed inputs, in turn."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Final

import cedarpy
import orjson

from rule_of_two.model import EGRESS, NONE, Action, Facts, Outcome, Principal, SessionView, Target
from rule_of_two.policy.authorizer import Authorizer
from rule_of_two.policy.context import context_of, minute
from rule_of_two.policy.directory import Directory, reference, uid
from rule_of_two.policy.entities import EntityStore
from rule_of_two.policy.load import Policies, load_policies
from rule_of_two.policy.lowering import as_counted
from rule_of_two.policy.references import INVARIANT, shipped_policies
from rule_of_two.records import replace
from scripts.bench.report import Column, Section
from scripts.bench.report import Target as Goal
from scripts.bench.rounds import progress
from scripts.bench.setting import Setting, Unmeasurable

_TOOLS: Final = 1_000
_NOW: Final = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
_ENVIRONMENT: Final = {
    "risk": 0,
    "local": {"hour": 10, "weekday": 1},
    "device": {"id": "laptop", "managed": True},
    "network": {"zone": "office"},
}
_OURS: Final = {"tenant": reference("Tenant", "local")}
_DIRECTORY: Final = Directory(
    {"uid": uid(kind, name), "attrs": attributes, "parents": []}
    for kind, name, attributes in (
        ("User", "local", _OURS),
        ("Agent", "agent", {**_OURS, "hosts": ["a.example"], "trusts": {"hosts": ["a.example"]}}),
        ("Server", "web", _OURS),
    )
)
"""What it takes for a call to be allowed by all sets at once."""
Work = Callable[[], object]


class _Decisions:
    """What is measured over one choice of policies."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies
        self._authorizer = Authorizer(policies, Principal(), "generic")
        self._entities = EntityStore(policies, Principal(), "generic")
        self._facts = [
            Facts(Action.CALL_TOOL, "web", f"t{number}", NONE, (Target("host", "a.example", "a.example"),))
            for number in range(_TOOLS)
        ]
        self._numbers = count(1)
        self.count = len(policies.by_id)

    def warm(self) -> None:
        """Every tool was called once in the session: its entities are parsed."""
        for facts in self._facts:
            verdict = self._authorizer.decide(facts, self._view(), now=_NOW, environment=_ENVIRONMENT)
            if verdict.outcome is not Outcome.ALLOW:
                raise Unmeasurable(f"the call is not allowed: {verdict}")

    def engine(self) -> Work:
        """``cedarpy.is_authorized`` alone, with everything parsed before and the context as text."""
        facts, view = self._next()
        found = self._entities.participants(view.id, facts)
        known = {**_ENVIRONMENT, **context_of(facts, view)}
        context = {**known, "now": minute(_NOW), "approved": False, "approvals": 0}
        request = {
            "principal": found.principal,
            "action": found.action,
            "resource": found.resource,
            "context": orjson.dumps(context).decode(),
        }
        handle, entities, schema = found.slice.handle, found.handle, self._policies.schema
        return lambda: cedarpy.is_authorized(request, handle, entities, schema)

    def uncached(self) -> Work:
        """A decision that was not made before: the session has another number for its label."""
        facts, view = self._next()
        return lambda: self._authorizer.decide(facts, view, now=_NOW, environment=_ENVIRONMENT)

    def cached(self) -> Work:
        """One that was."""
        facts, view = self._next()
        self._authorizer.decide(facts, view, now=_NOW, environment=_ENVIRONMENT)
        return lambda: self._authorizer.decide(facts, view, now=_NOW, environment=_ENVIRONMENT)

    def counted(self) -> Work:
        """Whether the C of a call counts, decided before: nothing is asked where no policy can leave it out."""
        facts, view = self._next()
        acts = replace(facts, labels=EGRESS, irreversible=False)
        if self._policies.lowers and as_counted(acts, [view], self._authorizer, now=_NOW).labels:
            raise Unmeasurable("the C of a call to a trusted host counts")
        return lambda: as_counted(acts, [view], self._authorizer, now=_NOW)

    def _next(self) -> tuple[Facts, SessionView]:
        number = next(self._numbers)
        return self._facts[number % _TOOLS], self._view(number)

    @staticmethod
    def _view(number: int = 7) -> SessionView:
        return SessionView("s-0123456789abcdef", {"A": number})


def run(setting: Setting) -> Section:
    """Measure in turn the engine, an uncached and a cached decision, over the default set and over all shipped ones."""
    rounds = 600 if setting.quick else 4_000
    default, every = _sets()
    progress(f"decisions: {rounds} of each")
    measured = {"default": _Decisions(default), "all shipped sets": _Decisions(every)}
    kinds: list[tuple[str, str, Callable[[], Work]]] = []
    for name, decisions in measured.items():
        decisions.warm()
        kinds += [
            (name, "engine", decisions.engine),
            (name, "uncached", decisions.uncached),
            (name, "cached", decisions.cached),
            (name, "counted", decisions.counted),
        ]
    times = _in_turn([make for *_, make in kinds], rounds)
    medians = {(name, kind): median for (name, kind, _), median in zip(kinds, times, strict=True)}
    section = Section(
        "decisions",
        f"One decision, {_TOOLS:,} tools mounted",
        (
            Column("policies", "policies"),
            Column("count", "how many"),
            Column("engine", "engine alone", "µs"),
            Column("uncached", "one pass, uncached", "µs"),
            Column("cached", "cached", "µs"),
            Column("counted", "whether C counts, cached", "µs"),
            Column("ratio", "uncached of engine", "×"),
            Column("cached_ratio", "cached of engine", "×"),
        ),
        notes=("Medians. The engine gets the same handles and the context as text; making that is the room's work.",),
    )
    for name, decisions in measured.items():
        engine, uncached, cached, counted = (
            medians[name, kind] for kind in ("engine", "uncached", "cached", "counted")
        )
        section.rows.append({
            "policies": name,
            "count": decisions.count,
            "engine": engine,
            "uncached": uncached,
            "cached": cached,
            "counted": counted,
            "ratio": uncached / engine,
            "cached_ratio": cached / engine,
        })  # fmt: skip
    alone, every_set = section.rows
    growth = every_set["uncached"] / alone["uncached"]
    section.targets += [
        Goal("Policies", "an uncached pass of the engine alone", alone["ratio"], 1.5, "×"),
        Goal("Policies", "a cached decision of the engine alone", alone["cached_ratio"], 0.1, "×"),
        Goal("Policies", f"all shipped sets and {_TOOLS:,} tools of the default set", growth, 2.0, "×"),
    ]
    return section


def _sets() -> tuple[Policies, Policies]:
    shipped = shipped_policies()
    names = sorted(folder.name for folder in shipped.iterdir() if folder.is_dir() and folder.name != INVARIANT)
    here = Path.cwd()
    default, every = load_policies(["default"], relative_to=here), load_policies(names, relative_to=here)
    return replace(default, directory=_DIRECTORY), replace(every, directory=_DIRECTORY)


def _in_turn(makers: Sequence[Callable[[], Work]], rounds: int) -> Iterator[float]:
    """The median of each in microseconds; one of each is made and timed in every round."""
    times: list[list[int]] = [[] for _ in makers]
    for _ in range(rounds):
        for found, make in zip(times, makers, strict=True):
            work = make()
            begin = time.perf_counter_ns()
            work()
            found.append(time.perf_counter_ns() - begin)
    return (statistics.median(found) / 1_000 for found in times)
