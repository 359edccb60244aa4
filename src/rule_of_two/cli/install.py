"""``rule-of-two install``: one entry in place of a client's servers, and they behind the gateway."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import click

from rule_of_two.cli.main import Context
from rule_of_two.cli.output import print_json
from rule_of_two.clients.entries import own_command
from rule_of_two.clients.hosts import HOSTS
from rule_of_two.escape import visible
from rule_of_two.gateway.config import config_path, key_path
from rule_of_two.installation.install import Done
from rule_of_two.installation.install import install as put_in_front
from rule_of_two.installation.plan import Plan, Taken, Us, facts
from rule_of_two.installation.shown_change import shown_change
from rule_of_two.installation.target import target_of
from rule_of_two.wording import counted

_FILE = click.option(
    "--file", type=click.Path(path_type=Path, dir_okay=False), help="Another file of this client's format."
)
_PROJECT = click.option(
    "--project",
    type=click.Path(path_type=Path, file_okay=False),
    help="The client's file of the project in this folder, instead of your own.",
)


@click.command()
@click.argument("client", type=click.Choice(list(HOSTS)))
@_PROJECT
@_FILE
@click.option(
    "--secrets",
    type=click.Choice(("keyring", "env", "keep")),
    help="Where secrets go: the keyring (the default where there is one), variables, or our configuration.",
)
@click.option("--dry-run", is_flag=True, help="Show what would change, and write nothing.")
@click.pass_obj
def install(
    context: Context,
    /,
    client: str,
    project: Path | None,
    file: Path | None,
    secrets: Literal["keyring", "env", "keep"] | None,
    dry_run: bool,
) -> None:
    """Put the gateway in front of the servers of CLIENT.

    Its servers move into your configuration, their secrets into the keyring, and one entry that starts the gateway
    takes their place. What stands in the file besides stays as it is, byte for byte; a backup is kept, and `uninstall`
    puts everything back. Run twice, it changes nothing; servers that were added since are moved, too.

    \b
    Examples:
      rule-of-two install claude-desktop --dry-run
      rule-of-two install cursor
      rule-of-two install claude-code --project ~/src/shop
    """
    target = target_of(client, project=project, file=file)
    us = this_gateway(context)
    done = put_in_front(target, us, state=context.state, secrets=secrets, dry_run=dry_run)
    if context.json:
        known = facts(done.plan, dry_run=dry_run, backup=done.backup, variables=done.variables)
        print_json({**known, "config": str(us.config), "diff": _diff(done.plan, us) if dry_run else None})
        return
    if dry_run and done.plan.changed:
        click.echo(_diff(done.plan, us))
    click.echo("\n".join(visible(line) for line in told(done, us, dry_run=dry_run)))
    if dry_run and secrets is None and done.variables:
        click.echo("There is no keyring here: without --dry-run, choose with --secrets where these secrets go.")


def this_gateway(context: Context, key: Path | None = None) -> Us:
    """How a client is to start this gateway: with the configuration, the state and the key that are named here."""
    options: tuple[str, ...] = ()
    if context.state_option is not None or os.environ.get("RULE_OF_TWO_STATE"):
        options = ("--state", str(context.state))
    named = key is not None or os.environ.get("RULE_OF_TWO_KEY")
    env = {"RULE_OF_TWO_KEY": str(key_path(key))} if named else {}
    return Us(own_command(), config_path(context.config), options, env)


def _diff(plan: Plan, us: Us) -> str:
    parts = (
        shown_change(us.config, plan.config_before, plan.config_after, plan.hidden),
        shown_change(plan.target.file, plan.before, plan.after, plan.hidden) if plan.changes else "",
    )
    return "\n".join(part for part in parts if part)


def told(done: Done, us: Us, *, dry_run: bool) -> list[str]:
    """What was done, or would be, in lines for a person. Names in them are somebody else's: escape them."""
    plan = done.plan
    title = plan.target.host.title
    lines = [_taken(one) for one in plan.taken]
    lines += [f"  {one.name}: stays in {plan.target.file}, as {one.why}" for one in plan.stays]
    if not plan.changed:
        return [*lines, f"The gateway is in front of {title} already; nothing was changed."]
    what = f"{counted(len(plan.taken), 'server')} of {title} ({plan.target.file})"
    stands = "would stand" if dry_run else "now stands" if len(plan.taken) == 1 else "now stand"
    lines.insert(0, f"{what} {stands} behind the gateway, in {us.config}:")
    if done.variables and plan.hidden:
        lines.append(f"Set where {title} starts, or the gateway will not start: {', '.join(done.variables)}")
        lines.append(f"Their values are {'in' if dry_run else 'now only in'} {done.backup or plan.target.file}.")
    if done.backup is not None:
        lines.append(f"As it was before: {done.backup}. `rule-of-two uninstall {plan.target.host.name}` puts it back.")
    if plan.target.folder is not None:
        lines.append("The entry names this machine's paths: think before you share the file, such as in a repository.")
    lines += plan.notes
    if not dry_run:
        lines.append(f"Next: start {title} again, and keep `rule-of-two console` open.")
    return lines


def _taken(one: Taken) -> str:
    name = one.was if one.was == one.name else f"{one.was}, here called {one.name}"
    known = (
        f"manifest {one.manifest}"
        if one.manifest is not None
        else f"no manifest: everything of it counts as [A][B][C]; `rule-of-two manifest draft {one.name}`"
    )
    off = "; turned off, as it was" if one.disabled else ""
    secrets = f"; {len(one.secrets)} secret{'' if len(one.secrets) == 1 else 's'} moved" if one.secrets else ""
    return f"  {name}: {known}{off}{secrets}"
