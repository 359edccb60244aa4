"""What recorded calls would have been asked about if something had been otherwise: their labels, or their session.

The replay takes each call with the labels that the journal says it had, and the ones that its session held when it was
decided. It only ever takes away from both what the change takes away; so where it is wrong it promises too little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct, field

from rule_of_two.audit.recorded import Recorded, recorded
from rule_of_two.audit.report import Find, Key, key_of
from rule_of_two.model import NONE, Labels, Outcome, completing
from rule_of_two.store.journal import Entry


def as_recorded(call: Recorded) -> Labels:
    """The labels that the call had."""
    return call.labels


def never(call: Recorded) -> bool:
    """No further policy set."""
    return False


class WhatIf(Struct, frozen=True):
    """One change. As it stands it changes nothing."""

    labels: Callable[[Recorded], Labels] = as_recorded
    """The labels that a call would have had: some of those that it had."""
    new_session_after: timedelta | None = None
    """A pause after which a person would have started a new session."""
    drops: Mapping[str, int] = field(default_factory=dict)
    """Sessions that would have given up C, each after the call of that number."""
    permits: Callable[[Recorded], bool] = never
    """Whether a further policy set would have permitted a call that none permitted."""


class _State(Struct):
    """A session in the replay. ``first`` is its first call here: what was held before cannot be changed any more."""

    first: int
    supported: Labels = NONE
    """What calls that passed would have brought."""
    extra: Labels = NONE
    """What calls would have brought that did not pass then."""
    renewed: bool = False
    last: datetime | None = None


class Replay:
    """Goes through the calls of a journal in order. Memory is bounded by the number of sessions."""

    def __init__(self, what_if: WhatIf) -> None:
        self._what_if = what_if
        self._sessions: dict[str, _State] = {}
        self.renewals = 0
        """How often a person would have started a new session."""

    def questions(self, call: Recorded) -> bool:
        """Whether policy would have asked about this call, or denied it."""
        state = self._sessions.get(call.session)
        if state is None:
            state = self._sessions[call.session] = _State(call.number)
        self._pause(state, call.at)
        labels = self._what_if.labels(call) & call.labels
        stays = self._stays(state, call, labels)
        if call.passed:
            state.supported |= labels
        elif call.questioned and not stays:
            state.supported |= labels
            state.extra |= labels
        return stays

    def _pause(self, state: _State, at: datetime | None) -> None:
        longest = self._what_if.new_session_after
        if at is None or longest is None:
            return
        if state.last is not None and at - state.last > longest:
            state.supported, state.extra, state.renewed = NONE, NONE, True
            self.renewals += 1
        state.last = at

    def _stays(self, state: _State, call: Recorded, labels: Labels) -> bool:
        if call.questioned and not call.by_third_label and not self._what_if.permits(call):
            return True
        if call.again or call.unasked or (call.outcome is Outcome.DENY and not call.questioned):
            return False  # it is no question of its own
        dropped = call.dropped or call.number > self._what_if.drops.get(call.session, call.number)
        if dropped and not call.dropped and "C" in labels:
            return True
        return completing(self._before(state, call), labels, dropped=dropped)

    def _before(self, state: _State, call: Recorded) -> Labels:
        """What the session would have held. Number 0 is what the operator declared, which every session holds."""
        kept = frozenset(
            label
            for label, number in call.before.items()
            if label in state.supported or number == 0 or (number < state.first and not state.renewed)
        )
        return kept | state.extra


class Effect(Struct):
    """What a change would have done: the questions of each cause that would not have come, and how many new ones."""

    saved: dict[Key, int] = field(default_factory=dict)
    more: int = 0
    renewals: int = 0


def effects(entries: Iterable[Entry], changes: Sequence[WhatIf], find: Find) -> list[Effect]:
    """The effect of each change by itself, over the same decisions.

    A question that the replay loses without any change (its journal is cut, or not ours) is to nobody's credit.
    """
    replays = [Replay(change) for change in changes]
    unchanged = Replay(WhatIf())
    found = [Effect() for _ in changes]
    for entry in entries:
        call = recorded(entry)
        if call is None:
            continue
        came = unchanged.questions(call)
        key = key_of(call, find) if call.questioned and came else None
        for replay, effect in zip(replays, found, strict=True):
            stays = replay.questions(call)
            if key is not None and not stays:
                effect.saved[key] = effect.saved.get(key, 0) + 1
            effect.more += stays and not came
            effect.renewals = replay.renewals
    return found
