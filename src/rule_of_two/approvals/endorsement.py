"""What a person vouches for: something stored, or one item of a result. Signed like an answer.

An endorsement of a resource says that labels which its stamps bring no longer count, for the stamps up to a number; for
later ones it says nothing. It is kept in the state, and verified at each use, so a row that somebody wrote endorses
nothing where approvers are enrolled.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import AwareDatetime, ConfigDict, Field, TypeAdapter, ValidationError

from rule_of_two.approvals.word import Word, instant
from rule_of_two.errors import BadRequest
from rule_of_two.model import INGRESS, Label

if TYPE_CHECKING:
    import sqlite3  # a gateway's desk loads no database

ENDORSEMENT_TYPE: Final = "rule-of-two/endorsement/1"
"""Separates it from everything else that an approver's key can sign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceSubject:
    """A stored resource and what stands in it. ``value`` ``None``: the whole store. ``up_to``: the number of the newest
    stamp that is covered."""

    of: Literal["resource"] = "resource"
    store: str
    kind: str
    value: str | None
    labels: tuple[Label, ...]
    up_to: int

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    def __post_init__(self) -> None:
        """:raises BadRequest: it names no label that a stamp can bring."""
        if not self.labels or not INGRESS.issuperset(self.labels):
            raise BadRequest("Only A and B cling to what is stored, so only they can be endorsed.")

    @property
    def where(self) -> str:
        """The store: what the row is found by."""
        return self.store


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSubject:
    """One item of a result of an upstream's tool, prompt or resource ``name``: the platform's own ``id`` for it, and
    the SHA-256 over its canonical JSON, so that no other content is meant."""

    of: Literal["item"] = "item"
    upstream: str
    name: str
    id: str
    digest: str

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    @property
    def where(self) -> str:
        """The upstream: what the row is found by."""
        return self.upstream


Subject = Annotated[ResourceSubject | ItemSubject, Field(discriminator="of")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endorsement(Word):
    """A person's word for one subject. ``nonce`` makes each of them one of a kind."""

    id: str
    subject: Subject
    endorsed_at: AwareDatetime
    nonce: str

    @classmethod
    def to(cls, subject: ResourceSubject | ItemSubject, *, approver: str, now: datetime) -> Endorsement:
        """An endorsement of now, unsigned."""
        return cls(
            id=secrets.token_hex(8),
            subject=subject,
            approver=approver,
            endorsed_at=now.astimezone(UTC),
            nonce=secrets.token_hex(16),
        )

    @property
    def said(self) -> dict[str, Any]:
        """Everything but who says it."""
        subject: dict[str, Any] = asdict(self.subject)
        if "labels" in subject:
            subject["labels"] = sorted(subject["labels"])
        return {
            "type": ENDORSEMENT_TYPE,
            "id": self.id,
            "subject": subject,
            "endorsed_at": instant(self.endorsed_at),
            "nonce": self.nonce,
        }


_ENDORSEMENT: Final = TypeAdapter(Endorsement)


def endorsement_text(endorsement: Endorsement) -> str:
    """The endorsement as JSON, to be read by :func:`endorsement_in`."""
    return _ENDORSEMENT.dump_json(endorsement).decode()


def endorsement_in(text: str) -> Endorsement:
    """The endorsement that was written.

    :raises BadRequest: it is none.
    """
    try:
        return _ENDORSEMENT.validate_json(text)
    except ValidationError as error:
        raise BadRequest("This is no endorsement.") from error


def keep(db: sqlite3.Connection, endorsement: Endorsement, *, at: str) -> None:
    """Write it down, in a transaction. It counts for every gateway on the state that knows its approver."""
    subject = endorsement.subject
    db.execute(
        "INSERT INTO endorsements (id, kind, subject, endorsement, given_at) VALUES (?, ?, ?, ?, ?)",
        (endorsement.id, subject.of, subject.where, endorsement_text(endorsement), at),
    )


def kept(db: sqlite3.Connection, of: Literal["resource", "item"], where: str) -> Iterator[str]:
    """The texts of the endorsements of a store, or of the items of an upstream, as they stand there: whoever reads one
    verifies it."""
    query = "SELECT endorsement FROM endorsements WHERE kind = ? AND subject = ? ORDER BY rowid"
    for (text,) in db.execute(query, (of, where)):
        yield str(text)
