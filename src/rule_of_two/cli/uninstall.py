"""``rule-of-two uninstall``: a client's file as it was before ``install``."""

from __future__ import annotations

from pathlib import Path

import click

from rule_of_two.cli.main import Context
from rule_of_two.cli.output import print_json
from rule_of_two.clients.hosts import HOSTS
from rule_of_two.escape import visible
from rule_of_two.installation.shown_change import shown_change
from rule_of_two.installation.target import Target, target_of
from rule_of_two.installation.uninstall import Undone
from rule_of_two.installation.uninstall import uninstall as take_away


@click.command()
@click.argument("client", type=click.Choice(list(HOSTS)))
@click.option(
    "--project",
    type=click.Path(path_type=Path, file_okay=False),
    help="The client's file of the project in this folder, instead of your own.",
)
@click.option("--file", type=click.Path(path_type=Path, dir_okay=False), help="The file that `install` was given.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and write nothing.")
@click.pass_obj
def uninstall(context: Context, /, client: str, project: Path | None, file: Path | None, dry_run: bool) -> int:
    """Put the servers of CLIENT back where `install` took them from. Exit 1 when it took none.

    A file that nobody changed since is what it was, byte for byte, secrets included. In one that was changed, our entry
    is replaced by what it stands for and everything else is kept; where that cannot be done with certainty, nothing is
    changed, and you are told where the backup is. Your configuration and the keyring keep what was moved there.

    \b
    Examples:
      rule-of-two uninstall claude-desktop --dry-run
      rule-of-two uninstall claude-code --project ~/src/shop
    """
    target = target_of(client, project=project, file=file)
    undone = take_away(target, state=context.state, dry_run=dry_run)
    if context.json:
        print_json(_facts(target, undone, dry_run=dry_run))
    elif undone is None:
        click.echo(visible(f"Nothing was installed in {target.file} from this state folder."), err=True)
    else:
        if dry_run:
            click.echo(shown_change(target.file, undone.before, undone.after, undone.hidden))
        click.echo("\n".join(visible(line) for line in _lines(target, undone, dry_run=dry_run)))
    return 1 if undone is None else 0


def _lines(target: Target, undone: Undone, *, dry_run: bool) -> list[str]:
    will = "would be" if dry_run else "is"
    how = "as it was, byte for byte" if undone.exact else "without the gateway; what was changed since is kept"
    lines = [f"{target.file} {will} {how if undone.after is not None else 'gone, as there was none'}."]
    if undone.servers:
        lines.append(
            f"{undone.config} keeps {', '.join(undone.servers)}, given to {target.host.name} no longer; "
            "its secrets stay where they were moved."
        )
    if undone.kept is not None:
        lines.append(f"The backups, with secrets in them, are in {undone.kept}; remove them when you are content.")
    return [*lines, *([] if dry_run else [f"Next: start {target.host.title} again."])]


def _facts(target: Target, undone: Undone | None, *, dry_run: bool) -> dict[str, object]:
    return {
        "client": target.host.name,
        "file": str(target.file),
        "installed": undone is not None,
        "dry_run": dry_run,
        "exact": undone is not None and undone.exact,
        "servers": [] if undone is None else list(undone.servers),
        "backups": None if undone is None or undone.kept is None else str(undone.kept),
    }
