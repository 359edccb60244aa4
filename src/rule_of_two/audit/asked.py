"""A question as the journal has it, and what became of it: the little that must be kept to check what follows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct, field

from rule_of_two.audit.journal import arguments_digest
from rule_of_two.audit.recorded import time_of
from rule_of_two.audit.testimony import APPROVING, ELICITATION, Said
from rule_of_two.errors import RuleOfTwoError
from rule_of_two.model import Tier
from rule_of_two.store.journal import Entry

SLACK: Final = timedelta(seconds=1)
"""Between looking at the clock to decide and looking at it to write the entry."""

MEMBERS: Final = ("action", "upstream", "name", "pin", "policy_version")
"""What a yes binds, besides session and arguments, and a decision's entry repeats."""


class Asked(Struct):
    """One question. ``members`` are those of :data:`MEMBERS` that its entry has; ``None`` stands for what it lacks."""

    number: int
    decision: int | None
    session: str | None
    digest: str
    members: Mapping[str, object]
    arguments_sha256: str | None
    held: frozenset[str] | None
    needs: int
    expires: datetime | None
    signed_only: bool
    """Approvers were enrolled, and nobody was asked through the client."""
    arrival: Mapping[str, str] | None = None
    """Of a question about what came back: the digest of each item, by the name that it has there."""
    result_sha256: str | None = None
    """The digest of all that a yes to it lets in."""
    picked: tuple[str, ...] = ()
    """The items that the yes was for; none: all of them."""
    yes: dict[str, Said] = field(default_factory=dict)
    """By approver."""
    ended: str | None = None
    """The choice that ended it."""
    grant: Said | None = None
    used_by: int | None = None
    """The decision that its yes was used for."""
    uses: int = 0
    """Of its grant, that first one included."""
    covers: frozenset[str] = frozenset()
    """The labels that its session may hold while its grant lasts."""

    @property
    def approved(self) -> bool:
        """Whether as many people as it needs said yes."""
        return self.ended in APPROVING

    def was_over(self, at: datetime | None) -> bool:
        """Whether it had expired; what has no time that can be read counts as late."""
        return at is None or self.expires is None or at - self.expires > SLACK

    def say(self, said: Said) -> None:
        """Take an answer that counts."""
        if said.choice not in APPROVING:
            self.ended = said.choice
            return
        self.yes[said.approver] = said
        self.picked = said.items
        if len(self.yes) >= self.needs:
            self.ended = said.choice
            self.grant = said if said.terms is not None else None

    def differs(self, session: str | None, decision: Mapping[str, Any]) -> str | None:
        """In what a decision is another call than the one asked about; ``None``: in nothing that can be compared."""
        if self.session != session:
            return "session"
        for name, value in self.members.items():
            if name in decision and decision[name] != value:
                return name.replace("_", " ")
        sent = decision.get("arguments_sha256")
        return "arguments" if None not in (sent, self.arguments_sha256) and sent != self.arguments_sha256 else None


def asked(entry: Entry) -> Asked | None:
    """The question of an entry; ``None``: it is none. Never raises."""
    body = entry.body
    digest = body.get("digest")
    if not isinstance(digest, str):
        return None
    needs, held, channel = body.get("needs"), body.get("held"), body.get("channel")
    arrival = body.get("arrival")
    return Asked(
        number=entry.number,
        decision=entry.decision,
        session=entry.session,
        digest=digest,
        members={name: body[name] for name in MEMBERS if name in body},
        arguments_sha256=_arguments(body),
        held=frozenset(str(label) for label in held) if isinstance(held, Mapping) else None,
        needs=needs if isinstance(needs, int) and needs > 0 else 1,
        expires=time_of(body.get("expires_at")),
        signed_only=body.get("tier", Tier.ADVISORY) != Tier.ADVISORY and channel != ELICITATION,
        arrival=_arrived(arrival) if isinstance(arrival, Mapping) else None,
        result_sha256=str(arrival.get("digest")) if isinstance(arrival, Mapping) else None,
    )


def _arrived(arrival: Mapping[str, Any]) -> dict[str, str]:
    """The items by name; what cannot be read is left out, and its digest is found wrong."""
    items = arrival.get("items")
    pairs = [one for one in items if isinstance(one, list) and len(one) == 2] if isinstance(items, list) else []
    return {str(name): str(digest) for name, digest in pairs}


def _arguments(body: Mapping[str, Any]) -> str | None:
    """What the decision's ``arguments_sha256`` must be; ``None``: secrets in them are hidden, or there are none."""
    arguments = body.get("arguments")
    if body.get("masked") is not False or not isinstance(arguments, Mapping):
        return None
    try:
        return arguments_digest(arguments)
    except (RuleOfTwoError, ValueError, RecursionError):
        return None
