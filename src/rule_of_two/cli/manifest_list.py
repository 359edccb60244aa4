"""``rule-of-two manifest list``: the shipped manifests."""

from __future__ import annotations

import click

from rule_of_two.cli.main import Context
from rule_of_two.cli.output import print_json
from rule_of_two.manifests.load import load_manifest, manifest_files


@click.command("list")
@click.pass_obj
def list(context: Context) -> None:  # noqa: A001  # named as the command, by which it is found
    """The shipped manifests and where their facts come from.

    \b
    Example:
      rule-of-two manifest list
    """
    files = manifest_files(())
    documents = map(load_manifest, files)
    if context.json:
        print_json([{"server": one.server, "source": one.source, "tools": sorted(one.tools)} for one in documents])
        return
    width = max(len(file.stem) for file in files)
    for one in documents:  # each as soon as it is read: all of them take seconds
        click.echo(f"{one.server:{width}}  {len(one.tools):3} tools  {one.source}")
