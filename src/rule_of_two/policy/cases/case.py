"""Cases as they are run: what a file says of a request, in the model's own values."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from rule_of_two.errors import Code
from rule_of_two.model import (
    EGRESS,
    ORDER,
    Approver,
    Facts,
    Labels,
    Outcome,
    Principal,
    SessionView,
    Target,
    TargetKind,
)
from rule_of_two.normalise import url_host
from rule_of_two.policy.cases.document import (
    ApproverSpec,
    CallSpec,
    CasesDocument,
    CaseSpec,
    DocumentSpec,
    EnvironmentSpec,
    PrincipalSpec,
    SessionSpec,
    TargetsSpec,
)
from rule_of_two.policy.context import Environment, minute
from rule_of_two.policy.directory import Entity, reference, uid
from rule_of_two.policy.load import Policies
from rule_of_two.records import replace
from rule_of_two.yaml_source import load_yaml

_UNREAD: Final = Target("host", None, "", exact=False)
"""A target that the manifest declares, and that could not be understood."""


class Case(Struct, frozen=True):
    """One decision and what shall come of it. ``by``: ``@id`` that must be among those that decide."""

    name: str
    file: Path
    line: int
    principal: Principal
    client: str
    view: SessionView
    facts: Facts | None
    """``None``: it is about a document, or a person and the session."""
    document: Entity | None
    holds: bool
    endorsed: tuple[str, Labels] | None
    """A server, and the labels of what it keeps that a person vouches for."""
    environment: Environment
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


class CaseFile(Struct, frozen=True):
    """A file of cases. ``policies`` and ``entities``: what it names itself, relative to its folder."""

    path: Path
    policies: tuple[str, ...] | None
    entities: tuple[str, ...]
    cases: tuple[Case, ...]


def load_cases(path: Path) -> CaseFile:
    """Read a file of cases.

    :raises ConfigurationError: unreadable, or not a file of cases; one sentence with file, line and nearest key.
    """
    document = load_yaml(path, CasesDocument)
    cases = tuple(_case(one, document, path) for one in document.cases)
    return CaseFile(path, document.policies, document.entities, cases)


def facts_of(call: CallSpec) -> Facts:
    """What a request touches. Its labels and targets are taken as they are written."""
    upstream, _, name = call.what.partition("__")
    return Facts(
        call.does,
        upstream,
        name or call.does,
        frozenset(call.labels),
        targets=targets_of(call.targets),
        communicates=call.communicates,
        irreversible=call.irreversible,
        arguments=call.arguments,
    )


def as_lowered(facts: Facts, policies: Policies) -> Facts:
    """The facts as manifests would have them under these policies: some sets count C only where it communicates."""
    if policies.only_communication is None or facts.communicates:
        return facts
    return replace(facts, labels=facts.labels - EGRESS)


def targets_of(spec: TargetsSpec) -> tuple[Target, ...]:
    """The targets, each written in its canonical form."""
    given: list[tuple[TargetKind, str]] = [
        *(("host", one) for one in spec.hosts),
        *(("path", one) for one in spec.paths),
        *(("recipient", one) for one in spec.recipients),
        *(("account", one) for one in spec.accounts),
        *((("amount", spec.amount),) if spec.amount is not None else ()),
        *((("command", spec.command),) if spec.command is not None else ()),
    ]
    addresses = (Target("url", url_host(one), one, url=one, given=spec.given) for one in spec.urls)
    known = (*addresses, *(Target(kind, value, value, indirect=spec.indirect) for kind, value in given))
    return known if spec.complete else (*known, _UNREAD)


def principal_of(spec: PrincipalSpec) -> Principal:
    """On whose behalf the session runs."""
    return Principal(
        spec.user, spec.tenant, spec.roles, spec.purpose, spec.interactive, spec.agent, frozenset(spec.configuration)
    )


def environment_of(spec: EnvironmentSpec) -> Environment:
    """What is known of it, as policies see it."""
    known: dict[str, Any] = spec.model_dump(exclude_none=True)
    return known


def _environment(own: EnvironmentSpec, general: EnvironmentSpec) -> Environment:
    """What a case says, else what its file says; written as null, it is not known."""
    said = own.model_fields_set
    return {**{name: one for name, one in environment_of(general).items() if name not in said}, **environment_of(own)}


def document_of(spec: DocumentSpec) -> Entity:
    """An item of a result, as an entity."""
    attributes: dict[str, Any] = {
        "server": reference("Server", spec.server),
        "labels": {label: label in spec.labels for label in ORDER},
        "authors": [reference("User", name) for name in spec.authors],
        "owner": None if spec.owner is None else reference("User", spec.owner),
        "tenant": None if spec.tenant is None else reference("Tenant", spec.tenant),
        "role": None if spec.role is None else reference("Role", spec.role),
        "confidentiality": spec.confidentiality,
        "purposes": None if spec.purposes is None else [reference("Purpose", name) for name in spec.purposes],
        "created": None if spec.created is None else minute(spec.created),
        "expires": None if spec.expires is None else minute(spec.expires),
    }
    known = {name: value for name, value in attributes.items() if value is not None}
    return {"uid": uid("Document", spec.id), "attrs": known, "parents": [uid("Server", spec.server)]}


def view_of(spec: SessionSpec) -> SessionView:
    """The session so far."""
    readers = None if spec.readers is None else frozenset(spec.readers)
    return SessionView(spec.id, spec.held, spec.reserved, spec.dropped, spec.frozen, readers=readers)


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
        document=None if spec.document is None else document_of(spec.document),
        holds=spec.holds,
        endorsed=None if spec.endorse is None else (spec.endorse.server, frozenset(spec.endorse.labels)),
        environment=_environment(spec.environment, document.environment),
        approver=None if spec.approver is None else _approver(spec.approver, principal),
        choice=spec.choice or "",
        channel=spec.channel,
        approvals=spec.approvals,
        now=spec.now or document.now,
        expect=spec.expect,
        by=spec.by,
        code=spec.code,
        needs=spec.needs,
    )


def _approver(spec: ApproverSpec, principal: Principal) -> Approver:
    return Approver(spec.name, spec.user or spec.name, spec.tenant or principal.tenant, spec.roles, spec.signed)
