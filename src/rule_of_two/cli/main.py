"""``rule-of-two``: the command line. Each command has a file of its own, loaded only when it is used."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
from msgspec import Struct

from rule_of_two import __version__
from rule_of_two.cli.lazy import LazyGroup
from rule_of_two.errors import RuleOfTwoError
from rule_of_two.escape import visible

COMMANDS: Final = {
    "init": "A configuration and an approver's key.",
    "install": "The gateway in front of the servers of a client of yours.",
    "uninstall": "A client's servers as they were before `install`.",
    "doctor": "What is set up, what works, and which assurance tier is reached.",
    "serve": "The gateway: an MCP server in front of the servers of your configuration.",
    "wrap": "The gateway around one server, with no configuration file.",
    "demo": "A story in the terminal, with real servers: three labels, one question, one answer.",
    "console": "The terminal in which a human approves.",
    "token": "Bearer tokens of clients that connect over HTTP.",
    "session": "What sessions hold; dropping C, freezing, starting new ones; what would be asked.",
    "ledger": "What stored notes and files bring to whoever reads them; endorsing what you looked at.",
    "why": "Why a call was allowed, asked or denied.",
    "trace": "What a session did, as a timeline or one HTML page.",
    "audit": "The journal, and whether every receipt in it holds.",
    "policy": "Policies: checked, tested, proved, and tried out on what was recorded.",
    "manifest": "Tool manifests and accepted definitions.",
    "completion": "Completion of commands and names, for bash, zsh and fish.",
}


class Context(Struct, frozen=True):
    """The global options, as given. ``json`` asks for machine-readable output."""

    config: Path | None
    state_option: Path | None
    json: bool

    @property
    def state(self) -> Path:
        """The state folder (INTERFACE "Commands")."""
        from rule_of_two.gateway.config import state_folder  # noqa: PLC0415  # pydantic is not needed for --help

        return state_folder(self.state_option)


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    module="rule_of_two.cli.{}",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="rule-of-two")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="The configuration; else $RULE_OF_TWO_CONFIG, else your configuration folder. Never the working directory.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder of sessions and journal; else $RULE_OF_TWO_STATE, else your state folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON, for scripts.")
@click.pass_context
def cli(ctx: click.Context, config: Path | None, state: Path | None, as_json: bool) -> None:
    """No agent session combines untrustworthy input [A], private data [B] and outside effects [C] unasked.

    \b
    Example:
      rule-of-two --config ./rule-of-two.yaml serve
    """
    ctx.obj = Context(config, state, as_json)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. Exit 0: done; 1: the answer is no; 2: usage or configuration."""
    try:
        code = cli.main(arguments, prog_name="rule-of-two", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (RuleOfTwoError, BaseExceptionGroup) as error:
        expected = _expected(error)
        if expected is None:
            raise
        # What is wrong is often named by whoever wrote it.
        click.echo(f"rule-of-two: {visible(str(expected))}", err=True)
        sys.exit(2)


def _expected(error: BaseException) -> RuleOfTwoError | None:
    """The error that this package raised on purpose, also out of a task group; ``None`` for a bug."""
    if isinstance(error, BaseExceptionGroup):
        return next((found for inner in error.exceptions if (found := _expected(inner))), None)
    return error if isinstance(error, RuleOfTwoError) else None
