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
@click.option(
    "--project",
    type=click.Path(path_type=Path, file_okay=False),
    help="Serve what the configuration gives the project in this folder, and only that.",
)
@click.option(
    "--require-signed", is_flag=True, help="Serve your own policies and entities only as --signed-by signed them."
)
@click.option(
    "--signed-by",
    multiple=True,
    metavar="KEY|FILE",
    help="A public key ('ssh-ed25519 …'), or a file of such lines. Can be repeated.",
)
@http_options
@click.pass_obj
def serve(
    context: Context,
    /,
    config: Path | None,
    client: str | None,
    project: Path | None,
    require_signed: bool,
    signed_by: tuple[str, ...],
    **http: Any,
) -> None:
    """Serve MCP on stdin and stdout, or over HTTP, in front of the servers of your configuration.

    \b
    Examples, as an MCP client would start it, and for clients on this machine:
      rule-of-two --config ~/rule-of-two.yaml serve --client claude-desktop
      rule-of-two --config ~/rule-of-two.yaml serve --http 127.0.0.1:8720
    """
    path = config_path(config or context.config)
    if require_signed != bool(signed_by):
        raise click.UsageError("--require-signed and --signed-by belong together: who has to have signed?")
    keys = None
    if require_signed:
        from rule_of_two.gateway.signatures import signing_keys  # noqa: PLC0415  # only who asks for it pays

        keys = signing_keys(signed_by)
    served = load_config(path).served_to(client, project)
    run(draw(served, file=path, state=context.state, client=client, signed_by=keys), **http)
