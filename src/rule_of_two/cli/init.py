"""``rule-of-two init``: a configuration, an approver's key and the gateway in front of a client, in four questions."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any, Final

import click
from msgspec import Struct

from rule_of_two.approvals.keys import SHORTEST_PASSPHRASE, ApproverKey, PublicKey, approver_of, unlock
from rule_of_two.approvals.word import check_approver
from rule_of_two.cli.install import this_gateway, told
from rule_of_two.cli.main import Context
from rule_of_two.cli.output import print_json
from rule_of_two.cli.signer import user_name
from rule_of_two.clients.hosts import HOSTS
from rule_of_two.clients.profiles import PROFILES
from rule_of_two.errors import BadRequest, ConfigurationError, RuleOfTwoError
from rule_of_two.escape import visible
from rule_of_two.gateway.config import ApproverSettings, config_path, key_files, key_path
from rule_of_two.installation.config_file import ConfigFile
from rule_of_two.installation.install import install as put_in_front
from rule_of_two.installation.target import Target, found_clients, outside, target_of

_ADVISORY: Final = (
    "Advisory: no approver is enrolled, so whoever runs as this user can say yes, the agent too. "
    "`rule-of-two init` without --unsigned makes a key."
)


class _Asking(Struct, frozen=True):
    """Where answers come from: a terminal, or what was given with the command and good defaults."""

    terminal: bool
    passphrase: str | None

    def name(self, given: str | None) -> str:
        name = given or (click.prompt("Your name as an approver", user_name(), err=True) if self.terminal else None)
        return name or user_name()

    def new_passphrase(self) -> str:
        if self.passphrase is not None:
            return self.passphrase
        self._need_terminal()
        asked: str = click.prompt(
            f"A passphrase for your key, of at least {SHORTEST_PASSPHRASE} characters",
            hide_input=True,
            confirmation_prompt="The same passphrase again",
            value_proc=_long_enough,
            err=True,
        )
        return asked

    def passphrase_of(self, key: Path) -> str:
        if self.passphrase is not None:
            return self.passphrase
        self._need_terminal()
        asked: str = click.prompt(f"Passphrase of {key}", hide_input=True, err=True)
        return asked

    def client(self, given: str | None) -> str:
        if given is not None or not self.terminal:
            return given or "generic"
        found = found_clients()
        likely = found[0][0].name if len(found) == 1 else "generic"
        asked: str = click.prompt(
            "In which client does the agent run", likely, type=click.Choice(list(PROFILES)), err=True
        )
        return asked

    def installs(self, target: Target) -> bool:
        """Whether the gateway is to be put in front of the client's servers. Only a person can say so."""
        if not self.terminal:
            return False
        with contextlib.suppress(RuleOfTwoError):
            if count := len(outside(target)):
                many = f"its {count} servers" if count > 1 else "its server"
                undo = f"`rule-of-two uninstall {target.host.name}` undoes it"
                return click.confirm(
                    visible(f"Put the gateway in front of {many} ({target.file})? {undo}"), default=True, err=True
                )
        return False

    def _need_terminal(self) -> None:
        if not self.terminal:
            raise ConfigurationError(
                "the passphrase is asked in a terminal: run the command in one, or give it with --passphrase-stdin"
            )


@click.command()
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where your approver's key stands; else $RULE_OF_TWO_KEY, else in your configuration folder.",
)
@click.option("--unsigned", is_flag=True, help="Make no key. What is answered without one is advisory.")
@click.option("--name", help="Your name as an approver; else it is asked, and is your user's name by default.")
@click.option("--client", type=click.Choice(list(PROFILES)), help="In which client the agent runs; else it is asked.")
@click.option("--passphrase-stdin", is_flag=True, help="Read the passphrase from the first line of stdin; ask nothing.")
@click.pass_obj
def init(
    context: Context,
    /,
    key: Path | None,
    unsigned: bool,
    name: str | None,
    client: str | None,
    passphrase_stdin: bool,
) -> None:
    """Make an approver's key and a configuration, or enrol the key in the one that is there; offer to install.

    Nothing is replaced: neither a key, nor a configuration, whose comments and order stay. A key that is there already
    is enrolled only when you know its passphrase. Run twice, it changes nothing.

    \b
    Examples:
      rule-of-two init
      rule-of-two init --client claude-code --name alice
      rule-of-two --config ./rule-of-two.yaml init --unsigned
    """
    if unsigned and (key is not None or passphrase_stdin or name is not None):
        raise click.UsageError("--unsigned makes no key: it goes with none of --key, --name and --passphrase-stdin")
    passphrase = sys.stdin.readline().rstrip("\r\n") if passphrase_stdin else None
    asking = _Asking(terminal=not passphrase_stdin and sys.stdin.isatty(), passphrase=passphrase)
    file = ConfigFile.read(config_path(context.config))
    approver, done = (None, []) if unsigned else _approver(file, key_path(key), name, asking)
    done += _configuration(file, approver, asking, client)
    file = ConfigFile.read(file.path)
    installed = _installed(context, file, asking, key)
    done += installed
    advisory = approver is None and not (file.config and file.config.approvals.approvers)
    if context.json:
        print_json(_facts(file, None if approver is None else key_path(key), approver, done, advisory=advisory))
        return
    click.echo("\n".join(done or ["Everything is there already; nothing was changed."]))
    if advisory:
        click.echo(_ADVISORY)
    elif approver is not None and key is not None and key_path(None) != key_path(key):
        click.echo(
            f"Set RULE_OF_TWO_KEY={key_path(key)} where the gateway and the console run: "
            "only then is the key out of reach of the agent's tools, and found."
        )
    if done and not installed:
        click.echo(_next(file))


def _approver(file: ConfigFile, key: Path, name: str | None, asking: _Asking) -> tuple[ApproverSettings, list[str]]:
    """Who is to be enrolled, and what was done for it. A key that is there counts only for who can unlock it: a file
    that somebody else put there would enrol them."""
    private, public = key_files(key)
    if not private.exists():
        if public.exists():
            raise ConfigurationError("there is a public line without its key; move it away", file=public)
        named = _checked(asking.name(name))
        made = ApproverKey.generate()
        settings = ApproverSettings(name=named, key=made.public.line)
        file.enrols(settings)
        made.save(key, asking.new_passphrase(), approver=named)
        return settings, [f"Made the key of the approver '{named}' in {key} ({made.public.fingerprint})."]
    named = _checked(name or approver_of(key))
    claimed = ApproverSettings(name=named, key=_public_line(public))
    if file.enrols(claimed):
        return claimed, []
    unlocked = unlock(key, asking.passphrase_of(key))
    settings = ApproverSettings(name=named, key=unlocked.public.line)
    file.enrols(settings)
    return settings, []


def _configuration(
    file: ConfigFile, approver: ApproverSettings | None, asking: _Asking, client: str | None
) -> list[str]:
    if file.config is None:
        file.create(client=asking.client(client), approver=approver)
        return [f"Wrote {file.path}."]
    done: list[str] = []
    if client is not None and client != file.config.client:
        click.echo(f"rule-of-two: {file.path} names the client {file.config.client}; it was left so", err=True)
    if approver is not None and not file.enrols(approver):
        backup = file.enrol(approver)
        done.append(f"Enrolled '{approver.name}' in {file.path}; as it was before: {backup}.")
    return done


def _installed(context: Context, file: ConfigFile, asking: _Asking, key: Path | None) -> list[str]:
    """Put the gateway in front of the client's servers, if that is wanted. What is in the way is said, with the command
    that does it later."""
    host = HOSTS.get(file.config.client) if file.config is not None else None
    if host is None:
        return []
    target = target_of(host.name, project=None, file=None)
    if not asking.installs(target):
        return []
    us = this_gateway(context, key)
    try:
        found = put_in_front(target, us, state=context.state, secrets=None, dry_run=False)
    except ConfigurationError as error:
        click.echo(f"rule-of-two: {visible(str(error))}; see `rule-of-two install {host.name} --help`", err=True)
        return []
    return [visible(line) for line in told(found, us, dry_run=False)]


def _next(file: ConfigFile) -> str:
    client = "generic" if file.config is None else file.config.client
    command = f"rule-of-two --config {file.path} serve"
    if client in HOSTS:
        place = f"`rule-of-two install {client}` puts it in front of the servers of {HOSTS[client].title}"
    else:
        place = f"Put your MCP servers under mcpServers in {file.path}, and register the command: {command}"
    return (
        f"Next: 1. {place}.\n"
        "      2. Start the client again.\n"
        "      3. Keep `rule-of-two console` open in a terminal of yours; `rule-of-two doctor` tells what is reached."
    )


def _facts(
    file: ConfigFile, key: Path | None, approver: ApproverSettings | None, done: list[str], *, advisory: bool
) -> dict[str, Any]:
    return {
        "config": str(file.path),
        "key": None if key is None else str(key),
        "approver": None if approver is None else approver.name,
        "fingerprint": None if approver is None else PublicKey.parse(approver.key).fingerprint,
        "advisory": advisory,
        "changed": bool(done),
        "done": done,
    }


def _public_line(public: Path) -> str:
    try:
        return PublicKey.parse(public.read_text(encoding="utf-8")).line
    except ConfigurationError as error:
        raise ConfigurationError(str(error), file=public) from error


def _checked(name: str) -> str:
    try:
        check_approver(name)
    except BadRequest as error:
        raise ConfigurationError(str(error)) from error
    return name


def _long_enough(text: str) -> str:
    if len(text) < SHORTEST_PASSPHRASE:
        raise click.BadParameter(f"it has fewer than {SHORTEST_PASSPHRASE} characters")
    return text
