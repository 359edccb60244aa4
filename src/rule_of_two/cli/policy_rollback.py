"""``rule-of-two policy rollback``: the operator's own files as they were in an earlier version."""

from __future__ import annotations

from pathlib import Path

import click

from rule_of_two.cli.main import Context
from rule_of_two.cli.output import print_json
from rule_of_two.cli.policy_versions import named_version
from rule_of_two.gateway.blueprint import sources_of
from rule_of_two.gateway.config import config_path, load_config
from rule_of_two.gateway.policy_versions import PolicyVersions
from rule_of_two.gateway.rollback import keep_present, plan, write


@click.command()
@click.argument("version")
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def rollback(context: Context, version: str, dry_run: bool, yes: bool) -> None:
    """Write your own policies and entities as they were in VERSION; what stands there now is kept as a version first.

    A gateway that runs takes them by itself within a second or two. Shipped sets are as they are installed. With
    --require-signed, sign them anew.

    \b
    Example:
      rule-of-two policy rollback 3f2a9c81 --dry-run
    """
    path = config_path(context.config)
    sources = sources_of(load_config(path), path.parent)
    versions = PolicyVersions(context.state, path.parent)
    target = named_version(context, versions, version)
    planned = plan(target.stored, sources)
    kept: str | None = None
    if not dry_run and planned:
        if not yes:
            for file, text in planned.items():
                click.echo(_told(file, text))
            click.confirm("Write this?", abort=True, err=True)
        kept = keep_present(versions, sources)
        write(planned)
    if context.json:
        files = [{"file": str(file), "removed": text is None} for file, text in planned.items()]
        print_json({"version": target.stored.version, "written": not dry_run, "kept": kept, "files": files})
        return
    if not planned:
        click.echo(f"Your files are as they were in version {target.stored.version[:12]} already.")
        return
    for file, text in planned.items():
        click.echo(f"{'would be ' if dry_run else ''}{_told(file, text)}")
    if not dry_run:
        click.echo(f"What stood there is kept as {kept}. A gateway that runs takes the files within two seconds.")
        if sources.load().version != target.stored.version:
            click.echo("What is installed changed since, so this is another version than it was.")


def _told(file: Path, text: str | None) -> str:
    return f"{'removed' if text is None else 'written'}: {file}"
