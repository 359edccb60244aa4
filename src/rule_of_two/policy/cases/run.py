"""Runs cases on the real engine, and says of each what was expected and what came."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from msgspec import Struct

from rule_of_two.errors import ConfigurationError
from rule_of_two.model import Approver, Facts, Principal, Verdict, labels_in
from rule_of_two.policy.authorizer import Authorizer
from rule_of_two.policy.cases.case import Case, as_lowered
from rule_of_two.policy.load import Policies
from rule_of_two.policy.lowering import as_counted
from rule_of_two.policy.rights import Rights
from rule_of_two.policy.syntax import DEFAULT_DENY
from rule_of_two.yaml_source import nearest

_NAMED: Final = re.compile(r'"type":"Gateway::(?:Tool|Resource|Prompt|Server)","id":"((?:[^"\\]|\\.)*)"')
"""What a policy names, in its JSON form."""
_CLOSE: Final = 0.85
"""Names as alike as this are one name and its misspelling."""


class Result(Struct, frozen=True):
    """A case that ran. ``problems`` is empty when all came as expected."""

    case: Case
    verdict: Verdict
    problems: tuple[str, ...]
    lowered: tuple[str, ...] = ()
    """The policies that decided whether its C counts."""

    @property
    def passed(self) -> bool:
        """Whether all came as expected."""
        return not self.problems

    def as_facts(self) -> dict[str, Any]:
        """For scripts."""
        came = self.verdict
        return {
            "name": self.case.name,
            "file": str(self.case.file),
            "line": self.case.line,
            "passed": self.passed,
            "problems": list(self.problems),
            "expected": {
                "outcome": self.case.expect,
                "by": list(self.case.by),
                "code": self.case.code,
                "needs": self.case.needs,
            },
            "came": {
                "outcome": came.outcome,
                "by": [*came.policies, *self.lowered],
                "code": came.code,
                "needs": came.approvals,
                "messages": list(came.messages),
                "errors": list(came.errors),
            },
        }


class Runner:
    """Runs cases under one set of policies. What is parsed once serves all cases of one principal."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies
        self._authorizers: dict[tuple[Principal, str], Authorizer] = {}
        self._named = sorted({name for one in policies.by_id.values() for name in _NAMED.findall(one.tree)})

    def check(self, cases: Iterable[Case]) -> None:
        """Whether all that the cases name is there.

        :raises ConfigurationError: an ``@id`` that no loaded policy has; with the nearest one.
        """
        known = [*self._policies.by_id, DEFAULT_DENY]
        for case in cases:
            for name in case.by:
                if name not in known:
                    hint = nearest(name, known)
                    more = hint or f"; loaded are {', '.join(self._policies.sets)} and the invariant"
                    raise ConfigurationError(f"no policy has the @id '{name}'{more}", file=case.file, line=case.line)

    def run(self, cases: Iterable[Case]) -> Iterator[Result]:
        """The results, in order. Never raises for what a case says."""
        for case in cases:
            lowered = self._lowering(case)
            verdict = self._verdict(case)
            yield Result(case, verdict, tuple(self._problems(case, verdict, lowered)), lowered)

    def _verdict(self, case: Case) -> Verdict:
        if case.approver is not None:
            return self._answer(case, case.approver)
        authorizer = self._authorizer(case)
        now, approvals, environment = case.now, case.approvals, case.environment
        if case.document is not None:
            brings = labels_in(label for label, so in case.document["attrs"]["labels"].items() if so)
            return authorizer.release(
                case.document, brings, case.view, now=now, approvals=approvals, environment=environment
            )
        facts = self._facts(case)
        if case.holds:
            return authorizer.judge_holding(facts, case.view, now=now, environment=environment)
        return authorizer.decide(facts, case.view, now=now, approvals=approvals, environment=environment)

    def _answer(self, case: Case, approver: Approver) -> Verdict:
        rights = Rights(self._policies, case.principal, case.client, lambda session: case.environment)
        if case.endorsed is not None:
            return rights.judge_endorsement(approver, *case.endorsed, now=case.now)
        if case.facts is None:
            return rights.judge_management(approver, case.view, choice=case.choice, now=case.now)
        return rights.judge_answer(
            approver,
            self._facts(case),
            case.view,
            choice=case.choice,
            channel=case.channel,
            approvals=max(case.approvals, 1),
            now=case.now,
        )

    def _facts(self, case: Case) -> Facts:
        """The facts of a call as they count."""
        if case.facts is None:
            raise AssertionError("a case without an approver and a document has a call")
        facts = as_lowered(case.facts, self._policies)
        authorizer, environment = self._authorizer(case), case.environment
        return as_counted(facts, [case.view], authorizer, now=case.now, environment=lambda _: environment)

    def _lowering(self, case: Case) -> tuple[str, ...]:
        """The policies that decide whether the C of a call counts."""
        facts = None if case.facts is None else as_lowered(case.facts, self._policies)
        if facts is None or "C" not in facts.labels or not self._policies.lowers:
            return ()
        authorizer = self._authorizer(case)
        said = authorizer.judge_lowering(facts, case.view, now=case.now, environment=case.environment)
        return tuple(name for name in said.policies if name != DEFAULT_DENY)

    def _authorizer(self, case: Case) -> Authorizer:
        key = (case.principal, case.client)
        if key not in self._authorizers:
            self._authorizers[key] = Authorizer(self._policies, *key)
        return self._authorizers[key]

    def _problems(self, case: Case, came: Verdict, lowered: tuple[str, ...]) -> Iterator[str]:
        if came.outcome is not case.expect:
            yield f"expected {case.expect}, came {came.outcome}{self._near(case)}"
        missing = [name for name in case.by if name not in {*came.policies, *lowered}]
        if missing:
            yield f"expected by {', '.join(missing)}"
        if case.code is not None and came.code is not case.code:
            yield f"expected the code {case.code}, came {came.code or 'none'}"
        if case.needs is not None and came.approvals != case.needs:
            yield f"expected that {case.needs} people have to say yes, came {came.approvals}"

    def _near(self, case: Case) -> str:
        """For a name that no policy has, and that one may have been meant to be."""
        if case.facts is None or case.facts.qualified in self._named:
            return ""
        close = difflib.get_close_matches(case.facts.qualified, self._named, n=1, cutoff=_CLOSE)
        return f" (did you mean '{close[0]}'? No policy names '{case.facts.qualified}')" if close else ""


def coverage(policies: Policies, results: Iterable[Result]) -> frozenset[str]:
    """The ``@id`` of the policies that decided at least one of the results."""
    decided = (name for result in results for name in (*result.verdict.policies, *result.lowered))
    return frozenset(decided) & policies.by_id.keys()
