"""Requests that take several rounds: ``input_required`` on the modern side, requests to the client on the legacy side.

Four pairs of eras. Where both sides speak the same, a question passes as it is. A legacy client is asked what a modern
upstream requires, and the upstream's request is repeated with the answers. A modern client is answered
``input_required`` for what a legacy upstream asks, while the upstream's call is held until the client repeats its own.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import anyio
from anyio.abc import TaskGroup
from msgspec import Struct, field

from rule_of_two.errors import BadRequest, Code, LimitExceeded
from rule_of_two.gateway.dialogue import Dialogue, answer_facts
from rule_of_two.gateway.elicited import REQUEST
from rule_of_two.gateway.exchange import ELICIT, Exchange, OwnAnswer, Progress
from rule_of_two.gateway.mount import Mount
from rule_of_two.gateway.results import Refused, with_decision
from rule_of_two.gateway.sealing import STATE_SECONDS, Sealer, request_digest
from rule_of_two.model import Decision
from rule_of_two.wire.eras import INPUT_REQUIRED, kind_of

_ROUNDS: Final = 16
"""How often an upstream may ask in the course of one request."""
_QUESTIONS: Final = 16
"""How many questions one result may hold, and how many calls of one upstream may wait for their client to come back.
Of those the oldest is given up for a newer one."""
_STATE_CHARACTERS: Final = 64 * 1024
"""A state of an upstream's goes to the client and back with every round, and must fit into its frames."""

_GIVE_UP_SECONDS: Final = 2.0
_PERSON: Final = "person"
"""The member of a sealed state that says that a person is being asked."""

Work = Callable[[], Awaitable[dict[str, Any]]]
Repeat = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class Resumed(Struct, frozen=True):
    """What a repeated request brings. ``forwarded`` is what the upstream gets of it besides the request itself."""

    answers: Mapping[str, Any]
    methods: str
    forwarded: dict[str, Any]
    held: str | None = None
    waited: int = 0
    """How often the client came back while a person was asked."""
    ticket: str = ""
    """The question that the person was asked."""


class Rounds:
    """Bridges questions of upstreams between the eras, for one client. ``tasks`` hold calls between two rounds."""

    def __init__(self, dialogue: Dialogue, tasks: TaskGroup, sealer: Sealer) -> None:
        self._dialogue = dialogue
        self._tasks = tasks
        self._sealer = sealer
        self._held: dict[str, _Held] = {}

    # A modern upstream's questions

    async def ask_all(self, mount: Mount, exchange: Exchange, result: dict[str, Any], repeat: Repeat) -> dict[str, Any]:
        """Ask a legacy client what a modern upstream requires, as long as it requires more; the final result.

        :raises LimitExceeded: it asks without end.
        :raises RemoteError: the client refused; or the upstream's final error.
        """
        for _ in range(_ROUNDS):
            if kind_of(result) != INPUT_REQUIRED:
                return result
            answers = {
                key: await self._dialogue.ask(mount, exchange, method, params)
                for key, method, params in _questions(result)
            }
            more: dict[str, Any] = {"inputResponses": answers}
            if "requestState" in result:
                more["requestState"] = result["requestState"]
            result = await repeat(more)
        raise LimitExceeded(f"the server '{mount.name}' asked for input more than {_ROUNDS} times")

    async def pass_on(self, mount: Mount, exchange: Exchange, result: dict[str, Any]) -> dict[str, Any]:
        """Decide what a modern upstream requires of a modern client, and seal its state into ours.

        :raises Refused: a question may not be put.
        :raises RemoteError: the client cannot do what is asked.
        """
        questions = _questions(result)
        shown = {
            key: {"method": method, "params": await self._dialogue.question(mount, exchange, method, params)}
            for key, method, params in questions
        }
        passed = {**result, **({"inputRequests": shown} if "inputRequests" in result else {})}
        if "requestState" in result:
            content = {
                "upstream": mount.name,
                "state": result["requestState"],
                "asked": {key: method for key, method, _ in questions},
                "conversation": exchange.conversation,
            }
            passed["requestState"] = self._sealer.seal(content, request=_digest(exchange))
        return passed

    # A person who takes their time

    def come_back(
        self, mount: Mount, exchange: Exchange, decision: Decision, elicit: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """Have a modern client repeat its request, which waits for a person, instead of keeping it waiting. ``elicit``
        is what its own user is asked meanwhile, where that is a channel."""
        state: dict[str, Any] = {
            "upstream": mount.name,
            "conversation": exchange.conversation,
            "asked": {},
            _PERSON: exchange.came_back + 1,
            "ticket": decision.ticket,
        }
        result: dict[str, Any] = {"resultType": INPUT_REQUIRED}
        if elicit is not None:
            result["inputRequests"] = {REQUEST: {"method": ELICIT, "params": elicit}}
        sealed = self._sealer.seal(state, request=_digest(exchange))
        return with_decision({**result, "requestState": sealed}, decision)

    # The client comes back

    def resumed(self, mount: Mount, exchange: Exchange) -> Resumed | None:
        """What a request brings as answers; ``None`` if it brings none.

        :raises BadRequest: its state is not ours, or not for this request and upstream.
        """
        params = exchange.params
        if "inputResponses" not in params and "requestState" not in params:
            return None
        answers = params.get("inputResponses", {})
        if not isinstance(answers, dict):
            raise BadRequest("inputResponses is not an object")
        forwarded: dict[str, Any] = {"inputResponses": answers} if "inputResponses" in params else {}
        if "requestState" not in params:
            return Resumed(answers, "input", forwarded)
        content = self._sealer.open(params["requestState"], request=_digest(exchange))
        if content["upstream"] != mount.name:
            raise BadRequest("the requestState belongs to another server")
        if content["conversation"] != exchange.conversation:
            raise BadRequest("the requestState belongs to another conversation")
        methods = ", ".join(sorted(set(content["asked"].values()))) or "nothing"
        if _PERSON in content:
            return Resumed(answers, "nothing", {}, waited=content[_PERSON], ticket=content["ticket"])
        if "held" in content:
            return Resumed(answers, methods, {}, content["held"])
        return Resumed(answers, methods, {**forwarded, "requestState": content["state"]})

    # A legacy upstream's questions

    async def hold(self, mount: Mount, exchange: Exchange, work: Work) -> dict[str, Any]:
        """Carry out ``work`` for a modern client, who is answered with what the upstream asks meanwhile."""
        held = _Held(secrets.token_hex(16), mount, exchange)
        exchange.asking = held.ask
        self._held[held.id] = held
        self._tasks.start_soon(self._carry_out, held, work)
        return await self._next(held)

    async def go_on(self, exchange: Exchange, resumed: Resumed) -> dict[str, Any]:
        """Give a held call the client's answers, and wait for what comes next.

        # INVARIANT: a held call ends with the session that it was made in, and hands nothing to another one;
        # tests/attacks/test_worked_on.py.

        :raises BadRequest: the call is not held any more.
        :raises Refused: the session is frozen or another one, or the answers may not leave; then the call goes on
            waiting.
        """
        held = self._held.get(resumed.held or "")
        if held is None or exchange.incoming is None or held.exchange.incoming is not None:
            raise BadRequest("the call that this answers is not waiting any more")
        if (flight := held.exchange.flight) is not None:
            try:
                self._dialogue.session_of(held.exchange).must_go_on(
                    flight.decision.session, answer_facts(held.mount, resumed.methods)
                )
            except Refused as refused:
                if refused.decision.code is not Code.SESSION_FROZEN:
                    held.scope.cancel()
                raise
        held.exchange.incoming = exchange.incoming
        for key, waiting in list(held.waiting.items()):
            answer = resumed.answers.get(key)
            if isinstance(answer, dict):
                try:
                    await self._dialogue.answer(held.mount, held.exchange, waiting.method, answer)
                except BaseException:
                    held.exchange.incoming = None
                    raise
                waiting.answer = answer
                waiting.answered.set()
                held.waiting.pop(key, None)
        return await self._next(held)

    def _make_room(self, newest: _Held) -> None:
        """Give up the oldest calls of an upstream of which too many wait for their client."""
        waiting = [one for one in self._held.values() if one.mount is newest.mount and one.exchange.incoming is None]
        for one in waiting[: max(len(waiting) - _QUESTIONS, 0)]:
            one.scope.cancel()

    async def give_up(self) -> None:
        """Cancel the calls that are held, upstream too, in bounded time: nobody will come back for them."""
        held = list(self._held.values())
        with anyio.move_on_after(_GIVE_UP_SECONDS, shield=True):
            for one in held:
                one.scope.cancel()
            for one in held:
                await one.ended.wait()

    async def _carry_out(self, held: _Held, work: Work) -> None:
        try:
            with held.scope:
                held.result = await work()
        except Exception as error:  # noqa: BLE001  # it is raised where the client's request is answered
            held.error = error
        finally:
            held.ended.set()
            for question in held.waiting.values():
                question.answered.set()  # there is nobody to answer it to any more
            self._held.pop(held.id, None)
            held.changed.set()

    async def _next(self, held: _Held) -> dict[str, Any]:
        """The result of a held call, or the questions that came first."""
        try:
            while not held.ended.is_set() and not held.waiting:
                await held.changed.wait()
                held.changed = anyio.Event()
        except anyio.get_cancelled_exc_class():
            held.scope.cancel()  # the client gave up: so does its call
            raise
        if held.ended.is_set():
            if held.error is not None:
                raise held.error
            if held.result is None:
                raise BadRequest("the call was given up")
            return held.result
        questions = dict(held.waiting)
        state = {
            "upstream": held.mount.name,
            "held": held.id,
            "asked": {key: waiting.method for key, waiting in questions.items()},
            "conversation": held.exchange.conversation,
        }
        sealed = self._sealer.seal(state, request=_digest(held.exchange))
        held.exchange.incoming = None
        self._make_room(held)
        return {
            "resultType": INPUT_REQUIRED,
            "inputRequests": {
                key: {"method": waiting.method, "params": waiting.params} for key, waiting in questions.items()
            },
            "requestState": sealed,
        }


class _Question(Struct, eq=False):
    method: str
    params: dict[str, Any]
    answered: anyio.Event = field(default_factory=anyio.Event)
    answer: dict[str, Any] | None = None


class _Held(Struct, eq=False):
    """A call to a legacy upstream that goes on between two requests of a modern client."""

    id: str
    mount: Mount
    exchange: Exchange
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    waiting: dict[str, _Question] = field(default_factory=dict)
    changed: anyio.Event = field(default_factory=anyio.Event)
    result: dict[str, Any] | None = None
    error: Exception | None = None
    ended: anyio.Event = field(default_factory=anyio.Event)
    asked: int = 0

    async def ask(self, method: str, params: dict[str, Any], on_progress: Progress | None) -> dict[str, Any]:
        """Have the client asked with its next answer, and wait until it comes back with one.

        :raises RemoteError: it did not come back in time.
        """
        self.asked += 1
        key = f"question-{self.asked}"
        self.waiting[key] = question = _Question(method, params)
        self.changed.set()
        try:
            with anyio.move_on_after(STATE_SECONDS):
                await question.answered.wait()
        finally:
            self.waiting.pop(key, None)
        if question.answer is None:
            self.scope.cancel()
            raise OwnAnswer(-1, "The client did not come back with an answer.")
        return question.answer


def _questions(result: Mapping[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Key, method and parameters of each question of an ``input_required`` result.

    :raises BadRequest: it is not one.
    """
    requests, state = result.get("inputRequests", {}), result.get("requestState", "")
    if not isinstance(requests, dict) or not ("inputRequests" in result or "requestState" in result):
        raise BadRequest("the server asks for input without saying what for")
    if len(requests) > _QUESTIONS:
        raise BadRequest(f"the server asks more than {_QUESTIONS} questions at once")
    if not isinstance(state, str) or len(state) > _STATE_CHARACTERS:
        raise BadRequest(f"the server's requestState is no text of at most {_STATE_CHARACTERS} characters")
    questions: list[tuple[str, str, dict[str, Any]]] = []
    for key, request in requests.items():
        method = request.get("method") if isinstance(request, dict) else None
        params = request.get("params", {}) if isinstance(request, dict) else None
        if not isinstance(method, str) or not isinstance(params, dict):
            raise BadRequest("the server asks for input in a way that is not MCP's")
        questions.append((key, method, params))
    return questions


def _digest(exchange: Exchange) -> bytes:
    return request_digest(exchange.method, exchange.params)
