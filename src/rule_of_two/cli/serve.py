"""``rule-of-two serve``: the gateway over stdio."""

from __future__ import annotations

import signal
import sys
from importlib.util import find_spec
from pathlib import Path

import anyio
import click

from rule_of_two.cli.main import Context
from rule_of_two.gateway.blueprint import Blueprint, draw
from rule_of_two.gateway.config import config_path, load_config
from rule_of_two.gateway.gateway import serve as serve_client
from rule_of_two.gateway.operator_log import LOG, say
from rule_of_two.wire.peer import Limits
from rule_of_two.wire.stdio import open_stdio


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="The configuration file (also before the command).")
@click.option("--client", metavar="PROFILE", help="Which client starts this: claude-desktop, claude-code, cursor, …")
@click.pass_obj
def serve(context: Context, config: Path | None, client: str | None) -> None:
    """Serve MCP on stdin and stdout, in front of the servers of your configuration.

    \b
    Example, as an MCP client would start it:
      rule-of-two --config ~/rule-of-two.yaml serve --client claude-desktop
    """
    path = config_path(config or context.config)
    run_stdio(draw(load_config(path), file=path, state=context.state, client=client))


def run_stdio(blueprint: Blueprint) -> None:
    """Run a gateway on this process's stdin and stdout until the client goes away or a signal ends it."""
    for upstream in blueprint.upstreams:
        if not upstream.recognised:
            say(f"no manifest names '{upstream.name}': each of its tools counts as [A][B][C]")
    try:
        anyio.run(_run, blueprint, backend_options={"use_uvloop": find_spec("uvloop") is not None})
    finally:
        LOG.close()


async def _run(blueprint: Blueprint) -> None:
    async with anyio.create_task_group() as tasks:

        async def end_on_signal() -> None:
            with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
                async for _ in signals:
                    tasks.cancel_scope.cancel()
                    return

        if sys.platform != "win32":  # there a client ends us by closing our input
            tasks.start_soon(end_on_signal)
        limits = Limits()
        await serve_client(blueprint, await open_stdio(limits), limits=limits)
        tasks.cancel_scope.cancel()
