"""``rule-of-two wrap``: the gateway around one stdio server, with no configuration file."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import urlsplit

import click

from rule_of_two.cli.main import Context
from rule_of_two.cli.serving import http_options, run
from rule_of_two.gateway.blueprint import draw
from rule_of_two.gateway.config import Config
from rule_of_two.manifests.load import recognised
from rule_of_two.manifests.recognise import Launch

_UNFIT = re.compile(r"[^A-Za-z0-9-]+")
_URL = re.compile(r"https?://")


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--manifest", metavar="NAME", help="The manifest; otherwise the server is recognised by its command.")
@click.option("--client", metavar="PROFILE", default="generic", show_default=True, help="Which client starts this.")
@click.option(
    "--policies", metavar="SET", multiple=True, default=("default",), show_default=True, help="Can be repeated."
)
@click.option(
    "--mode",
    type=click.Choice(("enforce", "observe")),
    default="enforce",
    show_default=True,
    help="observe: what policy asks about or denies is recorded, marked and let pass.",
)
@http_options
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_obj
def wrap(
    context: Context,
    /,
    manifest: str | None,
    client: str,
    policies: tuple[str, ...],
    mode: str,
    command: tuple[str, ...],
    **http: Any,
) -> None:
    """Put the gateway in front of one server, a command or the URL of one. Its names stay as they are.

    \b
    Examples:
      rule-of-two wrap -- npx -y @modelcontextprotocol/server-filesystem ~/documents
      rule-of-two wrap --mode observe -- uvx mcp-server-git
      rule-of-two wrap --http 127.0.0.1:8720 -- uvx mcp-server-fetch
      rule-of-two wrap -- https://mcp.example/mcp
    """
    program, *arguments = command
    url = program if _URL.match(program) and not arguments else None
    launch = Launch(None, (), url) if url else Launch(program, tuple(arguments), None)
    document = None if manifest else recognised(launch, ())
    name = document.server if document else manifest or (urlsplit(url).hostname if url else None) or program
    server = {"url": url} if url else {"command": program, "args": arguments}
    if manifest:
        # As for any command line, a path is relative to the working directory.
        server["manifest"] = str(Path(manifest).resolve()) if os.sep in manifest else manifest
    fit = _UNFIT.sub("-", PurePath(name).stem).strip("-")[:32] or "server"
    config = Config.model_validate(
        {"version": 1, "mcpServers": {fit: server}, "client": client, "policies": list(policies), "mode": mode}
    )
    run(draw(config, file=None, state=context.state, prefixed=False), **http)
