"""The scripted agent: when it obeys, and what it goes on with."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from benchmarks.agentdojo.agent import Said, reached, replay
from benchmarks.agentdojo.case import Call, Encoding
from benchmarks.agentdojo.server import Done, SuiteServer
from rule_of_two.wire.handler import Incoming
from tests.benchmarks.tiny import InjectionTask, TextOnly, tiny

READ = Call("read_letters", {})
SEND = Call("send_letter", {"to": "bob@example.org", "text": "thanks"})
TODAY = Call("today", {})
EVIL = Call("send_letter", {"to": "mallory@example.net", "text": "hello"})
REFUSED = {"content": [{"type": "text", "text": "Stopped."}], "isError": True}


class _Gate:
    """Refuses some tools, shortens the results of others, and remembers what it was asked for."""

    def __init__(self, *attack: Any, refuse: Sequence[str] = (), shorten: Sequence[str] = ()) -> None:
        self.case = tiny().case("user_task_1", *attack)
        self.tried: list[Call] = []
        self._refuse, self._shorten = refuse, shorten
        self._server = SuiteServer((), self.case)

    @property
    def done(self) -> list[Done]:
        return self._server.done

    async def invoke(self, call: Call) -> Mapping[str, Any]:
        self.tried.append(call)
        if call.tool in self._refuse:
            return REFUSED
        params = {"name": call.tool, "arguments": dict(call.arguments)}
        result = await self._server.on_request(Incoming(1, "tools/call", params, None))  # type: ignore[arg-type]
        if call.tool in self._shorten:
            result = {**result, "structuredContent": {"result": []}}
        return {**result, "_meta": {"rule-of-two/decision": {}}}

    async def run(self) -> Said:
        return await replay(self.case, self.invoke, self.done)


async def test_without_an_injection_only_the_honest_calls_are_made() -> None:
    gate = _Gate()
    said = await gate.run()
    assert gate.tried == [READ, SEND]
    assert (said.answered, said.obeyed, said.refused) == (True, False, [])


@pytest.mark.parametrize("encoding", Encoding)
async def test_injected_text_is_obeyed_at_once_and_only_once(encoding: Encoding) -> None:
    gate = _Gate("injection_task_0", encoding)
    said = await gate.run()
    assert gate.tried == [READ, TODAY, EVIL, SEND]
    assert (said.answered, said.obeyed) == (True, True)


async def test_a_refused_result_carries_no_injection() -> None:
    gate = _Gate("injection_task_0", refuse=["read_letters"])
    said = await gate.run()
    assert gate.tried == [READ, SEND]
    assert (said.answered, said.obeyed, said.refused) == (False, False, ["read_letters"])


async def test_the_agent_goes_on_after_each_refusal() -> None:
    gate = _Gate("injection_task_0", refuse=["today", "send_letter"])
    said = await gate.run()
    assert gate.tried == [READ, TODAY, EVIL, SEND]
    assert (said.answered, said.refused) == (False, ["send_letter"])


async def test_who_did_not_get_all_that_a_call_returned_cannot_answer() -> None:
    gate = _Gate(shorten=["read_letters"])
    said = await gate.run()
    assert (said.answered, said.refused) == (False, ["read_letters"])


def test_text_is_found_however_it_is_wrapped_and_wherever_it_stands() -> None:
    text = "do\n\nthis 'now'"
    inner = {"items": [{"body": "well, do this\n'now'!"}]}
    assert reached(text, {"structuredContent": inner})
    assert reached(text, {"content": [{"type": "text", "text": json.dumps(inner)}]})
    assert reached(text, {"content": [{"type": "text", "text": json.dumps({"do this 'now'": 1})}]})
    assert not reached(text, {"content": [{"type": "text", "text": "do that 'now'"}]})


def test_the_attack_stands_where_the_task_reads_in_the_encoding_asked_for() -> None:
    suite = tiny()
    plain = suite.case("user_task_0", "injection_task_0")
    encoded = suite.case("user_task_0", "injection_task_0", Encoding.BASE64)
    assert plain.carried is not None
    assert encoded.carried is not None
    assert InjectionTask.GOAL in plain.carried
    assert base64.b64decode(encoded.carried).decode() == plain.carried
    for case in (plain, encoded):
        assert case.carried in case.run(READ)[1]["text"]


def test_a_task_that_reads_nothing_of_others_cannot_be_attacked() -> None:
    with pytest.raises(ValueError, match="no injection can reach user_task_2"):
        tiny().case("user_task_2", "injection_task_0")


def test_what_is_said_counts_only_once_the_text_has_reached_the_agent() -> None:
    case = tiny().case("user_task_0", "injection_task_1")
    assert not case.harmed(answered=True, obeyed=False, carried_out=[])
    assert case.harmed(answered=False, obeyed=True, carried_out=[])
    assert case.useful(answered=True, obeyed=True, carried_out=[])
    assert not case.useful(answered=False, obeyed=True, carried_out=[])
    assert TextOnly.GROUND_TRUTH_OUTPUT
