"""``rule-of-two doctor``: what is set up, what works, and which assurance tier is reached."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
from rich.console import Console

from rule_of_two.cli.main import Context
from rule_of_two.cli.output import print_json
from rule_of_two.errors import ConfigurationError
from rule_of_two.gateway.config import config_path, key_path
from rule_of_two.model import Tier


@click.command()
@click.option(
    "--agent", metavar="USER", help="The user as whom the agent runs, by name or number. Only root can say it."
)
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The approver's key; else $RULE_OF_TWO_KEY, else in your configuration folder.",
)
@click.option(
    "--require",
    type=click.Choice([str(tier) for tier in Tier]),
    help="Exit 1 unless this tier, or a higher one, is reached.",
)
@click.option("--no-start", is_flag=True, help="Start no server; only look for their commands.")
@click.pass_obj
def doctor(context: Context, /, agent: str | None, key: Path | None, require: str | None, no_start: bool) -> None:
    """What is set up and works; what an agent could get round; which assurance tier is left; and what to do next.

    Each server of the configuration is started once, and what it offers compared with what was accepted. Then
    everything that would defeat the gateway is tried as the agent's user.

    \b
    T0  advisory: the agent could approve its own calls
    T1  approvals are signed by a key that a passphrase unlocks, but the agent can reach what the gateway rests on
    T2  the agent runs as another user, and reaches neither state, configuration, policies, package nor console
    T3  approval by passkey or on another device, which this version does not have

    For that it answers a question of a gateway that it starts for this, runs our commands, writes rows and takes them
    back, and looks for ways into files, the key and running consoles. Nothing is left behind. Without --agent it tries
    as you. As root, name --config, --state and --key: they are those of the gateway's user.

    \b
    Examples:
      rule-of-two doctor
      rule-of-two --json doctor --require T1
      rule-of-two --config /etc/r2/rule-of-two.yaml --state /var/lib/r2 doctor --agent agent --key /etc/r2/approver.key
    """
    if sys.platform == "win32":
        raise ConfigurationError(
            "the doctor tries what users of Linux and macOS can do; it knows nothing of Windows yet"
        )
    if agent is not None and os.geteuid() != 0:
        raise ConfigurationError("only root can try as somebody else: use sudo, or run the doctor as that user")
    from rule_of_two.doctor.account import Account  # noqa: PLC0415  # not on Windows
    from rule_of_two.doctor.examine import examine  # noqa: PLC0415  # as above
    from rule_of_two.doctor.report import as_facts, page  # noqa: PLC0415

    account = None if agent is None else Account.named(agent)
    found = examine(
        config_path(context.config), state=context.state, key=key_path(key), agent=account, start=not no_start
    )
    print_json(as_facts(found)) if context.json else Console().print(page(found))
    if require is not None and found.assurance.tier < Tier(require):
        sys.exit(1)
