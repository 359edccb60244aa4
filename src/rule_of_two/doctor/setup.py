"""What is set up, and whether it works: read, never changed."""

from __future__ import annotations

import os
import pwd
import shutil
import sqlite3
import sys
from pathlib import Path

from rule_of_two.clients.entries import GIVEN
from rule_of_two.doctor.processes import consoles
from rule_of_two.doctor.registered import registered
from rule_of_two.doctor.setup_fact import Fact
from rule_of_two.errors import RuleOfTwoError
from rule_of_two.gateway.blueprint import Blueprint, Upstream, draw
from rule_of_two.gateway.config import Config
from rule_of_two.gateway.launch import Launch

if sys.platform == "win32":
    raise ImportError("what is examined here is of POSIX systems")


def facts(config: Config | None, file: Path, state: Path) -> tuple[Fact, ...]:
    """Everything about a configuration that was read, about its state, and about this user's clients."""
    clients = [] if config is None else registered(file, config.client, Path.home())
    return (*_configured(config, file, state), *clients, _state(state), _sessions(state), _consoles(state))


def _configured(config: Config | None, file: Path, state: Path) -> list[Fact]:
    if config is None:
        return [Fact("configuration", False, f"there is none in {file}; `rule-of-two init` writes one")]
    found = [Fact("configuration", True, f"{file}: client {config.client}, mode {config.mode}"), _approvers(config)]
    handed = [name for name, server in config.servers.items() if not server.disabled and GIVEN in repr(server)]
    found += [
        Fact(f"server {name}", good=True, says="its client hands it values, so it starts there") for name in handed
    ]
    here = {name: one.model_copy(update={"disabled": True}) for name, one in config.servers.items() if name in handed}
    try:
        blueprint = draw(config.model_copy(update={"servers": config.servers | here}), file=file, state=state)
    except RuleOfTwoError as error:
        return [*found, Fact("a gateway", False, f"would not start: {error}")]
    return [*found, _policies(blueprint), *_servers(blueprint, handed)]


def _approvers(config: Config) -> Fact:
    names = ", ".join(one.name for one in config.approvals.approvers)
    if names:
        return Fact("approvers", True, names)
    return Fact("approvers", False, "nobody is enrolled, so every yes is advisory; `rule-of-two init` enrols you")


def _policies(blueprint: Blueprint) -> Fact:
    policies = blueprint.policies
    return Fact(
        "policies", True, f"{', '.join(policies.sets)} and the invariant are valid ({len(policies.by_id)} policies)"
    )


def _servers(blueprint: Blueprint, handed: list[str]) -> list[Fact]:
    if not blueprint.upstreams and not handed:
        return [Fact("servers", False, "there is none under mcpServers")]
    return [_server(one) for one in blueprint.upstreams]


def _server(upstream: Upstream) -> Fact:
    launch = upstream.launch
    there = launch.url is not None or _command(launch)
    how = (
        "is reached by URL"
        if launch.url is not None
        else "its command was found"
        if there
        else (f"its command {launch.command!r} was not found")
    )
    known = "" if upstream.recognised else "; no manifest names it, so all that it does is [A][B][C]"
    return Fact(f"server {upstream.name}", there and upstream.recognised, f"{how}{known}")


def _command(launch: Launch) -> bool:
    command = launch.command or ""
    name = str(launch.cwd / command) if os.sep in command else command
    return shutil.which(name, path=launch.env.get("PATH")) is not None


def _state(state: Path) -> Fact:
    try:
        status = state.stat()
    except FileNotFoundError:
        return Fact("state", True, f"{state} is made when a gateway starts")
    except OSError as error:
        return Fact("state", False, f"{state}: {error.strerror}")
    mode = status.st_mode & 0o777
    says = f"{state} belongs to {_name(status.st_uid)}, mode {mode:04o}"
    return Fact("state", not mode & 0o077, says if not mode & 0o077 else f"{says}; `chmod 700` it")


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
        return Fact("sessions", False, f"the state cannot be read: {error}")
    return Fact("sessions", True, f"{count} open")


def _consoles(state: Path) -> Fact:
    if not Path("/proc").is_dir():
        return Fact("console", False, "whether one runs cannot be told on this system")
    count = len(consoles(state))
    says = f"{count} running" if count else "none runs: what has to be asked is refused; `rule-of-two console`"
    return Fact("console", count > 0, says)
