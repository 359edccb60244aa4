"""Whether each server of a configuration starts, and offers what was accepted of it: each is started once and ended."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import anyio

from rule_of_two.doctor.fact import Fact
from rule_of_two.errors import RuleOfTwoError
from rule_of_two.gateway.acceptance import compare, offered_by
from rule_of_two.gateway.blueprint import Upstream
from rule_of_two.gateway.definitions import Definition, Kind
from rule_of_two.gateway.launch import Launch
from rule_of_two.store.pins import PinStore
from rule_of_two.store.state import open_state
from rule_of_two.wording import counted


def servers(upstreams: Sequence[Upstream], state: Path, *, start: bool) -> list[Fact]:
    """One fact for each server. Without ``start`` none is started, and only commands are looked for."""
    if not start:
        return [_missing(one) or _known(one, _how(one.launch)) for one in upstreams]
    found: dict[str, Fact] = {}

    async def examined() -> None:
        async with anyio.create_task_group() as tasks:
            for one in upstreams:
                tasks.start_soon(_examine, one, state, found)

    anyio.run(examined)
    return [found[one.name] for one in upstreams]


async def _examine(upstream: Upstream, state: Path, found: dict[str, Fact]) -> None:
    found[upstream.name] = _missing(upstream) or await _started(upstream, state)


def _missing(upstream: Upstream) -> Fact | None:
    """That its command is not there; ``None``: it is, or there is none."""
    command = upstream.launch.command
    if command is None or _found(upstream.launch, command):
        return None
    step = f"install {command!r}, or correct the command of '{upstream.name}' in the configuration"
    return Fact(f"server {upstream.name}", False, f"its command {command!r} was not found", step)


def _found(launch: Launch, command: str) -> bool:
    name = str(launch.cwd / command) if os.sep in command else command
    return shutil.which(name, path=launch.env.get("PATH")) is not None


def _how(launch: Launch) -> str:
    return "is reached by URL" if launch.command is None else "its command was found"


async def _started(upstream: Upstream, state: Path) -> Fact:
    what, name = f"server {upstream.name}", upstream.name
    if upstream.launch.oauth is not None:
        return _known(upstream, "is reached by URL, with an authorization that a person gives; it was not tried")
    said: list[str] = []
    try:
        identity, offered = await offered_by(upstream, state, log=said.append)
    except RuleOfTwoError as error:
        last = f"; it said last: {said[-1]}" if said else ""
        return Fact(what, False, f"does not start: {error}{last}", f"start '{name}' by hand and see what it says")
    waiting = _unaccepted(identity, offered, state)
    tools = counted(sum(one.kind is Kind.TOOL for one in offered), "tool")
    if waiting:
        says = f"offers {tools}; {counted(waiting, 'definition')} changed since they were accepted"
        return Fact(what, False, says, f"look at what changed: `rule-of-two manifest pin {name}`")
    return _known(upstream, f"starts and offers {tools}")


def _unaccepted(identity: str, offered: list[Definition], state: Path) -> int:
    """How many definitions are not as they were accepted; none where nothing was accepted yet."""
    if not (state / "state.db").exists():
        return 0
    with closing(open_state(state)) as database:
        pins = PinStore(database)
        unanswered = pins.unanswered(identity)
        if unanswered is None or not pins.load(identity):
            return 0
        return sum((one.kind, one.name) not in unanswered for one in compare(pins, identity, offered).changes)


def _known(upstream: Upstream, says: str) -> Fact:
    name = upstream.name
    if upstream.recognised:
        return Fact(f"server {name}", True, says)
    return Fact(
        f"server {name}",
        False,
        f"{says}; no manifest names it, so all that it does is [A][B][C]",
        f"say what its tools can do: `rule-of-two manifest draft {name}`",
    )
