"""``rule-of-two console``: the terminal in which a human approves."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

import click

from rule_of_two.approvals.endpoint import gateways_folder
from rule_of_two.errors import ConfigurationError


class _Refused(click.ClickException):
    exit_code = 2


@click.command()
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    help="The state folder of the gateways. Default: the one of the whole command.",
)
@click.pass_context
def console(context: click.Context, state: Path | None) -> None:
    """Answer the questions of running gateways in this terminal.

    It finds every gateway of the state folder, also those that start later. Each question shows the exact call that
    waits. y lets exactly that call through, once. n refuses it. Nothing else can approve a call: no MCP tool, no file
    and no row in the database. While no console is open, calls that need an answer are refused at once.

    \b
    Example:
      rule-of-two console
      rule-of-two console --state ~/agents/state
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
    from rule_of_two.approvals.console_app import ConsoleApp  # noqa: PLC0415  # slow to import; no other command needs it

    ConsoleApp(folder.absolute(), approver=_approver()).run()


def _approver() -> str:
    """The name of this user, as a claim: an unsigned answer proves nobody."""
    try:
        return getpass.getuser()[:100] or "unknown"
    except (OSError, KeyError):
        return "unknown"
