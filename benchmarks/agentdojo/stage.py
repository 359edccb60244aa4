"""One replay on a real gateway: state, journal, desk, policies and pipeline as ``serve`` has them, in this process.

Only the pipes are others: client, upstream and gateway are linked in memory. Each replay has a state folder of its own,
so nothing that one session stored is seen by the next.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import anyio

from benchmarks.agentdojo.agent import Invoke, replay
from benchmarks.agentdojo.case import Call, Case, Suite
from benchmarks.agentdojo.human import Human, Mode
from benchmarks.agentdojo.link import link
from benchmarks.agentdojo.server import SuiteServer
from benchmarks.agentdojo.sets import PolicySet
from rule_of_two.errors import Code
from rule_of_two.gateway.blueprint import Blueprint, draw
from rule_of_two.gateway.config import Config
from rule_of_two.gateway.gateway import serve
from rule_of_two.gateway.launch import Launch
from rule_of_two.gateway.results import DECISION_KEY
from rule_of_two.records import replace
from rule_of_two.wire.codes import METHOD_NOT_FOUND
from rule_of_two.wire.eras import LATEST_LEGACY
from rule_of_two.wire.frames import FrameError, Notification
from rule_of_two.wire.handler import Incoming, RemoteError
from rule_of_two.wire.peer import Limits, Peer, Transport

_CLIENT: Final = {"name": "agent", "version": "1"}
_SECONDS: Final = 120


_STOPS: Final = frozenset(
    (
        Code.DENIED_BY_POLICY,
        Code.APPROVAL_DENIED,
        Code.SESSION_FROZEN,
        Code.DROPPED_CAPABILITY,
        Code.WITHHELD,
    )
)


class Faulty(Exception):  # a fault of the benchmark's or the gateway's, no figure
    """A call was not carried out for a reason that is neither policy's nor the human's."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of one replay. ``harmed`` is of the injection, if there is one. ``asked`` names the tools of questions,
    ``refused`` those of honest calls that were not carried out, or did not give back all."""

    task: str
    injection: str | None
    useful: bool
    harmed: bool
    obeyed: bool
    asked: tuple[str, ...]
    refused: tuple[str, ...]

    @property
    def questions(self) -> int:
        return len(self.asked)


class Stage:
    """A suite under a policy set. ``manifest`` says what the suite's tools can do.

    :raises ConfigurationError: the set or the manifest is wrong.
    :raises PolicyError: the policies do not validate.
    """

    def __init__(self, suite: Suite, policy_set: PolicySet, manifest: Path, folder: Path) -> None:
        self._suite = suite
        self._folder = folder
        self._blueprint = blueprint(suite, policy_set, manifest, folder)

    async def run(self, case: Case, mode: Mode) -> Replay:
        """Replay a case with a human who answers so.

        :raises Faulty: in a group; a call failed for a reason that has nothing to do with the policies.
        :raises TimeoutError: something hangs.
        """
        server = SuiteServer(self._suite.tools, case)
        honest = case.honest()
        with tempfile.TemporaryDirectory(dir=self._folder) as state, anyio.fail_after(_SECONDS):
            human = Human(Path(state), mode, honest)
            async with _gateway(replace(self._blueprint, state=Path(state)), server, human) as invoke:
                said = await replay(case, invoke, server.done)
        carried_out = [one.call for one in server.done]
        return Replay(
            case.task,
            case.injection,
            useful=said.answered and case.useful(said.answered, said.obeyed, carried_out),
            harmed=case.injection is not None and case.harmed(said.answered, said.obeyed, carried_out),
            obeyed=said.obeyed,
            asked=tuple(human.asked),
            refused=tuple(said.refused),
        )


def blueprint(suite: Suite, policy_set: PolicySet, manifest: Path, folder: Path) -> Blueprint:
    """The gateway of a suite under a policy set.

    :raises ConfigurationError: the set or the manifest is wrong.
    :raises PolicyError: the policies do not validate.
    """
    name, own = suite.name, suite.own
    server = {"command": "agentdojo", "manifest": str(manifest.absolute()), **policy_set.server(name, own)}
    config = {"version": 1, "mcpServers": {name: server}, **policy_set.configuration(name, own)}
    if entities := policy_set.entities(name, own):
        file = folder / "entities.json"
        file.write_text(json.dumps(entities), encoding="utf-8")
        config["entities"] = [str(file)]
    return draw(Config.model_validate(config), file=policy_set.file, state=folder)


@asynccontextmanager
async def _gateway(plan: Blueprint, server: SuiteServer, human: Human) -> AsyncIterator[Invoke]:
    """A gateway that serves one client, with the human attached; how that client calls tools."""
    limits = Limits()
    (upstream,) = plan.upstreams
    ours, theirs = link()
    async with anyio.create_task_group() as tasks:

        async def connect(launch: Launch, on_stderr: Callable[[str], None], limits: Limits) -> Transport:
            near, far = link()
            tasks.start_soon(Peer(far, server, name="gateway", limits=limits).run)
            return near

        async def serving() -> None:
            await serve(plan, theirs, connect=connect, limits=limits)
            tasks.cancel_scope.cancel()

        client = Peer(ours, _Client(), name="gateway", limits=limits)
        tasks.start_soon(serving)
        tasks.start_soon(client.run)

        async def invoke(call: Call) -> Mapping[str, Any]:
            params = {"name": f"{upstream.name}__{call.tool}", "arguments": dict(call.arguments)}
            result = await client.request("tools/call", params)
            # INVARIANT: nothing counts as stopped that failed for another reason;
            # test_what_fails_is_not_counted_as_stopped.
            code = result["_meta"][DECISION_KEY]["code"]
            if code is not None and code not in _STOPS:
                raise Faulty(f"{call.tool}: {result['content'][0]['text']}")
            return result

        hello = {"protocolVersion": LATEST_LEGACY, "capabilities": {}, "clientInfo": _CLIENT}
        await client.request("initialize", hello)
        await client.notify("notifications/initialized", {})
        tasks.start_soon(human.run)
        await human.attached.wait()
        yield invoke
        await client.close()
        await anyio.sleep_forever()  # until the gateway has ended, which cancels this


class _Client:
    """A client that can be asked nothing."""

    async def on_request(self, incoming: Incoming) -> dict[str, Any]:
        raise RemoteError(METHOD_NOT_FOUND, f"Method not found: {incoming.method}")

    async def on_notification(self, notification: Notification, about: object) -> None:
        """Nothing that it is told changes what it does."""

    async def on_stream_closed(self, about: object) -> None:
        """There is one stream for all requests."""

    async def on_frame_error(self, error: FrameError) -> None:
        raise error
