"""``rule-of-two serve``: the gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rule_of_two.cli.main import Context
from rule_of_two.cli.serving import http_options, run
from rule_of_two.gateway.blueprint import draw
from rule_of_two.gateway.config import config_path, load_config


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="The configuration file (also before the command).")
@click.option("--client", metavar="PROFILE", help="Which client starts this: claude-desktop, claude-code, cursor, …")
@http_options
@click.pass_obj
def serve(context: Context, /, config: Path | None, client: str | None, **http: Any) -> None:
    """Serve MCP on stdin and stdout, or over HTTP, in front of the servers of your configuration.

    \b
    Examples, as an MCP client would start it, and for clients on this machine:
      rule-of-two --config ~/rule-of-two.yaml serve --client claude-desktop
      rule-of-two --config ~/rule-of-two.yaml serve --http 127.0.0.1:8720
    """
    path = config_path(config or context.config)
    run(draw(load_config(path), file=path, state=context.state, client=client), **http)
