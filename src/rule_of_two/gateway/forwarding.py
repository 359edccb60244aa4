"""A request that an upstream carries out: its facts, frozen with what will be forwarded, through the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from msgspec import Struct, field

from rule_of_two.errors import BadRequest, Code, RuleOfTwoError
from rule_of_two.gateway.capabilities import ASKED_OF_CLIENT
from rule_of_two.gateway.catalog import Catalog, Found, tool_annotations
from rule_of_two.gateway.definitions import Definition, Kind, Listed
from rule_of_two.gateway.delivery import Adapt, Delivery
from rule_of_two.gateway.dialogue import answer_facts
from rule_of_two.gateway.elicited import REQUEST
from rule_of_two.gateway.enforcement import Enforcement
from rule_of_two.gateway.exchange import COMES_BACK, Exchange
from rule_of_two.gateway.flight import Call, Changeable, about
from rule_of_two.gateway.handles import InvalidHandle, Placed, filled
from rule_of_two.gateway.mount import Mount
from rule_of_two.gateway.results import Refused
from rule_of_two.gateway.rounds import Resumed, Rounds, Work
from rule_of_two.gateway.task_names import TaskNames
from rule_of_two.manifests.results import ResultReader
from rule_of_two.model import NONE, Action, Facts, Labels, Obligation, Principal
from rule_of_two.records import replace
from rule_of_two.wire.codes import INVALID_PARAMS
from rule_of_two.wire.eras import Claims, Era
from rule_of_two.wire.peer import NotSent, RemoteError


def unchanged(mount: Mount, labels: Labels, result: dict[str, Any]) -> dict[str, Any]:
    """A result as it came."""
    return result


class _Tool(Struct, frozen=True):
    """What calls of one tool have in common, by its definition and its manifest."""

    definition: Definition
    annotations: Any
    schema: Any
    opaque: tuple[str, ...]
    secrets: tuple[str, ...]
    reader: ResultReader | None
    demanded: tuple[Obligation, ...]

    @classmethod
    def of(cls, found: Found, principal: Principal) -> _Tool:
        manifest, definition = found.mount.manifest, found.listed.definition
        name = definition.name
        return cls(
            definition,
            tool_annotations(found.listed),
            definition.body.get("inputSchema", True),
            manifest.opaque_pointers(name),
            tuple(pointer.text for pointer in manifest.secret_pointers(name)),
            manifest.result_of(Action.CALL_TOOL, name),
            manifest.obligations(name, principal),
        )


class Forwarding(Struct, frozen=True):
    """Carries requests through the pipeline to one upstream. ``told`` is what upstreams are told of the client, and
    ``enforcement`` decides what names no conversation."""

    catalog: Catalog
    enforcement: Enforcement
    rounds: Rounds
    told: Callable[[Claims], Claims]
    task_names: TaskNames
    call_keys: frozenset[str]
    """What of a request's ``_meta`` the client's host sets anew with each call."""
    principal: Principal
    tools: dict[tuple[str, str], _Tool] = field(default_factory=dict)
    """By upstream and name, as they were when they were called last."""

    def session_of(self, exchange: Exchange) -> Enforcement:
        """The pipeline of the session that a request belongs to."""
        return exchange.enforcement or self.enforcement

    async def call_tool(self, exchange: Exchange) -> dict[str, Any]:
        """``tools/call``.

        :raises Refused: it was not carried out.
        """
        name, arguments = text_of(exchange.params, "name"), object_of(exchange.params, "arguments")
        found = await self._find(exchange, Kind.TOOL, name, Action.CALL_TOOL)
        enforcement, tool = self.session_of(exchange), self._tool(found)
        manifest, own = found.mount.manifest, tool.definition.name
        placed = await self._placed(enforcement, found, arguments, tool) if tool.opaque else Placed(arguments)

        def facts_of(arguments: Mapping[str, Any]) -> Facts:
            sent = filled(arguments, placed.passed)
            facts = manifest.tool(own, sent, tool.annotations)
            if placed.passed:
                facts = replace(facts, labels=facts.labels | placed.labels)
            return replace(facts, arguments=sent) if enforcement.types_arguments else facts

        facts_now = partial(facts_of, placed.arguments)
        call = Call(
            facts=facts_now(),
            facts_now=facts_now,
            arguments=placed.arguments,
            forwarded=_with_arguments({**self.task_names.own(exchange.params), "name": own}, placed),
            pin=tool.definition.digest,
            secret_pointers=tool.secrets,
            call_keys=self.call_keys,
            cwd=found.mount.launch.cwd,
            brings=True,
            reader=tool.reader,
            output_schema=tool.definition.body.get("outputSchema"),
            changeable=Changeable(facts_of, schema=tool.schema, demanded=tool.demanded),
            passed=placed.passed,
        )
        return await self.forward(exchange, found.mount, call, Kind.TOOL, adapt=self.task_names.begun)

    def _tool(self, found: Found) -> _Tool:
        key = found.mount.name, found.listed.definition.name
        tool = self.tools.get(key)
        if tool is None or tool.definition is not found.listed.definition:
            tool = self.tools[key] = _Tool.of(found, self.principal)
        return tool

    async def _placed(self, enforcement: Enforcement, found: Found, arguments: dict[str, Any], tool: _Tool) -> Placed:
        """The arguments with what is shown for each handle that its tool takes.

        :raises Refused: it stands for nothing that may be passed on there, or the session cannot be read.
        """
        try:
            return enforcement.placed(arguments, tool.opaque, tool.schema)
        except RuleOfTwoError as error:
            facts = Facts(Action.CALL_TOOL, found.mount.name, tool.definition.name, NONE)
            if not isinstance(error, InvalidHandle):
                raise enforcement.refusal(error, facts) from error
            raise await enforcement.refuse(facts, error.code, f"{error}.", named=facts.qualified) from error

    async def get_prompt(self, exchange: Exchange) -> dict[str, Any]:
        """``prompts/get``.

        :raises Refused: it was not carried out.
        """
        name, arguments = text_of(exchange.params, "name"), object_of(exchange.params, "arguments")
        found = await self._find(exchange, Kind.PROMPT, name, Action.GET_PROMPT)
        prompt = found.listed.definition.name
        facts_now = partial(found.mount.manifest.prompt, prompt, arguments)
        call = Call(
            facts=facts_now(),
            facts_now=facts_now,
            arguments=arguments,
            forwarded={**exchange.params, "name": prompt},
            pin=found.listed.definition.digest,
            call_keys=self.call_keys,
            cwd=found.mount.launch.cwd,
            brings=True,
        )
        return await self.forward(exchange, found.mount, call, Kind.PROMPT)

    async def read_resource(self, exchange: Exchange) -> dict[str, Any]:
        """``resources/read``.

        :raises Refused: it was not carried out.
        """
        uri = text_of(exchange.params, "uri")
        mount = await self.owner_of(exchange, uri, Action.READ_RESOURCE)
        facts_now = partial(mount.manifest.resource, uri)
        call = Call(
            facts=facts_now(),
            facts_now=facts_now,
            pin=None,
            arguments={"uri": uri},
            forwarded=exchange.params,
            call_keys=self.call_keys,
            cwd=mount.launch.cwd,
            brings=True,
            reader=mount.manifest.result_of(Action.READ_RESOURCE, uri),
        )
        return await self.forward(exchange, mount, call)

    async def complete(self, exchange: Exchange) -> dict[str, Any]:
        """``completion/complete``: what the user has typed so far leaves for the upstream that the reference means.

        :raises Refused: it was not carried out.
        """
        params = exchange.params
        reference = object_of(params, "ref")
        if reference.get("type") == "ref/prompt":
            found = await self._find(exchange, Kind.PROMPT, text_of(reference, "name"), Action.COMPLETE)
            mount, reference = found.mount, {**reference, "name": found.listed.definition.name}
        else:
            mount = await self.owner_of(exchange, text_of(reference, "uri"), Action.COMPLETE)
        if not mount.can("completions") and mount.era is Era.LEGACY:
            return {"completion": {"values": []}}  # another of the mounted servers has what this one lacks
        facts = Facts(Action.COMPLETE, mount.name, "completion", mount.manifest.completion)
        arguments = {key: value for key, value in params.items() if key not in {"ref", "_meta"}}
        forwarded = {**params, "ref": reference}
        return await self.forward(exchange, mount, about(facts, arguments, forwarded=forwarded))

    async def owner_of(self, exchange: Exchange, uri: str, action: Action) -> Mount:
        """The upstream that offers a resource, ready to be asked.

        :raises Refused: there is not exactly one, or it is down.
        """
        await self.session_of(exchange).refuse_handles(action, "?", uri)
        facts = Facts(action, "?", uri[:200], NONE)
        refuse = partial(self.session_of(exchange).refuse, named="the resource")
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

    async def _find(self, exchange: Exchange, kind: Kind, name: str, action: Action) -> Found:
        """The tool or prompt of that name, current and accepted.

        :raises Refused: there is none, its upstream is down, or its definition is not the accepted one.
        """
        enforcement = self.session_of(exchange)
        await enforcement.refuse_handles(action, "?", name)
        found = self.catalog.find(kind, name)
        if found is None:
            await self.catalog.settle()
            found = self.catalog.find(kind, name)
        if found is None:
            facts = Facts(action, "?", name[:200], NONE)
            raise await enforcement.refuse(facts, Code.UNKNOWN_TOOL, f"there is no such {kind}.", named=name[:200])
        mount, own = found.mount, found.listed.definition.name
        try:
            await mount.available()
        except NotSent as error:
            facts = Facts(action, mount.name, own, NONE)
            raise await enforcement.refuse(facts, Code.UPSTREAM_UNAVAILABLE, f"{error}.", named=name[:200]) from error
        listed = mount.definitions.get(kind, own)
        if listed is None or not listed.usable:
            facts, detail = Facts(action, mount.name, own, NONE), f"{_changed(found, listed)}."
            raise await enforcement.refuse(facts, Code.DEFINITION_CHANGED, detail, named=name[:200])
        return found if listed is found.listed else Found(mount, listed)

    async def forward(
        self, exchange: Exchange, mount: Mount, call: Call, kind: Kind | None = None, *, adapt: Adapt = unchanged
    ) -> dict[str, Any]:
        """Decide the frozen call, send it, and hand its result over with the decision.

        :raises Refused: it was not carried out, or its result may not be handed over.
        :raises BadRequest: it brings answers that belong to no question.
        """
        enforcement = self.session_of(exchange)
        await enforcement.refuse_handles(call.facts.action, call.facts.upstream, call.forwarded)
        if exchange.era is Era.LEGACY and not _ROUNDS.isdisjoint(exchange.params):
            detail = "it answers a question of the server's, which its era does not know."
            raise await enforcement.refuse(call.facts, Code.BAD_REQUEST, detail, named=call.facts.qualified)
        resumed = self.rounds.resumed(mount, exchange)
        delivery = Delivery(enforcement, self.rounds, self.told, exchange, mount, kind, adapt, exchange.method)
        if resumed is not None and not resumed.waited:
            exchange.came_back = COMES_BACK  # its state is the upstream's, and has no room for ours
            if resumed.held is not None:
                return await self.rounds.go_on(exchange, resumed)
            return await delivery.run(_answering(mount, call, resumed))
        if resumed is not None:
            exchange.came_back = resumed.waited
            if REQUEST in resumed.answers:
                exchange.elicited = (resumed.ticket, resumed.answers[REQUEST])
            call = replace(call, forwarded=_without_rounds(call.forwarded))
        try:
            return await self._deliver(exchange, mount, partial(delivery.run, call))
        except Refused as refused:
            if refused.decision.code is Code.APPROVAL_PENDING and exchange.may_come_back:
                return self.rounds.come_back(mount, exchange, refused.decision, refused.elicit)
            raise

    async def _deliver(self, exchange: Exchange, mount: Mount, work: Work) -> dict[str, Any]:
        claims = self.told(exchange.claims)
        if exchange.era is Era.MODERN and mount.era is Era.LEGACY and _can_be_asked(claims):
            return await self.rounds.hold(mount, exchange, work)
        return await work()


_ROUNDS: Final = frozenset(("inputResponses", "requestState"))


def _without_rounds(params: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in params.items() if key not in _ROUNDS}


def _answering(mount: Mount, call: Call, resumed: Resumed) -> Call:
    """The same call when it is repeated with answers: they leave with it, so they are decided with it, in one step."""
    repeated = replace(call, forwarded={**_without_rounds(call.forwarded), **resumed.forwarded})
    if not resumed.answers:
        return repeated
    answers = answer_facts(mount, resumed.methods)

    def also(facts: Facts) -> Facts:
        return replace(facts, labels=facts.labels | answers.labels)

    facts = also(call.facts_now())
    tool = call.changeable
    return replace(
        repeated,
        facts=facts,
        facts_now=lambda: also(call.facts_now()),
        answers=replace(answers, labels=facts.labels),
        changeable=None if tool is None else replace(tool, facts_of=lambda arguments: also(tool.facts_of(arguments))),
    )


def _can_be_asked(claims: Claims) -> bool:
    return any(capability in claims.capabilities for capability, _ in ASKED_OF_CLIENT.values())


def _changed(found: Found, listed: Listed | None) -> str:
    status = "is gone" if listed is None else f"is {listed.status}"
    return f"its definition {status} since the server '{found.mount.name}' was accepted"


def _with_arguments(params: dict[str, Any], placed: Placed) -> dict[str, Any]:
    return {**params, "arguments": placed.arguments} if placed.passed else params


def text_of(params: Mapping[str, Any], key: str) -> str:
    """A text among the parameters.

    :raises RemoteError: it is none.
    """
    value = params.get(key)
    if not isinstance(value, str):
        raise RemoteError(INVALID_PARAMS, f"Invalid params: {key!r} must be a string", None)
    return value


def object_of(params: Mapping[str, Any], key: str) -> dict[str, Any]:
    """An object among the parameters; empty when it is absent.

    :raises RemoteError: it is something else.
    """
    value = params.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RemoteError(INVALID_PARAMS, f"Invalid params: {key!r} must be an object", None)
    return value
