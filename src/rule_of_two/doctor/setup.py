"""What is set up, and whether it works: read, never changed."""

from __future__ import annotations

import pwd
import sqlite3
import sys
from pathlib import Path

from rule_of_two.clients.entries import GIVEN
from rule_of_two.doctor.definitions import definitions
from rule_of_two.doctor.fact import Fact
from rule_of_two.doctor.journal import journal
from rule_of_two.doctor.processes import consoles
from rule_of_two.doctor.registered import registered
from rule_of_two.doctor.servers import servers
from rule_of_two.errors import RuleOfTwoError
from rule_of_two.gateway.blueprint import Blueprint, draw
from rule_of_two.gateway.config import Config

if sys.platform == "win32":
    raise ImportError("what is examined here is of POSIX systems")


def facts(config: Config | None, file: Path, state: Path, *, start: bool = True) -> tuple[Fact, ...]:
    """Everything about a configuration that was read, its state, and this user's clients. With ``start`` its servers
    are started."""
    return (
        *_configured(config, file, state, start=start),
        *([] if config is None else registered(file, config.client, Path.home())),
        _state(state),
        _sessions(state),
        definitions(state),
        journal(state),
        _consoles(state),
    )


def _configured(config: Config | None, file: Path, state: Path, *, start: bool) -> list[Fact]:
    if config is None:
        return [Fact("configuration", False, f"there is none in {file}", "write one: `rule-of-two init`")]
    found = [Fact("configuration", True, f"{file}: client {config.client}, mode {config.mode}"), _approvers(config)]
    handed = [name for name, one in config.servers.items() if not one.disabled and GIVEN in repr(one)]
    found += [Fact(f"server {name}", True, "its client hands it values, so it starts only there") for name in handed]
    here = {
        name: one.model_copy(update={"disabled": True})
        for name, one in config.servers.items()
        if name in handed or one.clients == ()
    }
    try:
        blueprint = draw(config.model_copy(update={"servers": config.servers | here}), file=file, state=state)
    except RuleOfTwoError as error:
        return [*found, Fact("a gateway", False, f"would not start: {error}", f"correct that in {file}")]
    return [*found, _policies(blueprint), *_servers(blueprint, file, state, start=start, others=bool(here))]


def _approvers(config: Config) -> Fact:
    names = ", ".join(one.name for one in config.approvals.approvers)
    if names:
        return Fact("approvers", True, names)
    return Fact(
        "approvers", False, "nobody is enrolled, so every yes is advisory", "enrol yourself: `rule-of-two init`"
    )


def _policies(blueprint: Blueprint) -> Fact:
    policies = blueprint.policies
    return Fact(
        "policies", True, f"{', '.join(policies.sets)} and the invariant are valid ({len(policies.by_id)} policies)"
    )


def _servers(blueprint: Blueprint, file: Path, state: Path, *, start: bool, others: bool) -> list[Fact]:
    if not blueprint.upstreams and not others:
        return [Fact("servers", False, "there is none under mcpServers", f"put your MCP servers into {file}")]
    return servers(blueprint.upstreams, state, start=start)


def _state(state: Path) -> Fact:
    try:
        status = state.stat()
    except FileNotFoundError:
        return Fact("state", True, f"{state} is made when a gateway starts")
    except OSError as error:
        return Fact("state", False, f"{state}: {error.strerror}", f"let your user read {state}")
    mode = status.st_mode & 0o777
    says = f"{state} belongs to {_name(status.st_uid)}, mode {mode:04o}"
    return Fact("state", not mode & 0o077, says, f"keep others out: `chmod 700 {state}`" if mode & 0o077 else "")


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _sessions(state: Path) -> Fact:
    file = state / "state.db"
    try:
        if not file.exists():
            return Fact("sessions", True, "there was none yet")
        # Read-only, it would leave the files of its log behind.
        connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True)
        try:
            (count,) = connection.execute("SELECT count(*) FROM sessions WHERE ended_at IS NULL").fetchone()
        finally:
            connection.close()
    except (OSError, sqlite3.Error) as error:
        return Fact("sessions", False, f"the state cannot be read: {error}", f"move {state} aside and start again")
    return Fact("sessions", True, f"{count} open")


def _consoles(state: Path) -> Fact:
    if not Path("/proc").is_dir():
        return Fact("console", False, "whether one runs cannot be told on this system")
    count = len(consoles(state))
    if count:
        return Fact("console", True, f"{count} running")
    says = "none runs: what has to be asked is refused"
    return Fact("console", False, says, "keep `rule-of-two console` open in a terminal of yours")
