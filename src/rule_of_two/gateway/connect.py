"""How an upstream is reached: a process of ours, or a URL."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from anyio import to_thread

from rule_of_two.errors import UpstreamUnavailable
from rule_of_two.gateway.authorizations import Authorizations
from rule_of_two.gateway.launch import Connect, Launch
from rule_of_two.wire.http import open_http
from rule_of_two.wire.peer import Limits, Transport
from rule_of_two.wire.process import open_process


def connecting(authorizations: Authorizations) -> Connect:
    """How upstreams are reached by a process that keeps these authorizations."""
    return partial(_connect, authorizations)


async def _connect(
    authorizations: Authorizations, launch: Launch, on_stderr: Callable[[str], None], limits: Limits
) -> Transport:
    """A connected transport to an upstream that has not been spoken to yet.

    :raises UpstreamUnavailable: it cannot be started or reached.
    """
    if launch.command is not None:
        # A server that ends is started again. Its folder may be another one by then: an agent may have written there.
        if not await to_thread.run_sync(launch.still_named):
            raise UpstreamUnavailable(
                f"the folder in which '{launch.command}' starts may have another program run now than the one that its "
                "manifest is of; look at it, and start the gateway again"
            )
        return await open_process(
            launch.command, launch.args, env=launch.env, cwd=launch.cwd, on_stderr=on_stderr, limits=limits
        )
    url = launch.url or ""
    auth = await authorizations.of(launch.oauth, url) if launch.oauth is not None else None
    return await open_http(url, headers=launch.headers, limits=limits, kind=launch.kind, auth=auth)
