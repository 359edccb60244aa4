"""What people said, as far as the journal can show it: signed words, and who can tell whether they are genuine."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Final, Protocol

from msgspec import Struct

YES: Final = "yes"
GRANT: Final = "grant"
DROP: Final = "drop"
FREEZE: Final = "freeze"
NEW: Final = "new"
WITHOUT: Final = "without"
APPROVING: Final = frozenset((YES, GRANT))
ACCEPT: Final = "accept"
ELICITATION: Final = "elicitation"


class Standing(Enum):
    """What a signature is worth."""

    SIGNED = "signed"
    """By the enrolled key of the approver that it names, over exactly these words."""
    UNSIGNED = "unsigned"
    """Nobody signed: whoever runs as the gateway's user could have written it."""
    NO_KEY = "no_key"
    """By a key that is not at hand."""
    FORGED = "forged"
    """The enrolled key did not sign these words, or it is enrolled for somebody else."""


class Terms(Struct, frozen=True):
    """A standing yes: ``members`` are what a call must be equal in, by name. It begins and ends at these times."""

    members: Mapping[str, object]
    uses: int
    begins: datetime
    ends: datetime


class Said(Struct, frozen=True):
    """One answer, command or endorsement, as its receipt says. ``id`` is that of what answers no question, ``question``
    and ``digest`` an answer's."""

    choice: str
    approver: str
    standing: Standing
    session: str | None
    id: str | None = None
    question: str | None = None
    digest: str | None = None
    channel: str | None = None
    terms: Terms | None = None
    about: tuple[str, str, str, str] | None = None
    """Of an answer to a definition: state, upstream, kind and name. Its ``digest`` is that of the definition."""
    items: tuple[str, ...] = ()
    """What of a result that came back the yes is for; none: all of it."""
    head: tuple[int, str] | None = None
    """Number and hash of the journal's newest entry when the question was asked."""


class Witness(Protocol):
    """Reads receipts and knows keys. Nothing that it is given makes it raise."""

    def answer(self, receipt: object) -> Said | None:
        """The answer of a receipt; ``None``: it is none."""

    def command(self, receipt: object) -> Said | None:
        """The command of a receipt; ``None``: it is none."""

    def endorsement(self, receipt: object) -> Said | None:
        """The endorsement of a receipt; ``None``: it is none."""

    def definition(self, receipt: object) -> Said | None:
        """The answer to a definition of a receipt; ``None``: it is none."""

    def digest(self, question: Mapping[str, Any]) -> str | None:
        """The digest of a journalled question's members; ``None``: they are not what a question can have."""
