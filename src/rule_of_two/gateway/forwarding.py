"""A request that an upstream carries out: its facts, frozen with what will be forwarded, through the pipeline."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from rule_of_two.errors import BadRequest, Code
from rule_of_two.gateway.catalog import Catalog, Found, tool_annotations
from rule_of_two.gateway.definitions import Kind, Listed
from rule_of_two.gateway.enforcement import Enforcement
from rule_of_two.gateway.flight import Call, Flight
from rule_of_two.gateway.mount import CALL_SECONDS, Mount
from rule_of_two.gateway.results import REFUSED, with_decision
from rule_of_two.model import ALL, NONE, Action, Facts
from rule_of_two.wire.eras import Era, complete
from rule_of_two.wire.peer import Incoming, NotSent, RemoteError

Notify = Callable[[str, dict[str, Any]], Awaitable[None]]


class DefinitionChanged(NotSent):
    """What was decided is no longer what the upstream offers, so nothing was sent."""

    code = Code.DEFINITION_CHANGED


@dataclass(frozen=True, slots=True)
class Forwarding:
    """Carries tools, prompts and resources through the pipeline. ``notify`` reaches the client."""

    catalog: Catalog
    enforcement: Enforcement
    notify: Notify

    async def call_tool(self, incoming: Incoming) -> dict[str, Any]:
        """``tools/call``.

        :raises Refused: it was not carried out.
        """
        name, arguments = _text(incoming.params, "name"), _object(incoming.params, "arguments")
        found = await self._find(Kind.TOOL, name, Action.CALL_TOOL)
        manifest, tool = found.mount.manifest, found.listed.definition.name
        facts_now = partial(manifest.tool, tool, arguments, tool_annotations(found.listed))
        call = Call(
            facts=facts_now(),
            facts_now=facts_now,
            arguments=arguments,
            forwarded={**incoming.params, "name": tool},
            pin=found.listed.definition.digest,
            secret_pointers=tuple(pointer.text for pointer in manifest.secret_pointers(tool)),
            cwd=found.mount.launch.cwd,
        )
        return await self._forward(incoming, found.mount, call, Kind.TOOL)

    async def get_prompt(self, incoming: Incoming) -> dict[str, Any]:
        """``prompts/get``.

        :raises Refused: it was not carried out.
        """
        name, arguments = _text(incoming.params, "name"), _object(incoming.params, "arguments")
        found = await self._find(Kind.PROMPT, name, Action.GET_PROMPT)
        prompt = found.listed.definition.name
        facts_now = partial(found.mount.manifest.prompt, prompt, arguments)
        call = Call(
            facts=facts_now(),
            facts_now=facts_now,
            arguments=arguments,
            forwarded={**incoming.params, "name": prompt},
            pin=found.listed.definition.digest,
            cwd=found.mount.launch.cwd,
        )
        return await self._forward(incoming, found.mount, call, Kind.PROMPT)

    async def read_resource(self, incoming: Incoming) -> dict[str, Any]:
        """``resources/read``.

        :raises Refused: it was not carried out.
        """
        uri = _text(incoming.params, "uri")
        facts = Facts(Action.READ_RESOURCE, "?", uri[:200], NONE)
        try:
            mount = self.catalog.owner_of(uri)
        except BadRequest as error:
            raise await self.enforcement.refuse(facts, Code.BAD_REQUEST, f"{error}.", named="the resource") from error
        if mount is None:
            raise await self.enforcement.refuse(facts, Code.UNKNOWN_TOOL, "no server offers it.", named="the resource")
        try:
            await mount.available()
        except NotSent as error:
            facts = Facts(Action.READ_RESOURCE, mount.name, uri[:200], NONE)
            code = Code.UPSTREAM_UNAVAILABLE
            raise await self.enforcement.refuse(facts, code, f"{error}.", named="the resource") from error
        facts_now = partial(mount.manifest.resource, uri)
        call = Call(
            facts=facts_now(),
            facts_now=facts_now,
            pin=None,
            arguments={"uri": uri},
            forwarded=incoming.params,
            cwd=mount.launch.cwd,
        )
        return await self._forward(incoming, mount, call)

    async def _find(self, kind: Kind, name: str, action: Action) -> Found:
        """The tool or prompt of that name, current and accepted.

        :raises Refused: there is none, its upstream is down, or its definition is not the accepted one.
        """
        found = self.catalog.find(kind, name)
        if found is None:
            await self.catalog.settle()
            found = self.catalog.find(kind, name)
        refuse = partial(self.enforcement.refuse, named=name[:200])
        if found is None:
            raise await refuse(Facts(action, "?", name[:200], NONE), Code.UNKNOWN_TOOL, f"there is no such {kind}.")
        facts = Facts(action, found.mount.name, found.listed.definition.name, NONE)
        try:
            await found.mount.available()
        except NotSent as error:
            raise await refuse(facts, Code.UPSTREAM_UNAVAILABLE, f"{error}.") from error
        listed = found.mount.definitions.get(kind, found.listed.definition.name)
        if listed is None or not listed.usable:
            raise await refuse(facts, Code.DEFINITION_CHANGED, f"{_changed(found, listed)}.")
        return Found(found.mount, listed)

    async def _forward(self, incoming: Incoming, mount: Mount, call: Call, kind: Kind | None = None) -> dict[str, Any]:
        """Decide the frozen call, send it, and hand its result over with the decision."""
        if not _ANSWERS.isdisjoint(incoming.params):
            detail = "it answers a question of the server's, which this gateway does not pass on."
            raise await self.enforcement.refuse(call.facts, Code.BAD_REQUEST, detail, named=call.facts.qualified)
        token = _progress_token(incoming.params)

        # INVARIANT: from the decision to the sending nothing waits, so that no upstream chooses the moment;
        # tests/attacks/test_stale_approvals.py.
        async def send(flight: Flight) -> dict[str, Any]:
            mount.must_be_current()
            free = "C" in call.facts.labels and flight.decision.held.keys() | call.facts.labels != ALL
            if kind is not None:
                listed = mount.definitions.get(kind, call.facts.name)
                if listed is None or not listed.usable or listed.definition.digest != call.pin:
                    raise DefinitionChanged("its definition changed while it was being decided")

            async def on_progress(params: dict[str, Any]) -> None:
                await flight.receive()
                await self.notify("notifications/progress", {**params, "progressToken": token})

            result = await mount.request(
                incoming.method,
                dict(call.forwarded),
                on_progress=on_progress if token is not None else None,
                cancel_reason=(lambda: incoming.cancel_reason) if free else _no_words,
                timeout=CALL_SECONDS,
            )
            # Whatever era the upstream speaks, from here on it is a plain, complete result.
            return complete(Era.LEGACY, incoming.method, result, {})

        try:
            result, decision = await self.enforcement.run(call, send)
        except RemoteError as error:
            if error.code == REFUSED:  # only we refuse so
                raise RemoteError.received({**error.error, "code": _INTERNAL_ERROR}) from error
            raise
        return with_decision(result, decision)


_ANSWERS: Final = frozenset(("inputResponses", "requestState"))
_INTERNAL_ERROR: Final = -32603


def _no_words() -> str:
    """The reason that goes with the cancellation of a call: ours, unless the client's words were free to leave."""
    return "cancelled by the client"


def _changed(found: Found, listed: Listed | None) -> str:
    status = "is gone" if listed is None else f"is {listed.status}"
    return f"its definition {status} since the server '{found.mount.name}' was accepted"


def _text(params: Mapping[str, Any], key: str) -> str:
    value = params.get(key)
    if not isinstance(value, str):
        raise RemoteError(-32602, f"Invalid params: {key!r} must be a string", None)
    return value


def _object(params: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = params.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RemoteError(-32602, f"Invalid params: {key!r} must be an object", None)
    return value


def _progress_token(params: Mapping[str, Any]) -> object:
    meta = params.get("_meta")
    return meta.get("progressToken") if isinstance(meta, dict) else None
