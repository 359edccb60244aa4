"""``rule-of-two console``: the terminal in which a human approves."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from rule_of_two.approvals.endpoint import gateways_folder
from rule_of_two.cli.signer import open_signer
from rule_of_two.errors import ConfigurationError


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
    try:
        gateways_folder(folder)
    except ConfigurationError as error:
        raise _Refused(f"No console can attach: {error}.") from error
    try:
        signer = open_signer(key, unsigned=unsigned)
    except ConfigurationError as error:
        raise _Refused(f"{error}.") from error
    if plain:
        from rule_of_two.approvals.plain_console import run_plain  # noqa: PLC0415  # as below

        run_plain(folder.absolute(), signer)
    else:
        from rule_of_two.approvals.console_app import ConsoleApp  # noqa: PLC0415  # slow to import, and only used here

        ConsoleApp(folder.absolute(), signer).run()
