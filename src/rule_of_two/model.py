"""What the rooms say to each other: labels, facts, session views and decisions. Frozen values, no I/O, no clock.

DESIGN sections 2 and 3 define the words. A set of labels only ever joins; nothing here removes one from a session.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal

from msgspec import Struct, field

from rule_of_two.errors import Code

Label = Literal["A", "B", "C"]
"""A: untrustworthy input. B: sensitive systems or private data. C: changes state or communicates externally."""

Labels = frozenset[Label]
"""What one call can bring, or what one session has seen."""

Held = Mapping[Label, int]
"""Labels of a session, each with the number (journal sequence) of the call that first brought it."""

ORDER: Final[tuple[Label, ...]] = ("A", "B", "C")
"""As people read them."""
NONE: Final[Labels] = frozenset()
ALL: Final[Labels] = frozenset(("A", "B", "C"))
INGRESS: Final[Labels] = frozenset(("A", "B"))
"""What bytes that reach the context can bring: never C, which is an act."""
EGRESS: Final[Labels] = frozenset(("C",))
"""What bytes that leave are."""


def labels_in(text: Iterable[str]) -> Labels:
    """The labels that stand in ``text``, as letters: ``labels_in("AC")``. Other characters say nothing."""
    letters = frozenset(text)  # once: it may be an iterator
    return frozenset(label for label in ORDER if label in letters)


def label_text(labels: Labels | Held) -> str:
    """``[A][C]``, in order; ``none`` for the empty set."""
    return "".join(f"[{label}]" for label in sorted(labels)) or "none"


def earliest(held: Held, *others: Held) -> dict[Label, int]:
    """All labels, each with the smallest of its numbers."""
    joined: dict[Label, int] = dict(held)
    for labels in others:
        for label, number in labels.items():
            joined[label] = min(number, joined.get(label, number))
    return joined


class Action(StrEnum):
    """The Cedar action of a request (`policies/rule-of-two.cedarschema`)."""

    CALL_TOOL = "call_tool"
    READ_RESOURCE = "read_resource"
    SUBSCRIBE = "subscribe"
    """To be told when a resource changes."""
    GET_PROMPT = "get_prompt"
    COMPLETE = "complete"
    USE_TASK = "use_task"
    """Looking after a task that a call began: its state, its result, its end."""
    SAMPLE = "sample"
    ELICIT = "elicit"
    LIST_ROOTS = "list_roots"
    """What an upstream asks of the client: its model's words, its user's, its folders."""
    ANSWER = "answer"
    """What the client answers to an upstream, which leaves."""
    VENDOR = "vendor"
    """A method that MCP does not define, in either direction."""
    RECEIVE = "receive"
    """Text that an upstream sends unasked, or with a list: logs, and descriptions no human accepted."""


TargetKind = Literal["url", "host", "path", "recipient", "amount", "account", "command", "query"]


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """Where a call reaches, normalised once at the edge.

    ``value`` is canonical: a lower-case IDNA host (with a port only when it is not the scheme's default), an absolute
    path free of ``..`` and symlinks, a lower-case address, a decimal string. ``None``: the argument was absent or could
    not be parsed, so nothing may be concluded from it. ``shown`` is the argument as text, for a human to read.
    """

    kind: TargetKind
    value: str | None
    shown: str
    exact: bool = True
    """The argument was byte-equal to ``value``: only then may a rule have matched it, or may another one."""
    url: str | None = None
    """Of kind ``url``, whose ``value`` is the host: the whole address, canonical, without fragment."""
    indirect: bool = False
    """It names something behind which others stand, such as the message that is answered: it is never known who."""
    given: bool | None = None
    """Of kind ``url``: whether the address stood in a result of the session. ``None``: nobody looked."""


class StoredResource(Struct, frozen=True):
    """A resource that outlives the call: the key of the ledger. ``value`` ``None`` means the whole store."""

    store: str
    kind: str
    value: str | None


class StoredLabel(Struct, frozen=True):
    """A label that a stored resource brings, since a session that had seen it wrote there.

    ``decision`` is the number of the decision that let that write pass, ``session`` whose it was. Where it was another
    tenant's both are ``None``, and ``resource`` is what the call itself names.
    """

    label: Label
    resource: StoredResource
    decision: int | None
    session: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """What one request touches, from manifest and arguments.

    ``labels`` is the worst case that the manifest allows for these arguments; so are ``communicates`` and
    ``irreversible``, which say more of a C and nothing without one. ``lowered_by`` names each line of the operator's
    that took a label off, or said less of its C, so that the decision can name it too. ``stored`` names each label that
    only a stored resource brings, which the call reads. ``manifest`` is the one whose entry named what is asked for;
    ``None``: none did.
    """

    action: Action
    upstream: str
    name: str
    labels: Labels
    targets: tuple[Target, ...] = ()
    reads: tuple[StoredResource, ...] = ()
    writes: tuple[StoredResource, ...] = ()
    lowered_by: tuple[str, ...] = ()
    stored: tuple[StoredLabel, ...] = ()
    manifest: str | None = None
    communicates: bool = True
    """Its C can reach others; false: it only changes state."""
    irreversible: bool = True
    """Its C cannot be taken back."""
    left_out: Labels = NONE
    """C, where policy left it out of account (Cedar action ``lower_c``): then it is not in ``labels``."""
    arguments: Mapping[str, Any] | None = dataclasses.field(default=None, hash=False)
    """Of a tool call whose arguments policies read themselves (``typed_arguments``); else not given."""

    @property
    def acts(self) -> bool:
        """Whether it changes something or communicates, even where policy leaves that out of account."""
        return "C" in self.labels or "C" in self.left_out

    @property
    def qualified(self) -> str:
        """The entity id in policies and in the journal: ``<upstream>__<name>``."""
        return f"{self.upstream}__{self.name}"


class Item(Struct, frozen=True):
    """One item of a result, by what its platform asserts of it: never by its content.

    What the platform does not say is ``None``. What it says in a way that cannot be read is at its worst: a name that
    nobody has, the highest grade, a time that is over; ``labels`` are then the worst case. ``place`` is the JSON
    Pointer (RFC 6901) where it stands in the result, ``id`` the platform's own name for it or else its place,
    ``digest`` the SHA-256 over its canonical JSON, ``size`` the bytes of that. ``authors`` is everyone who wrote a part
    of it, ``readers`` everyone who may read it already. ``lowered_by`` is as in :class:`Facts`.
    """

    id: str
    place: str
    labels: Labels
    digest: str
    size: int
    authors: tuple[str, ...] | None = None
    owner: str | None = None
    tenant: str | None = None
    role: str | None = None
    confidentiality: int | None = None
    purposes: tuple[str, ...] | None = None
    created: datetime | None = None
    expires: datetime | None = None
    readers: frozenset[str] | None = None
    lowered_by: tuple[str, ...] = ()


class SessionView(Struct, frozen=True):
    """One consistent reading of a session. ``reserved`` are labels that count but are not held: of calls decided but
    not settled, and of what else its calls can come from or go to. Where that is one of several sessions, ``beside``
    has each of them."""

    id: str
    held: Held = field(default_factory=dict)
    reserved: Held = field(default_factory=dict)
    dropped: bool = False
    frozen: bool = False
    beside: tuple[SessionView, ...] = ()
    readers: frozenset[str] | None = None
    """Who may read everything private that the session has read, as platforms asserted it then. ``None``: nothing
    private was read, some is under way, or of some it is not known."""
    keeps_readers: bool = False
    """What more the session reads can still take readers away, so that each B has to be joined, held or not."""

    def has(self, labels: Labels) -> bool:
        """Whether these labels would bring it nothing, so that they need not be joined again: it holds them, and nobody
        is left whom more private data could take away from its readers."""
        return labels <= self.held.keys() and not (self.keeps_readers and "B" in labels)

    @property
    def judged(self) -> tuple[SessionView, ...]:
        """What a call is judged by: it must be fine in each."""
        return self.beside or (self,)

    @property
    def after(self) -> dict[Label, int]:
        """``held ∪ reserved``: what a new call is checked against; the earlier number wins."""
        return earliest(self.held, self.reserved)


def completing(before: Labels, call: Labels, *, dropped: bool = False) -> bool:
    """Whether a call completes the Rule of Two's set (DESIGN section 3).

    True when ``before ∪ call`` is {A, B, C} and the call adds a missing label, or carries C in a session that holds all
    three. With C dropped no call is completing: every call that carries C is denied instead.
    """
    return not dropped and before | call == ALL and (before != ALL or "C" in call)


class Outcome(StrEnum):
    """What policy says of one request."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"

    @property
    def strictness(self) -> int:
        """0 for allow, 1 for ask, 2 for deny."""
        return list(Outcome).index(self)


class Tier(StrEnum):
    """What an approval is worth (DESIGN "Assurance tiers")."""

    ADVISORY = "T0"
    """Unsigned: whoever runs as the gateway's user can give it."""
    SIGNED = "T1"
    """By a key that a passphrase unlocks: a forged row approves nothing."""
    SEPARATE = "T2"
    """The agent runs as another user, or in a container."""
    DEVICE = "T3"
    """By a passkey, or on another device."""


Demand = Literal["force", "omit", "cap"]


class Obligation(Struct, frozen=True, order=True):
    """What an allowed tool call's arguments must be. ``pointer`` (RFC 6901) names one of them.

    ``force``: it is ``value``. ``cap``: a number, and at most ``value``. ``omit``: it is not given. ``value`` is JSON
    text, so that 1 and true are two. ``by`` is the ``@id`` of the policy, or ``manifest:<server>``, that demands it.
    """

    pointer: str
    demand: Demand
    value: str
    by: str


class Forced(Struct, frozen=True):
    """An argument that an obligation set. ``value`` is what is told of it: secrets are hidden in it."""

    pointer: str
    value: object
    by: str


class Verdict(Struct, frozen=True):
    """The policy room's answer, before it is numbered and journalled.

    ``policies`` are the ``@id`` of the policies that decided; ``messages`` their ``@message``. ``errors`` not empty
    means that it failed closed, and ``outcome`` is deny.
    """

    outcome: Outcome
    code: Code | None = None
    policies: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    approvals: int = 1
    """How many different approvers have to say yes, where it asks."""
    obligations: tuple[Obligation, ...] = ()
    """What holds of the arguments if it is allowed, or would be after a yes: of all permits that let it pass."""


class Principal(Struct, frozen=True):
    """On whose behalf a session runs. Declared by the operator, never by the client or the model.

    ``configuration`` are the labels that the agent is meant to combine: Meta's [AB], [AC] or [BC]; all where it is not
    declared.
    """

    user: str = "local"
    tenant: str = "local"
    roles: tuple[str, ...] = ()
    purpose: str = "general"
    interactive: bool = True
    agent: str = "agent"
    configuration: Labels = ALL


class Approver(Struct, frozen=True):
    """A person who approves. ``user`` is whom of the agents' users they are, so that policy can forbid to approve for
    oneself. Where nothing is ``signed`` the name is only a claim."""

    name: str
    user: str
    tenant: str
    roles: tuple[str, ...] = ()
    signed: bool = False


class Decision(Struct, frozen=True):
    """One journalled decision. ``number`` is its journal sequence; ``None`` when it could not be journalled."""

    number: int | None
    outcome: Outcome
    code: Code | None
    session: str
    held: Held
    adds: Labels
    policies: tuple[str, ...]
    messages: tuple[str, ...] = ()
    approvals: int = 1
    """How many different approvers have to say yes, where it asks."""
    ticket: str | None = None
    observed: bool = False
    """Observe mode let it pass although policy said otherwise."""
    observing: bool = False
    """It was made in observe mode, whatever became of it."""
    forced: tuple[Forced, ...] = ()
    """Arguments that obligations set."""
    principal: Principal = Principal()
    policy_version: str = ""

    @property
    def id(self) -> str | None:
        """``d<number>``: what `rule-of-two why` takes."""
        return None if self.number is None else f"d{self.number}"

    def as_meta(self) -> dict[str, object]:
        """The value of ``_meta["rule-of-two/decision"]`` (INTERFACE, Results)."""
        meta: dict[str, object] = {
            "id": self.id,
            "outcome": str(self.outcome),
            "code": None if self.code is None else str(self.code),
            "session": self.session,
            "held": sorted(self.held),
            "adds": sorted(self.adds),
            "policies": list(self.policies),
            "purpose": self.principal.purpose,
            "configuration": sorted(self.principal.configuration),
        }
        if self.observing:
            meta["mode"] = "observe"
        if self.observed:
            meta["observed"] = True
        if self.forced:
            meta["forced"] = [{"pointer": one.pointer, "by": one.by} for one in self.forced]
        if self.ticket is not None:
            meta["ticket"] = self.ticket
        return meta
