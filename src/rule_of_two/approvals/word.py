"""What a person says under their name, and signs where they have a key: an answer, a command, an endorsement.

The signature is over one canonical statement, whose ``type`` separates it from everything else that the key can sign.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from pydantic import ConfigDict

from rule_of_two.approvals.canonical import canonical
from rule_of_two.errors import BadRequest
from rule_of_two.records import replace

if TYPE_CHECKING:
    from rule_of_two.approvals.keys import ApproverKey  # only who signs or verifies pays for importing cryptography


@dataclass(frozen=True, slots=True, kw_only=True)
class Word(ABC):
    """``approver`` is a claim until ``signature`` (base64, Ed25519 over :attr:`statement`) was verified; ``None`` means
    unsigned. ``key`` is the fingerprint of the key that signed."""

    approver: str
    key: str | None = None
    signature: str | None = None

    # Most gateways live without reading one: what reads them is made when it is first needed.
    __pydantic_config__ = ConfigDict(extra="forbid", strict=True, defer_build=True)

    def __post_init__(self) -> None:
        """:raises BadRequest: the approver's name is unusable."""
        check_approver(self.approver)

    @property
    @abstractmethod
    def said(self) -> Mapping[str, Any]:
        """All members of the statement but who says it and with which key, ``type`` among them."""

    @property
    def statement(self) -> bytes:
        """The bytes that are signed: canonical JSON (RFC 8785) of everything that is said.

        :raises BadRequest: it has no canonical form.
        """
        return canonical({**self.said, "approver": self.approver, "key": self.key}).encode()

    def signed(self, key: ApproverKey | None) -> Self:
        """The same with its signature; as it is where there is no key."""
        if key is None:
            return self
        named = replace(self, key=key.public.fingerprint)
        return replace(named, signature=key.sign(named.statement))


def check_approver(name: str) -> None:
    """:raises BadRequest: nobody can be called so."""
    if not (0 < len(name) <= 100 and name.isprintable()):
        raise BadRequest("The approver's name must be 1 to 100 printable characters.")


def instant(at: datetime) -> str:
    """A time as it is signed: ISO 8601, UTC, microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")
