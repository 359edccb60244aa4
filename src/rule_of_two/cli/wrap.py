"""``rule-of-two wrap``: the gateway around one stdio server, with no configuration file."""

from __future__ import annotations

import re
from pathlib import PurePath

import click

from rule_of_two.cli.main import Context
from rule_of_two.cli.serve import run_stdio
from rule_of_two.gateway.blueprint import draw
from rule_of_two.gateway.config import Config
from rule_of_two.manifests.load import list_manifests
from rule_of_two.manifests.recognise import Launch, recognise

_UNFIT = re.compile(r"[^A-Za-z0-9-]+")


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--manifest", metavar="NAME", help="The manifest; otherwise the server is recognised by its command.")
@click.option("--client", metavar="PROFILE", default="generic", show_default=True, help="Which client starts this.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_obj
def wrap(context: Context, manifest: str | None, client: str, command: tuple[str, ...]) -> None:
    """Put the gateway in front of one server. Its names stay as they are.

    \b
    Example:
      rule-of-two wrap -- npx -y @modelcontextprotocol/server-filesystem ~/documents
    """
    program, *arguments = command
    document = None if manifest else recognise(Launch(program, tuple(arguments), None), list_manifests(()))
    name = document.server if document else manifest or PurePath(program).stem
    server = {"command": program, "args": arguments, **({"manifest": manifest} if manifest else {})}
    fit = _UNFIT.sub("-", PurePath(name).stem).strip("-")[:32] or "server"
    config = Config.model_validate({"version": 1, "mcpServers": {fit: server}, "client": client})
    run_stdio(draw(config, file=None, state=context.state, prefixed=False))
