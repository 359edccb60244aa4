"""Clients over HTTP: which gateway serves a connection.

A legacy session has upstreams of its own, as a client that starts us has: log levels, subscriptions and questions of
upstreams belong to one connection. Modern requests have no session, so those of one client share theirs. Whatever the
connection, the session of labels is the client's: a new ``Mcp-Session-Id`` starts nothing clean (DESIGN "Sessions").
Only a conversation's key of which the operator, or the client's profile, says that forks keep it splits it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from anyio.abc import TaskGroup, TaskStatus

from rule_of_two.gateway.blueprint import Blueprint
from rule_of_two.gateway.gateway import Gateway, running
from rule_of_two.gateway.operator_log import say
from rule_of_two.gateway.resources import Resources, opened
from rule_of_two.gateway.tokens import Tokens
from rule_of_two.records import replace
from rule_of_two.sessions.key import Boundary
from rule_of_two.wire.eras import Era
from rule_of_two.wire.http_server import HttpSettings, serve_http
from rule_of_two.wire.peer import Limits, Transport


async def serve_clients(blueprint: Blueprint, *, address: str, port: int, settings: HttpSettings) -> None:
    """Serve HTTP clients until cancelled. A client profile without a token is given one.

    :raises ConfigurationError: the address cannot be listened on.
    :raises StoreError: the state, the journal or a token cannot be read.
    """
    tokens = Tokens(blueprint.state)
    name = blueprint.profile.name
    if not tokens.names():
        tokens.new(name)
        say(f"the client '{name}' has a new bearer token, in {tokens.path(name)}")
    tokens.load()
    if not settings.certificate and address not in {"127.0.0.1", "::1", "localhost"}:
        say(f"listening on {address} without TLS: whoever sees the traffic can read tokens and results")
    limits = Limits()
    async with opened(blueprint) as resources, anyio.create_task_group() as tasks:
        host = Host(resources, tokens, tasks, limits)
        await serve_http(
            host,
            address=address,
            port=port,
            limits=limits,
            settings=settings,
            on_ready=lambda url: say(f"serving {url}"),
        )


class Host:
    """Serves the connections of HTTP clients: :class:`~rule_of_two.wire.http_server.HttpHost`."""

    def __init__(self, resources: Resources, tokens: Tokens, tasks: TaskGroup, limits: Limits) -> None:
        self._resources = resources
        self._tokens = tokens
        self._tasks = tasks
        self._limits = limits
        self._shared: dict[str, Gateway] = {}
        self._starting = anyio.Lock()

    def client_of(self, token: str) -> str | None:
        """The client that a token belongs to."""
        return self._tokens.client_of(token)

    def tool_schema(self, client: str, name: str) -> Any | None:
        """What a modern client was shown of a tool's arguments."""
        gateway = self._shared.get(client)
        return None if gateway is None else gateway.tool_schema(name)

    async def serve(self, client: str, era: Era, transport: Transport) -> None:
        """Serve one connection to its end."""
        if era is Era.MODERN:
            gateway = await self._gateway(client)
            await gateway.serve(transport, era)
        else:
            async with self._opened(client) as gateway:
                await gateway.serve(transport, era)

    async def _gateway(self, client: str) -> Gateway:
        """The gateway that all modern requests of a client share."""
        async with self._starting:
            if client not in self._shared:
                self._shared[client] = await self._tasks.start(self._hold, client)
        return self._shared[client]

    async def _hold(self, client: str, *, task_status: TaskStatus[Gateway]) -> None:
        async with self._opened(client) as gateway:
            task_status.started(gateway)
            try:
                await anyio.sleep_forever()
            finally:
                gateway.close()

    @asynccontextmanager
    async def _opened(self, client: str) -> AsyncIterator[Gateway]:
        resources = self._resources
        # The conversation that this process was started in, if any, is not its clients'.
        key = replace(resources.blueprint.key, client=client, conversation="")
        boundary: Boundary = "human" if resources.blueprint.splitting.pointer is None else "conversation"
        async with resources.connection(key, boundary) as connection:
            # How the connection ends washes nothing: only a human starts a new session.
            connection.orderly = True
            async with running(resources, connection, limits=self._limits, client=client) as gateway:
                yield gateway
