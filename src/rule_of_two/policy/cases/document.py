"""The shape of a file of cases, ``cases.yaml``: what is decided, and what shall come of it.

A request is written as policies see it, after manifests: with labels and canonical targets, and without arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    StringConstraints,
    model_validator,
)
from pydantic.functional_validators import ModelWrapValidatorHandler
from ruamel.yaml.comments import CommentedBase

from rule_of_two.errors import Code
from rule_of_two.model import ORDER, Action, Label, Outcome
from rule_of_two.normalise import account, address, host, whole_url

NOW: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""The clock of a case that names no time: noon of a Thursday."""

_BY_KIND: Final = {"tool": Action.CALL_TOOL, "resource": Action.READ_RESOURCE, "prompt": Action.GET_PROMPT}
_ON_RESOURCES: Final = frozenset((Action.READ_RESOURCE, Action.SUBSCRIBE))
_ON_SERVERS: Final = frozenset(Action) - {Action.SUBSCRIBE, *_BY_KIND.values()}


def _as_seen(normaliser: Callable[[str], str | None], example: str) -> AfterValidator:
    """Policies see what calls reach in one form: a case writes that form."""

    def check(value: str) -> str:
        seen = normaliser(value)
        if seen != value:
            written = f"it as they do, such as {example}" if seen is None else repr(seen)
            raise ValueError(f"policies never see this; write {written}")
        return value

    return AfterValidator(check)


def _numbered(value: Any) -> Any:
    """``[A, B]``: held in that order, since the first calls."""
    if not isinstance(value, list) or not all(isinstance(label, str) for label in value):
        return value
    if any(value.count(label) > 1 for label in value):
        raise ValueError("a label is held once; write {A: 3} to say since which call")
    return {label: number for number, label in enumerate(value, start=1)}


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is beyond the years 1 to 9999 in UTC") from error


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Moment = Annotated[AwareDatetime, AfterValidator(_utc)]
Host = Annotated[str, _as_seen(host, "a.example")]
Url = Annotated[str, _as_seen(whole_url, "https://a.example/")]
Recipient = Annotated[str, _as_seen(address, "ann@a.example")]
Account = Annotated[str, _as_seen(account, "DE00 or +15550100")]
Path = Annotated[str, StringConstraints(pattern=r"^(/|[A-Za-z]:)")]
Numbered = Annotated[dict[Label, Annotated[int, Field(ge=0)]], BeforeValidator(_numbered)]


class Shape(BaseModel):
    """A frozen model that refuses keys it does not know, and knows in which line of its file it stands."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    _line: int = PrivateAttr(0)

    @model_validator(mode="wrap")
    @classmethod
    def _with_line(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        made = handler(value)
        if isinstance(value, CommentedBase) and value.lc.line is not None:
            made._line = value.lc.line + 1  # noqa: SLF001  # an instance of this very class
        return made

    @property
    def line(self) -> int:
        """The line where it begins; 0: it stands in no file."""
        return self._line


class TargetsSpec(Shape):
    """Where a request reaches. ``complete: false``: something that the manifest declares was not understood.

    ``urls`` are whole addresses, whose hosts need not be written besides. ``given``: each stood in a result of the
    session. ``indirect``: others stand behind one of them.
    """

    hosts: tuple[Host, ...] = ()
    urls: tuple[Url, ...] = ()
    given: bool = False
    paths: tuple[Path, ...] = ()
    recipients: tuple[Recipient, ...] = ()
    accounts: tuple[Account, ...] = ()
    amount: Annotated[str | None, BeforeValidator(_text)] = None
    command: str | None = None
    indirect: bool = False
    complete: bool = True


class CallSpec(Shape):
    """A request: exactly one of ``tool``, ``resource``, ``prompt`` (``<server>__<name>``) and ``server``.

    ``communicates`` and ``irreversible`` say what its C can do; the worst, unless they are written. ``arguments`` are
    what policies that name the tool's action read (``typed_arguments``).
    """

    tool: str | None = None
    resource: str | None = None
    prompt: str | None = None
    server: str | None = None
    action: Action | None = None
    labels: tuple[Label, ...] = ()
    targets: TargetsSpec = TargetsSpec()
    communicates: bool = True
    irreversible: bool = True
    arguments: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        given = [kind for kind in ("tool", "resource", "prompt", "server") if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError("name one of tool, resource, prompt and server")
        kind, name = given[0], getattr(self, given[0])
        upstream, separator, rest = name.partition("__")
        if kind != "server" and not (upstream and separator and rest):
            raise ValueError(f"a {kind} is named <server>__<name>, not {name!r}")
        if kind == "server" and self.action not in _ON_SERVERS:
            raise ValueError(f"a server needs an action: one of {', '.join(sorted(_ON_SERVERS))}")
        possible = {"resource": _ON_RESOURCES, "server": _ON_SERVERS}.get(kind, {_BY_KIND.get(kind)})
        if self.action is not None and self.action not in possible:
            raise ValueError(f"a {kind} is not what {self.action} is about")
        return self

    @property
    def does(self) -> Action:
        """The action, written or not."""
        kinds = (kind for kind in _BY_KIND if getattr(self, kind) is not None)
        return self.action or _BY_KIND[next(kinds)]

    @property
    def what(self) -> str:
        """``web__book``, as written."""
        return self.tool or self.resource or self.prompt or self.server or ""


class SessionSpec(Shape):
    """The session so far. ``held`` and ``reserved``: labels with the calls that brought them, or in their order.
    ``readers``: who may read everything private in it."""

    id: str = "session"
    held: Numbered = Field(default_factory=dict)
    reserved: Numbered = Field(default_factory=dict)
    dropped: bool = False
    frozen: bool = False
    readers: tuple[Recipient, ...] | None = None


class PrincipalSpec(Shape):
    """Whose session it is. What is not written is as in a configuration that says nothing."""

    user: str = "local"
    tenant: str = "local"
    roles: tuple[str, ...] = ()
    purpose: str = "general"
    interactive: bool = True
    agent: str = "agent"
    configuration: tuple[Label, ...] = ORDER


class DeviceSpec(Shape):
    """What the provider ``device`` knows."""

    id: str
    managed: bool


class NetworkSpec(Shape):
    """What the provider ``network`` knows."""

    zone: str


class LocalSpec(Shape):
    """What the provider ``time`` knows: 0 to 23, and 1 (Monday) to 7."""

    hour: Annotated[int, Field(ge=0, le=23)]
    weekday: Annotated[int, Field(ge=1, le=7)]


class EnvironmentSpec(Shape):
    """What context providers know. What is not written, none knows; ``local: null`` in a case takes off what its file
    says."""

    device: DeviceSpec | None = None
    network: NetworkSpec | None = None
    local: LocalSpec | None = None
    risk: Annotated[int | None, Field(ge=0, le=100)] = None


class DocumentSpec(Shape):
    """One item of a result of ``server``, by what its platform asserts of it."""

    server: str
    id: str = "document"
    labels: tuple[Label, ...] = ()
    authors: tuple[str, ...] = ()
    owner: str | None = None
    tenant: str | None = None
    role: str | None = None
    confidentiality: int | None = None
    purposes: tuple[str, ...] | None = None
    created: Moment | None = None
    expires: Moment | None = None


class EndorsedSpec(Shape):
    """What a person vouches for: that these labels no longer count for what a server keeps."""

    server: str
    labels: tuple[Label, ...] = ("A", "B")


class ApproverSpec(Shape):
    """Who answers. ``user`` is ``name`` unless written, ``tenant`` the session's."""

    name: str
    user: str | None = None
    tenant: str | None = None
    roles: tuple[str, ...] = ()
    signed: bool = True


class CaseSpec(Shape):
    """One case. With an ``approver`` it is about an answer to ``call``, about what they ``endorse``, or about the
    session where there is neither. ``holds``: it is about whether the gateway keeps what ``call`` brought back, with
    the labels that are written there."""

    name: Annotated[str, StringConstraints(min_length=1)]
    principal: PrincipalSpec = PrincipalSpec()
    environment: EnvironmentSpec = EnvironmentSpec()
    client: str | None = None
    session: SessionSpec = SessionSpec()
    call: CallSpec | None = None
    document: DocumentSpec | None = None
    holds: bool = False
    endorse: EndorsedSpec | None = None
    approver: ApproverSpec | None = None
    choice: Literal["yes", "grant", "drop", "new", "freeze", "endorse"] | None = None
    channel: Literal["console", "elicitation"] = "console"
    approvals: Annotated[int, Field(ge=0, le=100)] = 0
    now: Moment | None = None
    expect: Outcome
    by: tuple[str, ...] = ()
    code: Code | None = None
    needs: Annotated[int | None, Field(ge=1)] = None

    @model_validator(mode="after")
    def _holds_a_result(self) -> Self:
        if self.holds and (self.call is None or self.call.does not in _BY_KIND.values() or self.approver is not None):
            raise ValueError("what is held is the result of a call of a tool, resource or prompt, and no approver's")
        if self.holds and self.expect is Outcome.ASK:
            raise ValueError("whether a result is held is allow or deny: nobody is asked")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.document is not None and (self.call is not None or self.approver is not None):
            raise ValueError("a document stands alone: without a call and an approver")
        if (self.endorse is not None) is not (self.choice == "endorse"):
            raise ValueError("the choice 'endorse' and what is endorsed belong together")
        if self.endorse is not None and (self.call is not None or self.approver is None):
            raise ValueError("what is endorsed stands without a call, and with an approver")
        if self.approver is None:
            if self.call is None and self.document is None:
                raise ValueError("a case needs a call or a document")
            if self.choice is not None:
                raise ValueError("a choice needs an approver")
        elif self.choice is None:
            raise ValueError("an approver needs a choice")
        elif self.call is None and self.choice not in {"drop", "freeze", "new", "endorse"}:
            raise ValueError(f"the choice '{self.choice}' answers a call, and there is none")
        elif self.call is not None and self.choice == "freeze":
            raise ValueError("refusing a call needs no right, so 'freeze' stands without one")
        elif self.expect is Outcome.ASK:
            raise ValueError("whether a person may answer is allow or deny")
        return self


class CasesDocument(Shape):
    """A whole file. ``policies`` and ``entities``: what the cases run with, by names and by paths that start from the
    file; ``principal``, ``environment``, ``client`` and ``now`` hold for each case that says nothing else."""

    version: Literal[1]
    policies: tuple[str, ...] | None = None
    entities: Annotated[tuple[str, ...], BeforeValidator(lambda one: (one,) if isinstance(one, str) else one)] = ()
    principal: PrincipalSpec = PrincipalSpec()
    environment: EnvironmentSpec = EnvironmentSpec()
    client: str = "generic"
    now: Moment = NOW
    cases: Annotated[tuple[CaseSpec, ...], Field(min_length=1)]
