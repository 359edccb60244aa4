"""Recordings written by hand, replayed under policies that a test writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rule_of_two.model import Principal
from rule_of_two.policy.load import load_policies
from rule_of_two.simulation.judge import Judge
from rule_of_two.simulation.recording import Recording
from rule_of_two.simulation.replay import Relabel, Replay, as_recorded
from rule_of_two.simulation.simulate import Simulation, simulate
from rule_of_two.store.journal import Entry


def forbid(name: str, condition: str) -> str:
    """A policy by which calls of sessions are denied."""
    head = f'@id("own.{name}") @message("No.") forbid (principal is Gateway::Session, action, resource)'
    return f"{head} when {{{condition}}};"


def rehearse(
    folder: Path,
    entries: Sequence[Entry | None],
    own: str = "",
    *sets: str,
    relabel: Relabel = as_recorded,
    all_yes: bool = False,
) -> Simulation:
    """What becomes of entries under the default set, further ones and policies of one's own."""
    references = ["default", *sets]
    if own:
        (folder / "own.cedar").write_text(own)
        references.append("./own.cedar")
    judge = Judge(load_policies(references, relative_to=folder), Principal())
    return simulate([Recording("", lambda: entries)], lambda: Replay(judge, relabel, all_yes=all_yes))


def changes(found: Simulation) -> list[str]:
    """``send: ask -> allow``, in order."""
    told = [(one.replayed.past.call.name, one.replayed) for one in found.changes]
    return [f"{name}: {one.past.was} -> {one.verdict.outcome}" for name, one in told]
