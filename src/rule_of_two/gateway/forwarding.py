"""A request that an upstream carries out: its facts, frozen with what will be forwarded, through the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from rule_of_two.errors import BadRequest, Code
from rule_of_two.gateway.capabilities import ASKED_OF_CLIENT
from rule_of_two.gateway.catalog import Catalog, Found, tool_annotations
from rule_of_two.gateway.definitions import Kind, Listed
from rule_of_two.gateway.dialogue import answer_facts
from rule_of_two.gateway.enforcement import Enforcement
from rule_of_two.gateway.exchange import Exchange
from rule_of_two.gateway.flight import Call, Flight
from rule_of_two.gateway.mount import CALL_SECONDS, Mount
from rule_of_two.gateway.results import REFUSED, with_decision
from rule_of_two.gateway.rounds import Resumed, Rounds
from rule_of_two.model import ALL, NONE, Action, Facts, Labels
from rule_of_two.wire.eras import INPUT_REQUIRED, TASK, Claims, Era, complete, kind_of
from rule_of_two.wire.peer import NotSent, RemoteError

_INTERNAL_ERROR: Final = -32603

Adapt = Callable[[Mount, Labels, dict[str, Any]], dict[str, Any]]
"""Gives a result of an upstream's as the client is to see it; the labels are those of the call."""


class DefinitionChanged(NotSent):
    """What was decided is no longer what the upstream offers, so nothing was sent."""

    code = Code.DEFINITION_CHANGED


def unchanged(mount: Mount, labels: Labels, result: dict[str, Any]) -> dict[str, Any]:
    """A result as it came."""
    return result


@dataclass(frozen=True, slots=True)
class Forwarding:
    """Carries requests through the pipeline to one upstream. ``told`` is what upstreams are told of the client."""

    catalog: Catalog
    enforcement: Enforcement
    rounds: Rounds
    told: Callable[[Claims], Claims]
    begun: Adapt
    """Takes notice of a task that a call has begun."""

    async def call_tool(self, exchange: Exchange) -> dict[str, Any]:
        """``tools/call``.

        :raises Refused: it was not carried out.
        """
        name, arguments = text_of(exchange.params, "name"), object_of(exchange.params, "arguments")
        found = await self._find(Kind.TOOL, name, Action.CALL_TOOL)
        manifest, tool = found.mount.manifest, found.listed.definition.name
        facts_now = partial(manifest.tool, tool, arguments, tool_annotations(found.listed))
        call = Call(
            facts=facts_now(),
            facts_now=facts_now,
            arguments=arguments,
            forwarded={**exchange.params, "name": tool},
            pin=found.listed.definition.digest,
            secret_pointers=tuple(pointer.text for pointer in manifest.secret_pointers(tool)),
            cwd=found.mount.launch.cwd,
        )
        return await self.forward(exchange, found.mount, call, Kind.TOOL, adapt=self.begun)

    async def get_prompt(self, exchange: Exchange) -> dict[str, Any]:
        """``prompts/get``.

        :raises Refused: it was not carried out.
        """
        name, arguments = text_of(exchange.params, "name"), object_of(exchange.params, "arguments")
        found = await self._find(Kind.PROMPT, name, Action.GET_PROMPT)
        prompt = found.listed.definition.name
        facts_now = partial(found.mount.manifest.prompt, prompt, arguments)
        call = Call(
            facts=facts_now(),
            facts_now=facts_now,
            arguments=arguments,
            forwarded={**exchange.params, "name": prompt},
            pin=found.listed.definition.digest,
            cwd=found.mount.launch.cwd,
        )
        return await self.forward(exchange, found.mount, call, Kind.PROMPT)

    async def read_resource(self, exchange: Exchange) -> dict[str, Any]:
        """``resources/read``.

        :raises Refused: it was not carried out.
        """
        uri = text_of(exchange.params, "uri")
        mount = await self.owner_of(uri, Action.READ_RESOURCE)
        facts_now = partial(mount.manifest.resource, uri)
        call = Call(
            facts=facts_now(),
            facts_now=facts_now,
            pin=None,
            arguments={"uri": uri},
            forwarded=exchange.params,
            cwd=mount.launch.cwd,
        )
        return await self.forward(exchange, mount, call)

    async def complete(self, exchange: Exchange) -> dict[str, Any]:
        """``completion/complete``: what the user has typed so far leaves for the upstream that the reference means.

        :raises Refused: it was not carried out.
        """
        params = exchange.params
        reference = object_of(params, "ref")
        if reference.get("type") == "ref/prompt":
            found = await self._find(Kind.PROMPT, text_of(reference, "name"), Action.COMPLETE)
            mount, reference = found.mount, {**reference, "name": found.listed.definition.name}
        else:
            mount = await self.owner_of(text_of(reference, "uri"), Action.COMPLETE)
        if not mount.can("completions") and mount.era is Era.LEGACY:
            return {"completion": {"values": []}}  # another of the mounted servers has what this one lacks
        facts = Facts(Action.COMPLETE, mount.name, "completion", mount.manifest.completion)
        arguments = {key: value for key, value in params.items() if key not in {"ref", "_meta"}}
        forwarded = {**params, "ref": reference}
        return await self.forward(exchange, mount, about(facts, arguments, forwarded=forwarded))

    async def owner_of(self, uri: str, action: Action) -> Mount:
        """The upstream that offers a resource, ready to be asked.

        :raises Refused: there is not exactly one, or it is down.
        """
        facts = Facts(action, "?", uri[:200], NONE)
        refuse = partial(self.enforcement.refuse, named="the resource")
        try:
            mount = self.catalog.owner_of(uri)
        except BadRequest as error:
            raise await refuse(facts, Code.BAD_REQUEST, f"{error}.") from error
        if mount is None:
            raise await refuse(facts, Code.UNKNOWN_TOOL, "no server offers it.")
        try:
            await mount.available()
        except NotSent as error:
            facts = replace(facts, upstream=mount.name)
            raise await refuse(facts, Code.UPSTREAM_UNAVAILABLE, f"{error}.") from error
        return mount

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

    async def forward(
        self, exchange: Exchange, mount: Mount, call: Call, kind: Kind | None = None, *, adapt: Adapt = unchanged
    ) -> dict[str, Any]:
        """Decide the frozen call, send it, and hand its result over with the decision.

        :raises Refused: it was not carried out, or its result may not be handed over.
        :raises BadRequest: it brings answers that belong to no question.
        """
        if exchange.era is Era.LEGACY and not _ROUNDS.isdisjoint(exchange.params):
            detail = "it answers a question of the server's, which its era does not know."
            raise await self.enforcement.refuse(call.facts, Code.BAD_REQUEST, detail, named=call.facts.qualified)
        resumed = self.rounds.resumed(mount, exchange)
        if resumed is None:
            work = partial(self._carry_out, exchange, mount, call, kind, adapt)
            claims = self.told(exchange.claims)
            if exchange.era is Era.MODERN and mount.era is Era.LEGACY and _can_be_asked(claims):
                return await self.rounds.hold(mount, exchange, work)
            return await work()
        if resumed.held is not None:
            return await self.rounds.go_on(exchange, resumed)
        return await self._carry_out(exchange, mount, _answering(mount, call, resumed), kind, adapt)

    async def _carry_out(
        self, exchange: Exchange, mount: Mount, call: Call, kind: Kind | None, adapt: Adapt
    ) -> dict[str, Any]:
        method = exchange.method

        # INVARIANT: from the decision to the sending nothing waits, so that no upstream chooses the moment;
        # tests/attacks/test_stale_approvals.py.
        async def send(flight: Flight) -> dict[str, Any]:
            mount.must_be_current()
            exchange.flight = flight
            free = "C" in call.facts.labels and flight.decision.held.keys() | call.facts.labels != ALL
            if kind is not None:
                listed = mount.definitions.get(kind, call.facts.name)
                if listed is None or not listed.usable or listed.definition.digest != call.pin:
                    raise DefinitionChanged("its definition changed while it was being decided")

            async def request(more: Mapping[str, Any]) -> dict[str, Any]:
                return await mount.request(
                    method,
                    {**call.forwarded, **more},
                    self.told(exchange.claims),
                    on_progress=exchange.on_progress if exchange.progress_token is not None else None,
                    cancel_reason=(lambda: exchange.cancel_reason) if free else _no_words,
                    timeout=CALL_SECONDS,
                    about=exchange,
                )

            result = await request({})
            if kind_of(result) == INPUT_REQUIRED and method in _IN_ROUNDS and mount.era is Era.MODERN:
                if exchange.era is Era.LEGACY:
                    result = await self.rounds.ask_all(mount, exchange, result, request)
                else:
                    result = await self.rounds.pass_on(mount, exchange, result)
            # Whatever era the upstream speaks, from here on it is a plain result, which the router completes.
            if not (kind_of(result) in _PASSED and exchange.era is mount.era is Era.MODERN):
                result = complete(Era.LEGACY, method, result, {})
            return adapt(mount, call.facts.labels, result)

        try:
            result, decision = await self.enforcement.run(call, send)
        except RemoteError as error:
            if error.code == REFUSED:  # only we refuse so
                raise RemoteError.received({**error.error, "code": _INTERNAL_ERROR}) from error
            raise
        return with_decision(result, decision)


_ROUNDS: Final = frozenset(("inputResponses", "requestState"))
_IN_ROUNDS: Final = frozenset(("tools/call", "prompts/get", "resources/read"))
"""The requests that may require input (2026-07-28, Multi Round-Trip Requests)."""
_PASSED: Final = frozenset((INPUT_REQUIRED, TASK))
"""Results of a modern upstream's that are not complete, and that a modern client understands."""


def about(facts: Facts, arguments: Mapping[str, Any], *, forwarded: Mapping[str, Any]) -> Call:
    """A call whose facts do not depend on anything that can change while a person reads."""
    return Call(facts=facts, arguments=arguments, forwarded=forwarded, pin=None, facts_now=lambda: facts)


def _answering(mount: Mount, call: Call, resumed: Resumed) -> Call:
    """The same call when it is repeated with answers: they leave with it, so they are decided with it, in one step."""
    plain = {key: value for key, value in call.forwarded.items() if key not in _ROUNDS}
    repeated = replace(call, forwarded={**plain, **resumed.forwarded})
    if not resumed.answers:
        return repeated
    answers = answer_facts(mount, resumed.methods)

    def facts_now() -> Facts:
        facts = call.facts_now()
        return replace(facts, labels=facts.labels | answers.labels)

    facts = facts_now()
    return replace(
        repeated,
        facts=facts,
        facts_now=facts_now,
        answers=replace(answers, labels=facts.labels),
        arguments={**call.arguments, "inputResponses": dict(resumed.answers)},
    )


def _can_be_asked(claims: Claims) -> bool:
    return any(capability in claims.capabilities for capability, _ in ASKED_OF_CLIENT.values())


def _no_words() -> str:
    """The reason that goes with the cancellation of a call: ours, unless the client's words were free to leave."""
    return "cancelled by the client"


def _changed(found: Found, listed: Listed | None) -> str:
    status = "is gone" if listed is None else f"is {listed.status}"
    return f"its definition {status} since the server '{found.mount.name}' was accepted"


def text_of(params: Mapping[str, Any], key: str) -> str:
    """A text among the parameters.

    :raises RemoteError: it is none.
    """
    value = params.get(key)
    if not isinstance(value, str):
        raise RemoteError(-32602, f"Invalid params: {key!r} must be a string", None)
    return value


def object_of(params: Mapping[str, Any], key: str) -> dict[str, Any]:
    """An object among the parameters; empty when it is absent.

    :raises RemoteError: it is something else.
    """
    value = params.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RemoteError(-32602, f"Invalid params: {key!r} must be an object", None)
    return value
