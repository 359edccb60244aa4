"""``rule-of-two manifest``: what tools can do, and which definitions were accepted."""

from __future__ import annotations

from pathlib import Path

import click

from rule_of_two.cli.main import Context
from rule_of_two.cli.manifest_pin import pin
from rule_of_two.cli.output import print_json
from rule_of_two.manifests.load import find_manifest, list_manifests, load_manifest
from rule_of_two.model import label_text


@click.group()
def manifest() -> None:
    """Shipped manifests, and the definitions that were accepted.

    \b
    Example:
      rule-of-two manifest list
    """


@manifest.command("list")
@click.pass_obj
def list_(context: Context) -> None:
    """The shipped manifests and where their facts come from.

    \b
    Example:
      rule-of-two manifest list
    """
    documents = list_manifests(())
    if context.json:
        print_json([{"server": one.server, "source": one.source, "tools": sorted(one.tools)} for one in documents])
        return
    width = max(len(one.server) for one in documents)
    for one in documents:
        click.echo(f"{one.server:{width}}  {len(one.tools):3} tools  {one.source}")


@manifest.command()
@click.argument("name")
@click.pass_obj
def show(context: Context, name: str) -> None:
    """The labels of each tool of a manifest, by name or path.

    \b
    Example:
      rule-of-two manifest show filesystem
    """
    document = load_manifest(find_manifest(name, relative_to=Path.cwd(), folders=()))
    if context.json:
        print_json(document.model_dump(mode="json", by_alias=True, exclude_none=True))
        return
    click.echo(f"{document.server}: {document.source}")
    for tool, entry in document.tools.items():
        rules = f"  (+{len(entry.rules)} rules)" if entry.rules else ""
        click.echo(f"  {tool:40} {label_text(frozenset(entry.labels))}{rules}")
    for parameter, declared in document.fillable.items():
        click.echo(f"  parameter {parameter}: {declared.type}, default {declared.default}")


manifest.add_command(pin)
