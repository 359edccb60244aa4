"""Who may approve: the keys that the operator enrolled, and whether a signature is by the one that it names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rule_of_two.approvals.answer import Refusal
from rule_of_two.model import Approver, Tier

if TYPE_CHECKING:
    from rule_of_two.approvals.keys import PublicKey


@dataclass(frozen=True, slots=True)
class Enrolled:
    """An approver with the public key that the operator enrolled for them."""

    approver: Approver
    key: PublicKey


class Signed(Protocol):
    """An answer or a command."""

    @property
    def approver(self) -> str:
        """Who says so."""

    @property
    def key(self) -> str | None:
        """The fingerprint of the key that signed."""

    @property
    def signature(self) -> str | None:
        """Base64."""

    @property
    def statement(self) -> bytes:
        """What is signed."""


class Approvers:
    """The approvers of one gateway. None enrolled: anybody who reaches the console may answer, and all is advisory."""

    def __init__(self, enrolled: Iterable[Enrolled], *, claimed_tenant: str) -> None:
        """``claimed_tenant`` is the tenant of those who only claim a name, where nobody is enrolled."""
        self._enrolled: Mapping[str, Enrolled] = {one.approver.name: one for one in enrolled}
        self._claimed_tenant = claimed_tenant

    def __bool__(self) -> bool:
        return bool(self._enrolled)

    @property
    def enrolled(self) -> tuple[Approver, ...]:
        """Everybody who can sign."""
        return tuple(one.approver for one in self._enrolled.values())

    @property
    def tier(self) -> Tier:
        """What an answer is worth at most (DESIGN "Assurance tiers")."""
        return Tier.SIGNED if self._enrolled else Tier.ADVISORY

    def who(self, signed: Signed) -> Approver | Refusal:
        """Who said it.

        # INVARIANT: with approvers enrolled nothing unsigned, and nothing signed by another key than the one enrolled
        # under the name that it carries, is anybody's word; tests/approvals/test_approvers.py.
        """
        if not self._enrolled:
            return Approver(signed.approver, signed.approver, self._claimed_tenant)
        if signed.signature is None:
            return Refusal.UNSIGNED
        enrolled = self._enrolled.get(signed.approver)
        if enrolled is None or enrolled.key.fingerprint != signed.key:
            return Refusal.BAD_SIGNATURE
        return enrolled.approver if enrolled.key.verifies(signed.signature, signed.statement) else Refusal.BAD_SIGNATURE
