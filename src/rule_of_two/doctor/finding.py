"""What an attempt came to, and what the attempts together are worth. Frozen values, no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from msgspec import Struct
from pydantic import ConfigDict, TypeAdapter

from rule_of_two.model import Tier
from rule_of_two.records import replace


class Area(StrEnum):
    """What it would mean if the attempt succeeds."""

    APPROVE = "approve"
    """The agent can approve its own calls, or have a clean session: T0."""
    REACH = "reach"
    """What the gateway rests on is within the agent's reach, though nothing is approved by it: T1 at most."""
    GAP = "gap"
    """Worth knowing; no tier depends on it."""


class Result(StrEnum):
    """What became of an attempt. One that could not be made counts as one that succeeds."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNTRIED = "not tried"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One attempt. ``evidence`` and ``close`` (how it is closed) are one sentence each, without secrets."""

    attempt: str
    area: Area
    result: Result
    evidence: str
    close: str = ""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    @property
    def open(self) -> bool:
        """Whether the agent could do it, as far as is known."""
        return self.result is not Result.FAILED


FINDINGS: Final = TypeAdapter(tuple[Finding, ...])
"""Between the process that makes the attempts and the one that reports them."""


def judged(finding: Finding, *, accepted: bool) -> Finding:
    """What an attempt to begin a clean session came to, once it is known whether a gateway goes on in that session."""
    if finding.result is not Result.SUCCEEDED or accepted:
        return finding
    evidence = "a new session could be written, but no gateway goes on in one that no approver signed"
    return replace(finding, result=Result.FAILED, evidence=evidence, close="")


class Assurance(Struct, frozen=True):
    """The tier that is reached (DESIGN "Assurance tiers"), and why it is no higher."""

    tier: Tier
    reasons: tuple[str, ...]


def assurance(findings: Sequence[Finding], *, enrolled: bool) -> Assurance:
    """What answers are worth at most.

    # INVARIANT: what could not be tried counts as what succeeds, and T3 is never reached: there is no passkey and no
    # other device; tests/doctor/test_finding.py.
    """
    approving = [one for one in findings if one.area is Area.APPROVE and one.open]
    if approving or not enrolled:
        nobody = () if enrolled else ("no approver is enrolled",)
        return Assurance(Tier.ADVISORY, (*nobody, *(_reason(one) for one in approving)))
    reaching = [one for one in findings if one.area is Area.REACH and one.open]
    if reaching:
        return Assurance(Tier.SIGNED, tuple(_reason(one) for one in reaching))
    return Assurance(Tier.SEPARATE, ("T3 needs a passkey or another device, which this version does not have",))


def _reason(finding: Finding) -> str:
    return f"{finding.attempt}: {finding.result}"
