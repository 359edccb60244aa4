"""The examination: start the probe as the gateway's user, make the attempts as the agent's, and judge them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct
from pydantic import ValidationError

import rule_of_two
from rule_of_two.doctor import clients, setup
from rule_of_two.doctor.account import PYTHON, Account, own_environment
from rule_of_two.doctor.brief import APART, BRIEF, PROBE, Brief, Owned, Probe
from rule_of_two.doctor.commands import OWN_CONFIGURATION
from rule_of_two.doctor.fact import Fact
from rule_of_two.doctor.finding import FINDINGS, Assurance, Finding, assurance, judged
from rule_of_two.doctor.probe import ORDER, RENEWED, Order, Renewed
from rule_of_two.doctor.processes import consoles
from rule_of_two.doctor.state import FORGED_SESSION
from rule_of_two.errors import ConfigurationError
from rule_of_two.gateway.blueprint import own_files
from rule_of_two.gateway.config import Config, key_files, load_config
from rule_of_two.shipped import shipped

if sys.platform == "win32":
    raise ImportError("what is examined here is of POSIX systems")

_SECONDS: Final = 600.0


class Examination(Struct, frozen=True):
    """What is set up, what was tried as ``agent``, and what it is worth."""

    agent: str
    facts: tuple[Fact, ...]
    findings: tuple[Finding, ...]
    assurance: Assurance


def examine(file: Path, *, state: Path, key: Path, agent: Account | None, start: bool = True) -> Examination:
    """Try everything as ``agent``, else as this user. Nothing is left behind. ``start``: start each server once, too,
    where this user is the gateway's.

    :raises ConfigurationError: the configuration is wrong or out of reach, or what is needed to try cannot be started.
    """
    config = load_config(file) if _exists(file) else None
    owner = _owner(state, file)
    who = agent or Account.own()
    known = config or Config.model_validate({"version": 1, "mcpServers": {}})
    facts = setup.facts(config, file, state, start=start and owner is None)
    with running_probe(Order(None if config is None else str(file), str(state)), owner) as running:
        brief = Brief(
            config=str(file),
            state=str(state),
            key=str(key),
            user=known.principal.user,
            tenant=known.principal.tenant,
            approvers=tuple(one.name for one in known.approvals.approvers),
            probe=running.probe,
            consoles=tuple(one.id for one in consoles(state)),
            owned=tuple(_owned(known, file, state=state, key=key, home=who.home)),
        )
        tried = _tried(brief, agent)
        renewed = running.end()
    own = (clients.elicitation(known, taken=running.probe.takes_elicitation), clients.own_tools(known))
    accepted = {OWN_CONFIGURATION: renewed.sessions[2], FORGED_SESSION: renewed.sessions[3]}
    findings = (*(judged(one, accepted=accepted.get(one.attempt, True)) for one in tried), *own)
    return Examination(str(who), facts, findings, assurance(findings, enrolled=bool(known.approvals.approvers)))


def _exists(path: Path) -> bool:
    """Whether it is there.

    :raises ConfigurationError: this user may not look.
    """
    try:
        if not path.exists() or os.access(path, os.R_OK, effective_ids=True):
            return path.exists()
    except OSError:
        pass  # a folder above it cannot be entered
    raise ConfigurationError(
        "cannot be looked at by this user: run `rule-of-two doctor --agent USER` as root, or the doctor as the user "
        "who runs the gateway",
        file=path,
    )


def _owner(state: Path, file: Path) -> Account | None:
    """Who runs the gateway, as whom the probe is to run; ``None``: this user.

    :raises ConfigurationError: it is another user, and this one may not act for them.
    """
    there = next((path for path in (state, file) if _exists(path)), None)
    uid = os.geteuid() if there is None else there.stat().st_uid
    if uid == os.geteuid():
        return None
    if os.geteuid() != 0:
        raise ConfigurationError(
            "belongs to another user: run `rule-of-two doctor --agent USER` as root, or the doctor as that user",
            file=there,
        )
    return Account.of(uid)


def _owned(config: Config, file: Path, *, state: Path, key: Path, home: Path) -> Iterator[Owned]:
    yield Owned(what="the configuration", paths=(str(file),), close=APART)
    own = own_files(config, file.parent)
    if own:
        yield Owned(what="policies and manifests of your own", paths=tuple(map(str, own)), close=APART)
    yield Owned(what="the state", paths=(str(state),), close=APART)
    yield Owned(what="the approver's key", paths=tuple(map(str, key_files(key))), close=APART)
    script = shutil.which("rule-of-two")
    installed = [
        Path(rule_of_two.__file__).parent,
        shipped("policies"),
        shipped("tool_manifests"),
        Path(sysconfig.get_paths()["purelib"]),
        Path(sys.executable),
        *([Path(script)] if script else []),
    ]
    yield Owned(what="the installed package", paths=tuple(dict.fromkeys(map(str, installed))), close=APART)
    registered = clients.registration(config, home)
    if registered is not None:
        yield registered


class Running(Struct):
    """A probe, and the process that it is."""

    process: subprocess.Popen[bytes]
    probe: Probe

    def end(self) -> Renewed:
        """Have it take everything away, and say what became of its sessions."""
        stdout, _ = self.process.communicate(timeout=_SECONDS)
        try:
            return RENEWED.validate_json(stdout)
        except ValidationError as error:
            raise ConfigurationError(
                "the gateway that was started to be tried broke off; run the doctor again"
            ) from error


@contextmanager
def running_probe(order: Order, owner: Account | None) -> Iterator[Running]:
    """A probe that runs as ``owner``, else as this user, until the end of the block at the latest.

    :raises ConfigurationError: it cannot begin.
    """
    command = [*PYTHON, "rule_of_two.doctor.probe"]
    with _started(command, owner) as process:
        assert process.stdin is not None  # noqa: S101  # a pipe, as asked for
        assert process.stdout is not None  # noqa: S101
        process.stdin.write(ORDER.dump_json(order) + b"\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            _, errors = process.communicate(timeout=_SECONDS)
            why = errors.decode(errors="replace").strip().splitlines()
            raise ConfigurationError(f"no gateway can be tried: {why[-1] if why else 'it did not start'}")
        yield Running(process, PROBE.validate_json(line))


def _tried(brief: Brief, agent: Account | None) -> tuple[Finding, ...]:
    command = [*PYTHON, "rule_of_two.doctor.attempts"]
    with _started(command, agent) as process:
        stdout, errors = process.communicate(BRIEF.dump_json(brief), timeout=_SECONDS)
    try:
        return FINDINGS.validate_json(stdout)
    except ValidationError as error:
        why = errors.decode(errors="replace").strip().splitlines()
        raise ConfigurationError(
            f"nothing can be tried as {agent or 'this user'}: {why[-1] if why else 'the process ended'}"
        ) from error


@contextmanager
def _started(command: Sequence[str], account: Account | None) -> Iterator[subprocess.Popen[bytes]]:
    """A process of ``account``, out of reach of the terminal's signals: it ends when its input does."""
    pipe = subprocess.PIPE
    environment = own_environment() if account is None else account.environment()
    process = subprocess.Popen(  # noqa: S603  # our own modules
        [*command, *(() if account is None else account.arguments)],
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        start_new_session=account is not None,
        env=environment,
        cwd=None if account is None else "/",
    )
    with process:
        try:
            yield process
        finally:
            if process.stdin is not None and not process.stdin.closed:
                process.stdin.close()
            process.wait(_SECONDS)
