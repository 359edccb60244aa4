"""Running a gateway for the commands that do: over stdio, or over HTTP."""

from __future__ import annotations

import gc
import re
import signal
import sys
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, TypeVar

import anyio
import click

from rule_of_two.gateway.blueprint import Blueprint
from rule_of_two.gateway.operator_log import LOG, say

F = TypeVar("F", bound=Callable[..., Any])

_ADDRESS: Final = re.compile(r"(?:(?P<bracketed>\[[0-9A-Fa-f:.]+\])|(?P<host>[^:\[\]]+)):(?P<port>\d{1,5})")


class HttpAddress(click.ParamType[tuple[str, int]]):
    """``HOST:PORT``; an IPv6 address stands in brackets."""

    name = "HOST:PORT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """Host and port."""
        match = _ADDRESS.fullmatch(value)
        if match is None or int(match["port"]) > 65535:
            self.fail(f"'{value}' is not HOST:PORT, such as 127.0.0.1:8720", param, ctx)
        return (match["bracketed"] or match["host"]).strip("[]"), int(match["port"])


def http_options(command: F) -> F:
    """The options of a command that can serve over HTTP."""
    for option in reversed(
        (
            click.option(
                "--http",
                type=HttpAddress(),
                help="Serve streamable HTTP on HOST:PORT instead of stdio; clients need a bearer token.",
            ),
            click.option(
                "--allow-host",
                multiple=True,
                metavar="HOST[:PORT]",
                help="A Host header to accept besides loopback names and the address. Can be repeated.",
            ),
            click.option(
                "--allow-origin",
                multiple=True,
                metavar="ORIGIN",
                help="An Origin header to accept besides our own. Can be repeated.",
            ),
            click.option(
                "--tls-certificate",
                type=click.Path(path_type=Path, exists=True, dir_okay=False),
                help="The PEM file with certificate and chain: serve HTTPS.",
            ),
            click.option(
                "--tls-key",
                type=click.Path(path_type=Path, exists=True, dir_okay=False),
                help="The PEM file with the key, when it is not in the certificate's.",
            ),
        )
    ):
        command = option(command)
    return command


def run(
    blueprint: Blueprint,
    *,
    http: tuple[str, int] | None,
    allow_host: tuple[str, ...],
    allow_origin: tuple[str, ...],
    tls_certificate: Path | None,
    tls_key: Path | None,
) -> None:
    """Run a gateway until its client goes away, or a signal ends it."""
    if blueprint.config.mode == "observe":
        say("mode observe: nothing is stopped that policy asks about or denies; `rule-of-two session report` tells it")
    for note in blueprint.splitting.notes:
        say(note)
    for upstream in blueprint.upstreams:
        if not upstream.recognised:
            say(f"no manifest names '{upstream.name}': each of its tools counts as [A][B][C]")

    async def over_http() -> None:
        from rule_of_two.gateway.http_host import serve_clients  # noqa: PLC0415  # stdio does not pay for it
        from rule_of_two.wire.http_server import HttpSettings  # noqa: PLC0415

        assert http is not None  # noqa: S101  # chosen below
        settings = HttpSettings(
            allowed_hosts=allow_host,
            allowed_origins=allow_origin,
            certificate=tls_certificate,
            key=tls_key,
        )
        await serve_clients(blueprint, address=http[0], port=http[1], settings=settings)

    async def over_stdio() -> None:
        from rule_of_two.gateway.gateway import serve  # noqa: PLC0415  # one of the two is used
        from rule_of_two.wire.peer import Limits  # noqa: PLC0415
        from rule_of_two.wire.stdio import open_stdio  # noqa: PLC0415

        limits = Limits()
        await serve(blueprint, await open_stdio(limits), limits=limits)

    gc.freeze()  # what is loaded now lives as long as this process: no collection looks through it again
    serving = over_stdio if http is None else over_http
    try:
        anyio.run(_until_signal, serving, backend_options={"use_uvloop": find_spec("uvloop") is not None})
    finally:
        LOG.close()


async def _until_signal(serving: Callable[[], Awaitable[None]]) -> None:
    """Serve until the client goes away or a signal comes. Further signals change nothing: what was started is being
    ended already, in bounded time, and whoever dies before leaves it behind."""
    if sys.platform == "win32":  # there a client ends us by closing our input
        await serving()
        return
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with anyio.create_task_group() as tasks:

            async def end_on_signal() -> None:
                async for _ in signals:
                    tasks.cancel_scope.cancel()
                    return

            tasks.start_soon(end_on_signal)
            await serving()
            tasks.cancel_scope.cancel()
