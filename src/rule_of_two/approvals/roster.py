"""The attached gateways and their sessions, each session once however many gateways serve it. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from rule_of_two.approvals.messages import SessionStatus
from rule_of_two.model import Tier
from rule_of_two.records import replace


class Row(Struct, frozen=True):
    """A session, and a gateway that serves it."""

    gateway: str
    status: SessionStatus


class Roster:
    """Who is there. ``chosen`` is the session that a key would act on."""

    def __init__(self) -> None:
        self.tiers: dict[str, Tier] = {}
        """Attached gateways, and what an answer to each is worth at most."""
        self.rows: tuple[Row, ...] = ()
        self._sessions: dict[str, tuple[SessionStatus, ...]] = {}
        self._chosen: str | None = None

    @property
    def chosen(self) -> Row | None:
        """The first one until another was chosen, or when that one has ended."""
        return next((row for row in self.rows if row.status.id == self._chosen), self.rows[0] if self.rows else None)

    def attach(self, gateway: str, tier: Tier) -> None:
        """A gateway is there; its sessions follow."""
        self.tiers[gateway] = tier

    def detach(self, gateway: str) -> None:
        """A gateway is gone, with its sessions."""
        self.tiers.pop(gateway, None)
        self._sessions.pop(gateway, None)
        self._join()

    def tell(self, gateway: str, sessions: tuple[SessionStatus, ...]) -> None:
        """What a gateway's sessions have seen; replaces what it said before."""
        if gateway in self.tiers:
            self._sessions[gateway] = sessions
            self._join()

    def choose(self, place: int) -> bool:
        """Choose the session at ``place`` (from 0). ``False``: there is none."""
        if not 0 <= place < len(self.rows):
            return False
        self._chosen = self.rows[place].status.id
        return True

    def step(self, step: int) -> None:
        """Choose the next (1) or previous (-1) session, round and round."""
        if self.chosen is not None:
            self.choose((self.rows.index(self.chosen) + step) % len(self.rows))

    def turned_away(self, session: str) -> int:
        """How many questions of a session were refused unshown."""
        return next((row.status.turned_away for row in self.rows if row.status.id == session), 0)

    def _join(self) -> None:
        joined: dict[str, Row] = {}
        for gateway, sessions in self._sessions.items():
            for status in sessions:
                known = joined.get(status.id)
                joined[status.id] = (
                    Row(gateway, status) if known is None else replace(known, status=_both(known, status))
                )
        chosen = self.chosen
        self.rows = tuple(joined.values())
        self._chosen = None if chosen is None else chosen.status.id


def _both(known: Row, status: SessionStatus) -> SessionStatus:
    """One session as two gateways see it: the worse of each."""
    one = known.status
    return replace(
        one,
        held=one.held | status.held,
        dropped=one.dropped or status.dropped,
        frozen=one.frozen or status.frozen,
        observed=one.observed or status.observed,
        turned_away=one.turned_away + status.turned_away,
    )


def marks(status: SessionStatus) -> Sequence[str]:
    """What a session is besides its labels, in words."""
    told = (
        (status.frozen, "frozen"),
        (status.dropped, "C dropped"),
        (status.observed, "observed only"),
        (status.turned_away > 0, f"{status.turned_away:,} more questions refused unshown"),
    )
    return [text for is_so, text in told if is_so]
