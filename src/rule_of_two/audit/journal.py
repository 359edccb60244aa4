"""What is written down of every decision, and when: committed before anything is sent (DESIGN section 5).

Entries name calls, targets and digests, not contents; what a human was shown is in the question's entry.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Final, Literal

import anyio
import orjson
from msgspec import Struct

from rule_of_two.errors import StoreError
from rule_of_two.model import (
    Action,
    Facts,
    Forced,
    Item,
    Principal,
    SessionView,
    StoredLabel,
    StoredResource,
    Target,
    Verdict,
)
from rule_of_two.store.journal import JournalStore, Line

FLUSH_SECONDS: Final = 0.05
"""How long the outcome of a call may wait to be committed. A decision never waits."""

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})

_SAME: Final = 256
"""Facts of which it is kept what is written down."""

MOST_ITEMS: Final = 1000
MOST_AUTHORS: Final = 20
MOST_OF_ID: Final = 200
"""Items of one result, authors of one item, and characters of a name, that are written down."""

_LARGEST_INTEGER: Final = 2**53 - 1

_NAMED_BY_MANIFESTS: Final = frozenset((Action.CALL_TOOL, Action.READ_RESOURCE, Action.GET_PROMPT))
"""What the entry of a manifest can name: its decisions say which manifest did, or that none does."""

EventKind = Literal[
    "session", "command", "upstream", "definitions", "refused", "policies", "provider", "endorsement", "journal"
]
OutcomeKind = Literal["result", "error", "not_sent", "lost", "timeout", "cancelled", "withheld", "held", "failed"]


Heard = Callable[[str, str | None, Mapping[str, Any]], None]
"""Takes an entry's kind, session and body."""


def _nobody(kind: str, session: str | None, body: Mapping[str, Any]) -> None:
    """Nobody listens."""


class Origin(Struct, frozen=True):
    """Which call first brought a label to a session."""

    number: int
    what: str
    where: str
    at: str


class Journal:
    """Writes typed entries. ``clock`` gives the time as ISO 8601 UTC, ``policy_version`` the version of the policies in
    force; ``principal`` is on whose behalf it decides."""

    def __init__(
        self,
        store: JournalStore,
        clock: Callable[[], str],
        *,
        policy_version: Callable[[], str],
        principal: Principal,
        client: str,
    ) -> None:
        self._store = store
        self._clock = clock
        self._policy_version = policy_version
        self._client = client
        self._principal = {
            "user": principal.user,
            "tenant": principal.tenant,
            "agent": principal.agent,
            "purpose": principal.purpose,
            "configuration": sorted(principal.configuration),
        }
        self.heard: Heard = _nobody
        """Told of decisions, outcomes and answers as they are written."""
        self._told: dict[int, tuple[Facts, SessionView, Verdict, Mapping[str, Any]]] = {}
        """By the identity of the facts, which is theirs as long as they are kept here."""
        self._outcomes: list[Line] = []
        self._waiting = anyio.Event()
        self._written = 0
        self._grown = anyio.Event()
        self._enough = 0
        # Whoever holds it writes the oldest outcomes that wait. Until it is released nobody else writes any.
        self._appending = anyio.Lock(fast_acquire=True)

    def decision_now(
        self,
        facts: Facts,
        view: SessionView,
        verdict: Verdict,
        *,
        arguments: Mapping[str, Any] | None = None,
        approves: int | None = None,
        grant: str | None = None,
        pin: str | None = None,
        observed: bool = False,
        client: str | None = None,
        forced: Sequence[Forced] = (),
        environment: Mapping[str, Any] = NOTHING,
        gate: Mapping[str, Any] = NOTHING,
        hide: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
    ) -> int:
        """Commit a decision and return its number, which is also the call's.

        ``approves`` is the number of the asking decision that a human's yes turned into this one, ``grant`` the
        question at which a standing yes was given that covers it; with either ``pin`` is the definition that is called.
        ``client`` is whose request it is, where one process serves several, ``forced`` what obligations set in
        ``arguments``, and ``environment`` what context providers knew. ``gate`` is what else is written: of a call that
        is decided in two steps, before it is sent (`defers`) and before its result is handed over (`releases`), and of
        one that writes, what the ledger gets with it (`stamps`). ``hide`` takes secrets out of what the call reaches.

        :raises BusyError: another process is writing; the caller tries its whole step again.
        :raises StoreError: it could not be committed, so nothing may be sent.
        """
        body: dict[str, Any] = {
            **self._about(facts, view, verdict, hide),
            "policy_version": self._policy_version(),
            "principal": self._principal,
            "client": client or self._client,
            **_forced(forced),
            **gate,
        }
        if view.beside:
            # What names no conversation is judged by each of them, and not by what they hold together.
            body["beside"] = sorted({("".join(sorted(one.after)), one.dropped) for one in view.beside})
        if environment:
            body["environment"] = environment
        if verdict.errors:
            body["errors"] = verdict.errors
        if arguments is not None:
            body["arguments_sha256"] = arguments_digest(arguments)
        if approves is not None:
            body["approves"] = approves
        if grant is not None:
            body["grant"] = grant
        if approves is not None or grant is not None:
            body["pin"] = pin
        if observed:
            body["observed"] = True
        waiting = () if self._appending.locked() else tuple(self._outcomes)
        about = gate.get("releases", approves)  # so that all that became of a call is found by its number
        number = self._store.append_now(*waiting, Line(self._clock(), "decision", view.id, about, body))
        del self._outcomes[: len(waiting)]
        self._count(1 + len(waiting))
        self.heard("decision", view.id, body)
        return number

    def _about(
        self, facts: Facts, view: SessionView, verdict: Verdict, hide: Callable[[dict[str, Any]], dict[str, Any]] | None
    ) -> Mapping[str, Any]:
        """What is written down of all three; of the very same as it was, where the arguments of a call say nothing."""
        known = None if hide is not None else self._told.get(id(facts))
        if known is not None and known[0] is facts and known[1] is view and known[2] is verdict:
            return known[3]
        about = {
            **(_told(facts) if hide is None else hide(_told(facts))),
            "outcome": verdict.outcome,
            "code": verdict.code,
            "held": view.held,
            "reserved": view.reserved,
            "dropped": view.dropped,
            "policies": verdict.policies,
            "messages": verdict.messages,
        }
        if hide is None and not (facts.targets or facts.reads or facts.writes or facts.stored):
            if len(self._told) >= _SAME:
                self._told.clear()
            self._told[id(facts)] = facts, view, verdict, about
        return about

    def outcome(
        self,
        number: int,
        session: str,
        kind: OutcomeKind,
        detail: str = "",
        items: Sequence[Item] = (),
        contents: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """What became of a decided call, and which ``items`` of its result were handed over, by ids and digests.
        ``contents`` is what else is kept of them, where the operator wants that. It is committed once, after those
        before it, with a next entry or a flush."""
        body: dict[str, Any] = {"outcome": kind, "detail": detail}
        if items:
            body["items"] = [told_item(item) for item in items[:MOST_ITEMS]]
            if len(items) > MOST_ITEMS:
                body["more_items"] = len(items) - MOST_ITEMS
        if contents:
            body["contents"] = contents
        line = Line(self._clock(), "outcome", session, number, body)
        self.heard("outcome", session, line.body)
        self._outcomes.append(line)
        self._waiting.set()

    async def question(self, number: int, session: str, body: dict[str, Any]) -> None:
        """What a human is shown, before it is shown."""
        await self._append(Line(self._clock(), "question", session, number, body))

    async def answer(self, number: int, session: str, body: dict[str, Any]) -> None:
        """What a human answered, or why there was no answer."""
        await self._append(Line(self._clock(), "answer", session, number, body))
        self.heard("answer", session, body)

    def head(self) -> tuple[int, str]:
        """Number and hash (hexadecimal) of the newest entry that is known here.

        :raises StoreError: it cannot be read.
        """
        head = self._store.head()
        return head.number, head.hash.hex()

    async def event(self, kind: EventKind, session: str | None, body: dict[str, Any]) -> None:
        """Something that is no decision: a session's begin and end, an upstream's state, a frame that was refused."""
        await self._append(Line(self._clock(), kind, session, None, body))

    async def flush(self) -> None:
        """Commit the outcomes that wait.

        :raises StoreError: they could not be committed; they still wait.
        """
        if self._outcomes:
            await self._append()

    async def keep_flushing(self) -> None:
        """Commit outcomes soon after they come, until cancelled. One that cannot be committed waits for the next."""
        while True:
            await self._waiting.wait()
            self._waiting = anyio.Event()
            await anyio.sleep(FLUSH_SECONDS)  # calls that come meanwhile take the outcomes along
            with suppress(StoreError):
                await self.flush()

    async def _append(self, *lines: Line) -> None:
        """Commit the outcomes that wait, then these lines, in one transaction.

        # INVARIANT: outcomes are written once and in order, however writers overlap while the file is busy. They stay
        # in the queue until they are committed, and one writer at a time takes from its front.
        """
        async with self._appending:
            waiting = tuple(self._outcomes)
            if waiting or lines:
                await self._store.append(*waiting, *lines)
                del self._outcomes[: len(waiting)]
                self._count(len(waiting) + len(lines))

    def _count(self, entries: int) -> None:
        self._written += entries
        if 0 < self._enough <= self._written:
            self._grown.set()

    async def grown(self, entries: int) -> None:
        """Wait until this process has written so many entries since this was last called."""
        self._written, self._enough, self._grown = 0, entries, anyio.Event()
        await self._grown.wait()


def told_item(item: Item) -> dict[str, Any]:
    """An item of a result as it is written down: never its contents."""
    told: dict[str, Any] = {"id": item.id[:MOST_OF_ID], "sha256": item.digest, "labels": sorted(item.labels)}
    if item.authors is not None:
        told["authors"] = [author[:MOST_OF_ID] for author in item.authors[:MOST_AUTHORS]]
    return told


def described(body: Mapping[str, Any]) -> str:
    """``fetch__fetch``: the call of a decision's entry, for people."""
    return f"{body.get('upstream', '?')}__{body.get('name', '?')}"


def targets_text(body: Mapping[str, Any]) -> str:
    """``example.org, /srv/x``: where the call of a decision's entry reached; empty when it named nothing."""
    values = [target["value"] or "(unreadable)" for target in body.get("targets", ())]
    return ", ".join(values)


def _told(facts: Facts) -> dict[str, Any]:
    """What a request touches, as it is written down."""
    told: dict[str, Any] = {
        "action": facts.action,
        "upstream": facts.upstream,
        "name": facts.name,
        "labels": sorted(facts.labels),
        "targets": [_reached(target) for target in facts.targets],
    }
    if facts.acts:
        told["communicates"], told["irreversible"] = facts.communicates, facts.irreversible
    if facts.action in _NAMED_BY_MANIFESTS:
        told["manifest"] = facts.manifest
    if facts.reads:
        told["reads"] = [stored_text(resource) for resource in facts.reads]
    if facts.writes:
        told["writes"] = [stored_text(resource) for resource in facts.writes]
    if facts.stored:
        told["stored"] = [_brought(one) for one in facts.stored]
    if facts.lowered_by:
        told["lowered_by"] = facts.lowered_by
    return told


def _forced(forced: Sequence[Forced]) -> dict[str, Any]:
    """What obligations set, as it is written down; nothing where they set nothing."""
    told = [{"pointer": one.pointer, "value": one.value, "by": one.by} for one in forced]
    return {"forced": told} if told else {}


def _reached(target: Target) -> dict[str, Any]:
    """A target as it is written down; that the argument was written in another way than ``value`` only where it was,
    and whether an address was given only where somebody looked."""
    reached: dict[str, Any] = {"kind": target.kind, "value": target.value}
    if target.value is not None and not target.exact:
        reached["exact"] = False
    if target.given is not None:
        reached["given"] = target.given
    if target.indirect:
        reached["indirect"] = True
    return reached


def arguments_digest(arguments: Mapping[str, Any]) -> str:
    """SHA-256 over the arguments as JSON with sorted keys; integers of any size.

    ``1.0`` is ``1``, as in the canonical text that an approval binds, so that the two can be compared.
    """
    try:
        text = orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS)
        if b".0" in text:
            text = orjson.dumps(_plain(arguments), option=orjson.OPT_SORT_KEYS)
    except TypeError:  # an integer beyond 64 bits
        text = json.dumps(arguments, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return hashlib.sha256(text).hexdigest()


def _plain(value: Any) -> Any:
    """The value with whole floating-point numbers as integers, where canonical JSON (RFC 8785) writes them so."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= _LARGEST_INTEGER:
        return int(value)
    if isinstance(value, Mapping):
        return {name: _plain(member) for name, member in value.items()}
    return [_plain(element) for element in value] if isinstance(value, list) else value


def _brought(one: StoredLabel) -> dict[str, Any]:
    """A label that a stored resource brought; whose write stamped it, unless that was another tenant's."""
    written = {} if one.decision is None else {"decision": one.decision, "session": one.session}
    return {"label": one.label, "resource": stored_text(one.resource), **written}


def stored_text(resource: StoredResource) -> str:
    """``notes:path:/x``: a stored resource as it is written down; ``notes:store:*`` is all of a store."""
    return f"{resource.store}:{resource.kind}:{resource.value or '*'}"
