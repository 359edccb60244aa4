"""Who may approve: the keys that the operator enrolled, and whether a signature is by the one that it names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from rule_of_two.approvals.answer import Refusal
from rule_of_two.approvals.word import Word
from rule_of_two.model import Approver, Tier

if TYPE_CHECKING:
    from rule_of_two.approvals.keys import PublicKey


class Enrolled(Struct, frozen=True):
    """An approver with the public key that the operator enrolled for them."""

    approver: Approver
    key: PublicKey


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

    def who(self, word: Word) -> Approver | Refusal:
        """Who said it.

        # INVARIANT: with approvers enrolled nothing unsigned, and nothing signed by another key than the one enrolled
        # under the name that it carries, is anybody's word; tests/approvals/test_approvers.py.
        """
        if not self._enrolled:
            return Approver(word.approver, word.approver, self._claimed_tenant)
        if word.signature is None:
            return Refusal.UNSIGNED
        enrolled = self._enrolled.get(word.approver)
        if enrolled is None or enrolled.key.fingerprint != word.key:
            return Refusal.BAD_SIGNATURE
        return enrolled.approver if enrolled.key.verifies(word.signature, word.statement) else Refusal.BAD_SIGNATURE
