"""One decided call as the journal has it, read so that no entry of any version, or of nobody's, can break a report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from msgspec import Struct

from rule_of_two.model import ALL, NONE, Action, Held, Labels, Outcome, completing, labels_in
from rule_of_two.store.journal import Entry

THIRD_LABEL: Final = "r2.ask-third-label"
_ONLY_THE_SET: Final = frozenset((THIRD_LABEL, "default.deny-nobody-to-ask", "default.permit-document"))
"""Policies that say nothing but that the set was completed: the second where nobody could be asked, the third of an
item."""
_MOST_TARGETS: Final = 100


class Reached(Struct, frozen=True):
    """A target: its canonical value, whether the argument was written exactly so, and whether an address was given to
    the session; ``None``: nobody looked."""

    kind: str
    value: str | None
    exact: bool
    given: bool | None = None
    indirect: bool = False
    """Others stand behind it."""


class Recorded(Struct, frozen=True):
    """A decision's entry. ``before`` are the labels that were held or reserved, with the calls that brought them."""

    number: int
    at: datetime | None
    session: str
    action: str
    upstream: str
    name: str
    labels: Labels
    before: Held
    dropped: bool
    beside: tuple[tuple[Labels, bool], ...]
    """Of each session that it was judged by, where these are several: what it held, and whether C is dropped."""
    outcome: Outcome
    observed: bool
    approves: int | None
    manifest: str | None
    """The manifest that names the call."""
    unnamed: bool
    """No manifest names it. Entries of older versions do not say: then both are empty."""
    targets: tuple[Reached, ...]
    policies: tuple[str, ...]
    defers: Labels = NONE
    """What it can bring, where it was sent with nothing of that counted, to be decided when it is there."""
    releases: int | None = None
    """The decision that sent the call whose result this one is about."""
    after: int | None = None
    """The decision about the same result that this one takes the place of."""

    @property
    def qualified(self) -> str:
        """``fetch__fetch``."""
        return f"{self.upstream}__{self.name}"

    @property
    def passed(self) -> bool:
        """Whether it was carried out, so that its labels could join."""
        return self.outcome is Outcome.ALLOW or self.observed

    @property
    def completes(self) -> bool:
        """Whether it completed the set of the session, or of one of those that it was judged by, as that stood."""
        judged = self.beside or ((frozenset(self.before), self.dropped),)
        return any(completing(held, self.labels, dropped=dropped) for held, dropped in judged)

    @property
    def unasked(self) -> bool:
        """Whether it is text that no request asked for: it is never asked about, only left out."""
        return self.action == Action.RECEIVE

    @property
    def again(self) -> bool:
        """Whether it is the same as an earlier entry, decided once more: after a person's answer, or since nobody could
        be asked, or the client came back."""
        return self.approves is not None or self.after is not None

    @property
    def arrives(self) -> bool:
        """Whether it is about what a call brought back, and so no call of its own."""
        return self.releases is not None

    @property
    def can_bring(self) -> Labels:
        """Its labels, and those that are decided when they are there."""
        return self.labels | self.defers

    @property
    def questioned(self) -> bool:
        """Whether policy asked about it or denied it, for the first time. What was no policy's to decide is not."""
        stopped = self.outcome is Outcome.ASK or (self.outcome is Outcome.DENY and bool(self.policies))
        return stopped and not self.again and not self.unasked

    @property
    def by_third_label(self) -> bool:
        """Whether the completed set is the only reason of policy's."""
        return self.completes and _ONLY_THE_SET.issuperset(self.policies)


def recorded(entry: Entry) -> Recorded | None:
    """The decision of an entry; ``None`` when it lacks what nothing can be said without. Never raises."""
    body: Any = entry.body
    if entry.kind != "decision" or not isinstance(body, Mapping):
        return None
    upstream, name, session = body.get("upstream"), body.get("name"), entry.session
    labels, outcome = body.get("labels"), body.get("outcome")
    if not (isinstance(upstream, str) and isinstance(name, str) and isinstance(session, str)):
        return None
    if not isinstance(labels, list) or outcome not in tuple(Outcome):
        return None
    manifest, approves = body.get("manifest"), body.get("approves")
    releases, after = body.get("releases"), body.get("after")
    return Recorded(
        number=entry.number,
        at=time_of(entry.at),
        session=session,
        action=_text(body.get("action"), Action.CALL_TOOL),
        upstream=upstream,
        name=name,
        labels=labels_in([one for one in labels if isinstance(one, str)]),
        before={**_held(body.get("reserved")), **_held(body.get("held"))},
        dropped=body.get("dropped") is True,
        beside=tuple(_judged(one) for one in _list(body.get("beside"))),
        outcome=Outcome(outcome),
        observed=body.get("observed") is True,
        approves=approves if _is_number(approves) else None,
        manifest=manifest if isinstance(manifest, str) else None,
        unnamed="manifest" in body and manifest is None,
        targets=tuple(_reached(one) for one in _list(body.get("targets"))[:_MOST_TARGETS]),
        policies=tuple(one for one in _list(body.get("policies")) if isinstance(one, str)),
        defers=labels_in(one for one in _list(body.get("defers")) if isinstance(one, str)),
        releases=releases if _is_number(releases) else None,
        after=after if _is_number(after) else None,
    )


def _held(value: Any) -> Held:
    if not isinstance(value, Mapping):
        return {}
    return {label: value[label] for label in ALL if _is_number(value.get(label))}


def _judged(value: Any) -> tuple[Labels, bool]:
    """What cannot be read held everything."""
    match value:
        case [str(held), bool(dropped)]:
            return labels_in(held), dropped
    return ALL, False


def _reached(value: Any) -> Reached:
    if not isinstance(value, Mapping):
        return Reached("", None, exact=False)
    found = value.get("value")
    text = found if isinstance(found, str) else None
    exact = text is not None and value.get("exact", True) is True
    given = value.get("given")
    known = given if isinstance(given, bool) else None
    return Reached(_text(value.get("kind"), ""), text, exact, known, "indirect" in value)


def time_of(text: Any) -> datetime | None:
    """The time that a text says, UTC where it names no zone; ``None``: it says none."""
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any, otherwise: str) -> str:
    return value if isinstance(value, str) else otherwise


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
