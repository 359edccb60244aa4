"""``rule-of-two manifest``: what tools can do, and which definitions were accepted."""

from __future__ import annotations

import getpass
import json
import sys
from pathlib import Path

import anyio
import click

from rule_of_two.cli.main import Context
from rule_of_two.cli.output import print_json
from rule_of_two.escape import visible
from rule_of_two.gateway.acceptance import accept, compare, offered_by
from rule_of_two.gateway.blueprint import Upstream, draw
from rule_of_two.gateway.config import config_path, load_config
from rule_of_two.gateway.definitions import Definition, Listed
from rule_of_two.gateway.timing import timestamp
from rule_of_two.manifests.load import find_manifest, list_manifests, load_manifest
from rule_of_two.model import label_text
from rule_of_two.store.pins import PinStore
from rule_of_two.store.state import open_state


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


@manifest.command()
@click.argument("server")
@click.option("--accept", "accepting", is_flag=True, help="Accept what the server offers now.")
@click.pass_obj
def pin(context: Context, server: str, accepting: bool) -> None:
    """Show what SERVER of your configuration offers now against what was accepted; with --accept, accept it.

    Exit 1: something is not accepted as it is now.

    \b
    Example:
      rule-of-two manifest pin files --accept
    """
    upstream = _upstream(context, server)
    identity, offered = anyio.run(offered_by, upstream, context.state)
    pins = PinStore(open_state(context.state))
    waiting = compare(pins, identity, offered).unaccepted()
    if context.json:
        print_json(
            [{"kind": one.definition.kind, "name": one.definition.name, "status": one.status} for one in waiting]
        )
    else:
        click.echo("\n".join(_lines(waiting, offered)) or f"{server}: everything is as it was accepted")
    if accepting:
        anyio.run(lambda: accept(pins, identity, offered, by=getpass.getuser(), at=timestamp()))
        if not context.json:
            click.echo(f"{server}: accepted {len(offered)} definitions (unsigned)")
    elif waiting:
        sys.exit(1)


def _upstream(context: Context, server: str) -> Upstream:
    path = config_path(context.config)
    blueprint = draw(load_config(path), file=path, state=context.state)
    for upstream in blueprint.upstreams:
        if upstream.name == server:
            return upstream
    names = ", ".join(upstream.name for upstream in blueprint.upstreams)
    raise click.ClickException(f"{path} has no server '{server}'; it has {names}")


def _lines(waiting: list[Listed], offered: list[Definition]) -> list[str]:
    """What is offered now, with every hidden character shown: this text is the upstream's."""
    now = {(one.kind, one.name): one.body for one in reversed(offered)}
    lines: list[str] = []
    for listed in waiting:
        definition = listed.definition
        body = json.dumps(now[definition.kind, definition.name], indent=2, ensure_ascii=False)
        lines.append(f"{definition.kind} {visible(definition.name)} is {listed.status}; it is offered as")
        lines += [f"    {visible(line)}" for line in body.splitlines()]
    return lines
