"""``rule-of-two session new|drop|freeze``: what a person does to a session outside a question.

The same checks as at the console: the command is signed, policy lets its approver do it, and the journal keeps it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import anyio
import click

from rule_of_two.cli.main import Context
from rule_of_two.cli.names import sessions
from rule_of_two.cli.output import print_json

if TYPE_CHECKING:
    from rule_of_two.approvals.choice import Choice

F = TypeVar("F", bound=Callable[..., Any])

_REALLY: Final = (
    "A new session holds nothing, whatever the old one has read. Say yes only if the conversation in the client is "
    "new: the gateway forgets what was read, the model does not.\nIs the conversation really new?"
)


def _options(command: F) -> F:
    for option in reversed(
        (
            click.argument("name", metavar="SESSION", shell_complete=sessions),
            click.option("--key", type=click.Path(path_type=Path, dir_okay=False), help="Your approver's key."),
            click.option("--unsigned", is_flag=True, help="Do without a key: advisory, where no approver is enrolled."),
        )
    ):
        command = option(command)
    return command


@click.command()
@click.pass_obj
@_options
@click.option("--yes", is_flag=True, help="The conversation really is new: do not ask.")
def new(context: Context, /, name: str, key: Path | None, unsigned: bool, yes: bool) -> None:
    """Start a new session in place of SESSION: say this only when the conversation really is new.

    What the old conversation has read is forgotten by the gateway, not by the model.

    \b
    Example:
      rule-of-two session new s-1a2b3c4d
    """
    if not yes and not sys.stdin.isatty():
        raise click.UsageError("whether the conversation really is new is asked in a terminal; elsewhere say --yes")
    if not yes and not click.confirm(_REALLY, err=True):
        sys.exit(1)
    _carry_out(context, name, "new", key, unsigned, "{session} holds nothing; {name} has ended")


@click.command()
@click.pass_obj
@_options
def drop(context: Context, /, name: str, key: Path | None, unsigned: bool) -> None:
    """Give up [C] in SESSION for good: it can read without asking, and nothing that acts or sends is carried out.

    \b
    Example:
      rule-of-two session drop s-1a2b3c4d
    """
    _carry_out(context, name, "drop", key, unsigned, "{session} gave up [C]")


@click.command()
@click.pass_obj
@_options
def freeze(context: Context, /, name: str, key: Path | None, unsigned: bool) -> None:
    """Freeze SESSION: nothing runs in it any more.

    \b
    Example:
      rule-of-two session freeze s-1a2b3c4d
    """
    _carry_out(context, name, "freeze", key, unsigned, "{session} is frozen")


def _carry_out(context: Context, name: str, choice: str, key: Path | None, unsigned: bool, said: str) -> None:
    """Sign, check and do it. Exit 1: it may not be done."""
    from rule_of_two.approvals.answer import Refusal  # noqa: PLC0415  # --help does not pay for it
    from rule_of_two.approvals.choice import Choice  # noqa: PLC0415

    outcome = anyio.run(_command, context, name, Choice(choice), key, unsigned)
    if isinstance(outcome, Refusal) or outcome is None:
        sentence = f"there is no open session {name}" if outcome is None else outcome.sentence
        click.echo(f"rule-of-two: {sentence}", err=True)
        sys.exit(1)
    if context.json:
        print_json({"session": outcome, "done": choice})
    else:
        click.echo(said.format(session=outcome, name=name))


async def _command(context: Context, name: str, choice: Choice, key: Path | None, unsigned: bool) -> Any:
    """The session as it goes on, why not, or ``None`` when there is no such session."""
    from rule_of_two.approvals.answer import Refusal  # noqa: PLC0415  # as above
    from rule_of_two.approvals.command import Command  # noqa: PLC0415
    from rule_of_two.cli.signer import open_signer  # noqa: PLC0415
    from rule_of_two.gateway.answers import opened_answers  # noqa: PLC0415
    from rule_of_two.gateway.config import found_config  # noqa: PLC0415
    from rule_of_two.gateway.timing import utc_now  # noqa: PLC0415

    config, path = found_config(context.config)
    with opened_answers(config, path, context.state) as answers:
        signer = open_signer(key, unsigned=unsigned or (key is None and not answers.approvers))
        command = Command.to(name, choice, approver=signer.approver, now=utc_now()).signed(signer.key)
        refusal = answers.refuses_command(command)
        if refusal is not None:
            return None if refusal is Refusal.UNKNOWN_SESSION else refusal
        return await answers.carry_out(command)
