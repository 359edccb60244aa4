"""What was recorded: the journal, or files of entries as ``rule-of-two --json audit tail`` prints them, one a line.

Nothing here trusts what it reads: what is no decision is left out, what cannot be read is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import orjson
from msgspec import Struct

from rule_of_two.audit.documents import Document, lists_of
from rule_of_two.audit.recorded import Recorded, recorded
from rule_of_two.errors import Code, ConfigurationError
from rule_of_two.gateway.providers.settings import ATTRIBUTES, ProviderError, checked
from rule_of_two.model import INGRESS, NONE, Labels, Outcome, labels_in
from rule_of_two.policy.context import Environment
from rule_of_two.policy.lowering import LINE
from rule_of_two.store.journal import Entry

MOST_TARGETS: Final = 100
"""Of one call, as :class:`Recorded` keeps them."""
_LONGEST: Final = 1 << 24
"""Bytes of one line."""
_BY_SET: Final = f"{LINE}set "
_NOT_POLICYS: Final = "gateway."
"""How the names begin of what the gateway decided by itself."""


class Recording(Struct, frozen=True):
    """Decisions in order. ``entries`` begins again each time that it is called."""

    name: str
    entries: Callable[[], Iterable[Entry | None]]
    """``None`` stands for one that cannot be read."""


class Past(Struct, frozen=True):
    """One call as it was decided first, with what became of it."""

    call: Recorded
    frozen: bool
    ran: bool
    """It was carried out: unasked, after a yes, or because observe mode let it pass."""
    standing: bool
    """A standing yes (grant) covered it, so that nobody was asked."""
    partly: bool
    """It reached more than is kept of it."""
    version: str
    """Of the policies that decided it."""
    principal: Mapping[str, Any]
    """On whose behalf, as the entry says: not checked."""
    client: str
    communicates: bool
    irreversible: bool
    lowered: bool
    """It had C taken off, since a set counts C only where it communicates."""
    left_out: bool
    """Policies left its C out of account."""
    environment: Environment
    """What context providers knew, as the entry says: only what they could have answered."""
    documents: tuple[tuple[Document, bool], ...] = ()
    """The items of what came back, where it is about that, each with whether policy dropped it then."""
    stored: Labels = NONE
    """What stored resources had brought it."""

    @property
    def was(self) -> Outcome:
        """What policy said, whatever a standing yes made of it."""
        return Outcome.ASK if self.standing else self.call.outcome

    @property
    def policys(self) -> bool:
        """Whether policy decided it: what cannot be carried out whatever policy says is not."""
        by_itself = any(name.startswith(_NOT_POLICYS) for name in self.call.policies)
        return not by_itself and (self.call.outcome is not Outcome.DENY or bool(self.call.policies))


def confirmed(entries: Iterable[Entry | None]) -> frozenset[int]:
    """The numbers of the decisions whose call ran after a person's yes, as the entries say; of those about a result,
    whose labels were all let in."""
    first: dict[int, int] = {}
    asked: dict[int, Labels] = {}
    found: set[int] = set()
    for entry in entries:
        call = None if entry is None else recorded(entry)
        if call is None:
            continue
        before = call.approves if call.approves is not None else call.after
        if before is None:
            if call.arrives and call.outcome is Outcome.ASK:
                asked[call.number] = call.labels
            continue
        # A call can be asked about again, so its yes is looked for along the chain.
        root = first.get(before, before)
        first[call.number] = root
        yes = call.approves is not None and call.outcome is Outcome.ALLOW
        if yes and call.labels >= asked.get(root, NONE):
            found.add(root)
    return frozenset(found)


def past_of(entry: Entry, answered: frozenset[int]) -> Past | None:
    """The call of an entry; ``None``: it cannot be read."""
    call = recorded(entry)
    if call is None:
        return None
    body: Mapping[str, Any] = entry.body
    targets = body.get("targets")
    standing = isinstance(body.get("grant"), str) and call.outcome is Outcome.ALLOW
    return Past(
        call=call,
        frozen=body.get("code") == Code.SESSION_FROZEN,
        ran=call.passed or call.number in answered,
        standing=standing,
        partly=isinstance(targets, list) and len(targets) > MOST_TARGETS,
        version=str(body.get("policy_version")),
        principal=said if isinstance(said := body.get("principal"), dict) else {},
        client=name if isinstance(name := body.get("client"), str) else "generic",
        communicates=body.get("communicates") is not False,
        irreversible=body.get("irreversible") is not False,
        lowered=_has_line(body, _BY_SET),
        left_out=_has_line(body, LINE) and not _has_line(body, _BY_SET),
        environment=_environment(body.get("environment"), several=bool(call.beside)),
        documents=_documents(body) if call.arrives else (),
        stored=_stored(body.get("stored")),
    )


def _documents(body: Mapping[str, Any]) -> tuple[tuple[Document, bool], ...]:
    lists = lists_of(body)
    return tuple((one, name == "dropped") for name, (listed, _) in lists.items() for one in listed if one.sha256)


def _environment(said: Any, *, several: bool) -> Environment:
    """Each attribute that is of the shape that the gateway accepts of its provider; the others count as not recorded.

    A call that was judged by ``several`` sessions saw the risk of each, and its entry has that of none of them.
    """
    if not isinstance(said, dict):
        return {}
    known: dict[str, Any] = {}
    for name in ATTRIBUTES:
        if name in said and not (several and name == "risk"):
            with suppress(ProviderError):
                known[name] = checked(name, said[name])
    return known


def _stored(said: Any) -> Labels:
    """The labels that an entry says came out of the ledger."""
    lines = said if isinstance(said, list) else []
    return INGRESS & labels_in(str(one.get("label")) for one in lines if isinstance(one, dict))


def _has_line(body: Mapping[str, Any], start: str) -> bool:
    lines = body.get("lowered_by")
    return isinstance(lines, list) and any(isinstance(line, str) and line.startswith(start) for line in lines)


def recordings_in(folder: Path) -> list[Recording]:
    """The files of a folder whose names end in ``.jsonl``, each a recording of its own.

    :raises ConfigurationError: there is no such folder, or no such file in it.
    """
    try:
        files = sorted(file for file in folder.iterdir() if file.suffix == ".jsonl" and file.is_file())
    except OSError as error:
        raise ConfigurationError(f"cannot be read ({error.strerror}); check the path", file=folder) from error
    if not files:
        problem = "holds no recording; write one with `rule-of-two --json audit tail -n 10000 > day.jsonl`"
        raise ConfigurationError(problem, file=folder)
    return [_recording(file) for file in files]


def _recording(file: Path) -> Recording:
    return Recording(file.name, lambda: _entries(file))


def _entries(file: Path) -> Iterator[Entry | None]:
    try:
        with file.open("rb") as lines:
            while line := lines.readline(_LONGEST):
                yield from _entry(line)
    except OSError as error:
        raise ConfigurationError(f"cannot be read ({error.strerror}); check the path", file=file) from error


def _entry(line: bytes) -> Iterator[Entry | None]:
    """The decision of a line; nothing for what is something else."""
    if not line.strip():
        return
    try:
        value: Any = orjson.loads(line)
    except orjson.JSONDecodeError:
        yield None
        return
    match value:
        case {"number": int(number), "at": str(at), "kind": str(kind), "body": dict(body)}:
            session, decision = value.get("session"), value.get("decision")
            if kind == "decision":
                yield Entry(
                    number,
                    at,
                    kind,
                    session if isinstance(session, str) else None,
                    decision if isinstance(decision, int) else None,
                    body,
                )
        case _:
            yield None
