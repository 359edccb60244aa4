"""``rule-of-two console``: the terminal in which a human approves."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import Final

import click
import platformdirs

from rule_of_two.approvals.answer import check_approver
from rule_of_two.approvals.endpoint import gateways_folder
from rule_of_two.approvals.keys import ApproverKey, WrongPassphrase, approver_of, unlock
from rule_of_two.approvals.signer import Signer
from rule_of_two.approvals.undumpable import make_undumpable
from rule_of_two.errors import BadRequest, ConfigurationError

TRIES: Final = 3
"""Passphrases that may be typed."""


class _Refused(click.ClickException):
    exit_code = 2


@click.command()
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    help="The state folder of the gateways. Default: the one of the whole command.",
)
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Your approver's key; else $RULE_OF_TWO_KEY, else approver.key in your configuration folder.",
)
@click.option("--unsigned", is_flag=True, help="Answer without a key. Such answers are advisory.")
@click.option("--plain", is_flag=True, help="For a screen reader: plain lines, and one line of input at a time.")
@click.pass_context
def console(context: click.Context, state: Path | None, key: Path | None, unsigned: bool, plain: bool) -> None:
    """Answer the questions of running gateways in this terminal.

    It finds every gateway of the state folder, also those that start later. Each question shows the exact call that
    waits. y lets exactly that call through, once. n refuses it. Nothing else can approve a call: no MCP tool, no file
    and no row in the database. While no console is open, calls that need an answer are refused at once.

    Answers are signed with your key, which your passphrase unlocks here and which stays in this process.

    \b
    Example:
      rule-of-two console
      rule-of-two console --state ~/agents/state --key ~/keys/approver.key
      rule-of-two console --unsigned --plain
    """
    folder = state or getattr(context.obj, "state", None)
    if folder is None:
        raise _Refused("No state folder: name it with --state.")
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise _Refused("The console needs a terminal: run it in one, and redirect neither its input nor its output.")
    if unsigned and key is not None:
        raise _Refused("Give either --key or --unsigned.")
    try:
        gateways_folder(folder)
    except ConfigurationError as error:
        raise _Refused(f"No console can attach: {error}.") from error
    signer = Signer(_user()) if unsigned else _signer(_key_path(key))
    if plain:
        from rule_of_two.approvals.plain_console import run_plain  # noqa: PLC0415  # as below

        run_plain(folder.absolute(), signer)
    else:
        from rule_of_two.approvals.console_app import ConsoleApp  # noqa: PLC0415  # slow to import, and only used here

        ConsoleApp(folder.absolute(), signer).run()


def _key_path(option: Path | None) -> Path:
    """``--key``, else ``$RULE_OF_TWO_KEY``, else the one in the user's configuration folder."""
    variable = os.environ.get("RULE_OF_TWO_KEY")
    path = option or (Path(variable) if variable else platformdirs.user_config_path("rule-of-two") / "approver.key")
    if not path.is_file():
        raise _Refused(
            f"There is no key in {path}: make one with `rule-of-two init`, or answer without one: --unsigned."
        )
    return path


def _signer(path: Path) -> Signer:
    """The approver of the key in ``path``. Other processes of this user cannot read it from here, where that can be."""
    try:
        approver = approver_of(path)
        check_approver(approver)
        make_undumpable()
        return Signer(approver, _unlocked(path, approver))
    except (ConfigurationError, BadRequest) as error:
        raise _Refused(f"The key cannot be used: {str(error).rstrip('.')}.") from error


def _unlocked(path: Path, approver: str) -> ApproverKey:
    for left in reversed(range(TRIES)):
        passphrase = click.prompt(
            f"Passphrase of the key of {approver!r}", hide_input=True, default="", show_default=False
        )
        try:
            return unlock(path, passphrase)
        except WrongPassphrase:
            if left:
                click.echo("That is not its passphrase. Try again.", err=True)
    raise _Refused(f"That was not the passphrase of {path}. Nothing was answered.")


def _user() -> str:
    """The name of this user, as a claim: an unsigned answer proves nobody."""
    try:
        return getpass.getuser()[:100] or "unknown"
    except (OSError, KeyError):
        return "unknown"
