"""Cases as they are run: what a file says of a request, in the model's own values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rule_of_two.errors import Code
from rule_of_two.model import Approver, Facts, Outcome, Principal, SessionView, Target, TargetKind
from rule_of_two.policy.cases.document import (
    ApproverSpec,
    CallSpec,
    CasesDocument,
    CaseSpec,
    PrincipalSpec,
    SessionSpec,
    TargetsSpec,
)
from rule_of_two.yaml_source import load_yaml

_UNREAD: Final = Target("host", None, "", exact=False)
"""A target that the manifest declares, and that could not be understood."""


@dataclass(frozen=True, slots=True)
class Case:
    """One decision and what shall come of it. ``by``: ``@id`` that must be among those that decide."""

    name: str
    file: Path
    line: int
    principal: Principal
    client: str
    view: SessionView
    facts: Facts | None
    """``None``: it is about a person and the session, and no call."""
    approver: Approver | None
    choice: str
    channel: str
    approvals: int
    now: datetime
    expect: Outcome
    by: tuple[str, ...]
    code: Code | None
    needs: int | None

    @property
    def place(self) -> str:
        """``cases.yaml:12``."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A file of cases. ``policies``: the references that it names itself, relative to its folder."""

    path: Path
    policies: tuple[str, ...] | None
    cases: tuple[Case, ...]


def load_cases(path: Path) -> CaseFile:
    """Read a file of cases.

    :raises ConfigurationError: unreadable, or not a file of cases; one sentence with file, line and nearest key.
    """
    document = load_yaml(path, CasesDocument)
    return CaseFile(path, document.policies, tuple(_case(one, document, path) for one in document.cases))


def facts_of(call: CallSpec) -> Facts:
    """What a request touches. Its labels and targets are taken as they are written."""
    upstream, _, name = call.what.partition("__")
    labels = frozenset(call.labels)
    return Facts(call.does, upstream, name or call.does, labels, targets=targets_of(call.targets))


def targets_of(spec: TargetsSpec) -> tuple[Target, ...]:
    """The targets, each written in its canonical form."""
    given: list[tuple[TargetKind, str]] = [
        *(("host", one) for one in spec.hosts),
        *(("path", one) for one in spec.paths),
        *(("recipient", one) for one in spec.recipients),
        *((("amount", spec.amount),) if spec.amount is not None else ()),
    ]
    known = tuple(Target(kind, value, value) for kind, value in given)
    return known if spec.complete else (*known, _UNREAD)


def principal_of(spec: PrincipalSpec) -> Principal:
    """On whose behalf the session runs."""
    return Principal(spec.user, spec.tenant, spec.roles, spec.purpose, spec.interactive)


def view_of(spec: SessionSpec) -> SessionView:
    """The session so far."""
    return SessionView(spec.id, spec.held, spec.reserved, spec.dropped, spec.frozen)


def _case(spec: CaseSpec, document: CasesDocument, path: Path) -> Case:
    own = {name: getattr(spec.principal, name) for name in spec.principal.model_fields_set}
    principal = principal_of(document.principal.model_copy(update=own))
    return Case(
        name=spec.name,
        file=path,
        line=spec.line,
        principal=principal,
        client=spec.client or document.client,
        view=view_of(spec.session),
        facts=None if spec.call is None else facts_of(spec.call),
        approver=None if spec.approver is None else _approver(spec.approver, principal),
        choice=spec.choice or "",
        channel=spec.channel,
        approvals=spec.approvals,
        now=(spec.now or document.now).astimezone(UTC),
        expect=spec.expect,
        by=spec.by,
        code=spec.code,
        needs=spec.needs,
    )


def _approver(spec: ApproverSpec, principal: Principal) -> Approver:
    return Approver(spec.name, spec.user or spec.name, spec.tenant or principal.tenant, spec.roles, spec.signed)
