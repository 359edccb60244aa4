"""``rule-of-two manifest pin``: what a server offers now against what was accepted, and accepting it."""

from __future__ import annotations

import getpass
import json
import sys

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
from rule_of_two.store.pins import PinStore
from rule_of_two.store.state import open_state


@click.command()
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
