"""One call on its way: frozen before it is decided, and with its labels reserved while it flies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from rule_of_two.gateway.handles import Passed, filled, labels_of
from rule_of_two.manifests.results import ResultReader
from rule_of_two.model import INGRESS, Decision, Facts, Forced, Labels, Obligation, SessionView, Verdict
from rule_of_two.sessions.compartments import Readers
from rule_of_two.sessions.repository import ConnectionSession, Reservation


class Changeable(Struct, frozen=True):
    """What it takes to have the arguments of a tool call be what is demanded of them: the facts of other arguments, the
    tool's pinned input schema, and what its manifest demands of every call."""

    facts_of: Callable[[Mapping[str, Any]], Facts]
    schema: Any
    demanded: tuple[Obligation, ...] = ()


class Call(Struct, frozen=True):
    """One request, frozen: what is decided is what ``send`` forwards."""

    facts: Facts
    arguments: Mapping[str, Any]
    forwarded: Mapping[str, Any]
    """All forwarded parameters but progress token and protocol keys: an approval is bound to them."""
    pin: str | None
    facts_now: Callable[[], Facts]
    """Finds the facts anew: a link in the file system can have been moved while a person read."""
    secret_pointers: tuple[str, ...] = ()
    answers: Facts | None = None
    """When the call brings answers to the upstream's questions: what those are, decided with it in one step."""
    call_keys: frozenset[str] = frozenset()
    """What of its ``_meta`` the client's host sets anew with each call, so that a repetition is still the same call."""
    cwd: Path = Path("/")
    """Where the upstream runs: what relative paths are relative to."""
    changeable: Changeable | None = None
    """Of a tool call: its arguments can be changed."""
    obligations: tuple[Obligation, ...] = ()
    """What policy demanded of the arguments, which are so already."""
    forced: tuple[Forced, ...] = ()
    """What was set in them, by policy or manifest."""
    unmet: Verdict | None = None
    """The denial of a call whose arguments cannot be what is demanded of them."""
    brings: bool = False
    """All that it brings is in its reply, which can be decided when it is there."""
    reader: ResultReader | None = None
    """Takes its result apart, where its manifest says where items stand."""
    output_schema: Any = None
    """What the structured content of its result is like, by the tool's pinned definition."""
    passed: tuple[Passed, ...] = ()
    """Held values that it passes on. ``arguments`` and ``forwarded`` hold what is shown of them."""

    @property
    def carries(self) -> Labels:
        """A and B of the held values that it passes on. All that comes back can repeat these."""
        return labels_of(self.passed) & INGRESS

    @property
    def sent(self) -> Mapping[str, Any]:
        """The parameters as they are sent: with each held value in its place."""
        if not self.passed:
            return self.forwarded
        return {**self.forwarded, "arguments": filled(self.forwarded["arguments"], self.passed)}


def about(facts: Facts, arguments: Mapping[str, Any], *, forwarded: Mapping[str, Any]) -> Call:
    """A call whose facts do not depend on anything that can change while a person reads."""
    return Call(facts=facts, arguments=arguments, forwarded=forwarded, pin=None, facts_now=lambda: facts)


class Flight:
    """A call that was allowed. While it flies its labels are reserved, unless its result waits: then nothing of it is
    handed over before that was decided too."""

    def __init__(
        self,
        session: ConnectionSession,
        decision: Decision,
        facts: Facts,
        *,
        reserved: bool,
        waits: bool = False,
        people: int = 0,
        may_be_held: bool = False,
    ) -> None:
        """``facts`` are those that the decision was made by, with everything that was known then. ``waits``: it was
        decided by what it does alone, and what it brings is decided when it is there. ``people``: so many said yes to
        it, with all that it could bring. ``may_be_held``: policy can keep what it brings from the session."""
        self.tells = not (waits or may_be_held)
        """Whether texts of its progress may be handed over before its result is decided."""
        self.approved = people > 0
        self.decision = decision
        self.facts = facts
        self.waits = waits
        self._people = people
        self.reserved = reserved
        self.decided: int | None = None
        """The newest decision about what came back."""
        self._session = session
        self._received = False
        self._release: Reservation | None = None

    @property
    def labels(self) -> Labels:
        """What the call can bring."""
        return self.facts.labels

    async def receive(self) -> None:
        """Join A and B before the first byte of the upstream's (progress) is handed over."""
        if self.reserved and not self._received:
            await self._session.join(self.decision.session, self._number, self.labels & INGRESS)
        self._received = True

    @property
    def received(self) -> bool:
        """Whether bytes of the upstream's were handed over already."""
        return self._received

    def people(self, view: SessionView) -> int:
        """How many have said yes to what it brings: those who said yes to the call, while its session has seen nothing
        else since."""
        return self._people if view.after.keys() <= self.decision.held.keys() | self.labels else 0

    @property
    def reservation(self) -> Reservation | None:
        """What it keeps reserved while what came back is decided: that it acted. ``None``: it has reserved nothing."""
        return Reservation(self.decision.session, self._number, self.labels - INGRESS) if self.reserved else None

    def released(self, decision: Decision, brought: Labels, readers: Readers) -> None:
        """What came back was decided, and ``brought`` is reserved by that decision; ``readers`` may read all that is
        private in it."""
        self._release = Reservation(decision.session, decision.number or 0, brought, readers)

    async def land(self, joined: Labels) -> None:
        """End what is reserved, joining what really happened.

        :raises StoreError: it could not be recorded.
        """
        ended = [self._release] if self._release is not None else []
        if self.reserved:
            own = joined if self._release is None else joined - INGRESS
            ended.append(Reservation(self.decision.session, self._number, own))
        if ended:
            await self._session.settle(*ended)

    def landed(self) -> Flight:
        """The same call once nothing of it is reserved any more, and what it brought is still to be decided."""
        return Flight(self._session, self.decision, self.facts, reserved=False, waits=True, people=self._people)

    @property
    def _number(self) -> int:
        return self.decision.number or 0
