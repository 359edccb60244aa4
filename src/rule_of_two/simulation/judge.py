"""Decides recorded calls under one set of policies, each on behalf of whom its entry names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rule_of_two.gateway.providers.settings import ATTRIBUTES
from rule_of_two.model import Facts, Item, Label, Labels, Outcome, Principal, SessionView, Verdict, labels_in
from rule_of_two.policy.authorizer import Authorizer
from rule_of_two.policy.cases.case import as_lowered
from rule_of_two.policy.context import Environment
from rule_of_two.policy.documents import document_reads
from rule_of_two.policy.load import Policies
from rule_of_two.policy.lowering import as_counted
from rule_of_two.policy.trees import policy_trees, reads
from rule_of_two.simulation.recording import Past

_NO_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Of a call whose entry names no time that can be read."""
_DOCUMENTS_KEPT: Final = frozenset(("authors",))
_KEPT: Final = 64
"""Principals that are kept apart at a time."""


class Judge:
    """``principal`` is the operator's: what entries do not say of theirs is taken from it."""

    def __init__(self, policies: Policies, principal: Principal) -> None:
        self._policies = policies
        self._principal = principal
        trees = [policy_trees(one.text)[0] for one in policies.by_id.values()]
        self.reads = frozenset(name for name in ATTRIBUTES if any(reads(tree, name) for tree in trees))
        """The attributes that a policy reads of what context providers know."""
        self.reads_documents = document_reads(trees).attributes - _DOCUMENTS_KEPT
        """What a policy reads of the items of results and the journal does not keep."""
        self._authorizers: dict[tuple[Principal, str], Authorizer] = {}

    def counted(self, past: Past, facts: Facts, views: Sequence[SessionView]) -> Facts:
        """The facts with those labels that these policies count in all of the sessions."""
        known = as_lowered(facts, self._policies)
        environment = self._environment(past)
        return as_counted(
            known, views, self._authorizer(past), now=_utc(past.call.at), environment=lambda _: environment
        )

    def knows_addresses(self, facts: Facts) -> bool:
        """Whether the journal kept what these policies read of the addresses that a call reached: whether each was
        given, if somebody looked then, and never more of one than its host."""
        reached = [target for target in facts.targets if target.kind == "url" and target.value is not None]
        unknown = self._policies.reads_given and any(target.given is None for target in reached)
        return not unknown and not (reached and self._policies.reads_urls)

    def knows_environment(self, past: Past) -> bool:
        """Whether the entry has each attribute that these policies read; what it does not have is absent for them. Who
        may read what the session had read is in no entry."""
        private = self._policies.reads_readers and "B" in past.call.before
        return self.reads <= past.environment.keys() and not private

    def decide(self, past: Past, facts: Facts, view: SessionView, *, releases: bool = False) -> Verdict:
        """Allow, ask or deny by facts as they are :meth:`counted`, at the time of then and by what was known then;
        ``releases``: handing over what came back. Never raises for anything that a recording says."""
        now, known = _utc(past.call.at), self._environment(past)
        return self._authorizer(past).decide(facts, view, now=now, environment=known, releases=releases)

    def drops(self, past: Past, view: SessionView) -> list[bool]:
        """Whether these policies drop each of the documents, by what the journal keeps of them: id, labels and authors.
        Never raises for anything that a recording says."""
        items = [Item(one.id, "", one.labels, one.sha256, 0, authors=one.authors) for one, _ in past.documents]
        verdicts = self._authorizer(past).documents(
            items, past.call.upstream, view, now=_utc(past.call.at), environment=self._environment(past)
        )
        return [verdict.outcome is Outcome.DENY for verdict in verdicts]

    def _environment(self, past: Past) -> Environment:
        """What was known then. What no policy reads would only keep equal requests apart."""
        return {name: value for name, value in past.environment.items() if name in self.reads}

    def _authorizer(self, past: Past) -> Authorizer:
        key = (self._principal_of(past.principal), past.client)
        if key not in self._authorizers:
            if len(self._authorizers) >= _KEPT:
                self._authorizers.clear()
            self._authorizers[key] = Authorizer(self._policies, *key)
        return self._authorizers[key]

    def _principal_of(self, said: Any) -> Principal:
        """Roles are the operator's word of today, and only for the user that they are said of."""
        own = self._principal
        user = _text(said, "user", own.user)
        return Principal(
            user,
            _text(said, "tenant", own.tenant),
            own.roles if user == own.user else (),
            _text(said, "purpose", own.purpose),
            own.interactive,
            _text(said, "agent", own.agent),
            _labels(said.get("configuration"), own.configuration),
        )


def _utc(at: datetime | None) -> datetime:
    try:
        return _NO_TIME if at is None else at.astimezone(UTC)
    except OverflowError:
        return _NO_TIME


def _text(said: Any, name: str, otherwise: str) -> str:
    value = said.get(name)
    return value if isinstance(value, str) else otherwise


def _labels(value: Any, otherwise: Labels) -> Labels:
    if not isinstance(value, list):
        return otherwise
    given: frozenset[Label] = labels_in(one for one in value if isinstance(one, str))
    return given
