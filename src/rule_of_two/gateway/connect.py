"""How an upstream is reached: a process of ours, or a URL."""

from __future__ import annotations

from collections.abc import Callable

from rule_of_two.gateway.launch import Launch
from rule_of_two.wire.peer import Limits, Transport
from rule_of_two.wire.process import open_process


async def connect(launch: Launch, on_stderr: Callable[[str], None], limits: Limits) -> Transport:
    """A connected transport to an upstream that has not been spoken to yet.

    :raises UpstreamUnavailable: it cannot be started or reached.
    """
    if launch.command is not None:
        return await open_process(
            launch.command, launch.args, env=launch.env, cwd=launch.cwd, on_stderr=on_stderr, limits=limits
        )
    from rule_of_two.wire.http import open_http  # noqa: PLC0415  # importing the SDK costs most of a second

    return await open_http(launch.url or "", headers=launch.headers, limits=limits)
