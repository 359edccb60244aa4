"""What a person says yes to is all that is sent, and all of it was on the screen; and they see who asks."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.messages import Asked, Refused
from rule_of_two.approvals.question import Question
from rule_of_two.approvals.render import View
from tests.attacks.http_clients import served
from tests.attacks.puppets import ENVELOPE, again, call, calls, legacy, modern, puppet, was_sent
from tests.harness import Gateway, House
from tests.people import human

HIDDEN = "HIDDEN-4711"


def _shown(question: Question) -> str:
    """All that a person sees of a question, as text."""
    lines = View(question).page(200, datetime.now(UTC)).lines
    return "\n".join("".join(span.text for span in line) for line in lines)


def _reads(house: House, method: str) -> list[dict[str, Any]]:
    return [one["params"] for one in house.messages("p") if one.get("method") == method]


async def _tainted(gateway: Gateway) -> None:
    await legacy(gateway)
    await gateway.call("p__read_untrusted")
    await gateway.call("p__read_private")


async def test_an_argument_that_is_called_like_an_answer_is_shown_too(house: House) -> None:
    house.servers = {"p": puppet(house, "p", "--modern")}
    arguments = {"inputResponses": HIDDEN, "requestState": HIDDEN}
    async with house.gateway(initialize=False) as gateway, human(house) as person:
        required = (await modern(gateway, "p__ask", arguments))["result"]
        await modern(gateway, "p__read_untrusted")
        await modern(gateway, "p__read_private")
        waiting = gateway.start("tools/call", call("p__ask", arguments, **again(required)))
        question = await person.question()
        assert _shown(question).count(HIDDEN) == 2
        assert question.arguments == arguments
        person.give(question)
        assert "accept" in (await waiting)["result"]["content"][0]["text"]
    assert calls(house)[-1]["arguments"] == arguments


async def test_whatever_is_sent_along_with_a_read_is_shown_and_bound(house: House) -> None:
    house.servers = {"p": puppet(house)}
    more = {"arguments": {"x": f"{HIDDEN}-1"}, "name": f"{HIDDEN}-2", "_meta": {"acme/x": f"{HIDDEN}-3"}}
    async with house.gateway(initialize=False) as gateway, human(house) as person:
        await _tainted(gateway)
        waiting = gateway.start("resources/read", {"uri": "puppet://out", **more})
        question = await person.question()
        for number in (1, 2, 3):
            assert f"{HIDDEN}-{number}" in _shown(question)
            assert f"{HIDDEN}-{number}" in question.forwarded_json
        person.give(question)
        assert "result" in await waiting
        # A yes to one read is none to the same with something else along.
        waiting = gateway.start("resources/read", {"uri": "puppet://out", "name": "other"})
        other = await person.question(2)
        assert other.digest != question.digest
        person.give(other, digest=question.digest)
        await person.until(Refused)
        person.give(other, Choice.NO)
        assert (await waiting)["error"]["data"]["code"] == "approval_denied"
    assert _reads(house, "resources/read") == [{"uri": "puppet://out", **more}]


async def test_a_subscription_sends_its_uri_and_nothing_else(house: House) -> None:
    house.servers = {"p": puppet(house)}
    async with house.gateway(initialize=False) as gateway, human(house) as person:
        await _tainted(gateway)
        for method in ("resources/subscribe", "resources/unsubscribe"):
            params = {"uri": "puppet://out", "note": HIDDEN, "_meta": {"acme/x": HIDDEN}}
            waiting = gateway.start(method, params)
            if method == "resources/subscribe":
                question = await person.question()
                assert "puppet://out" in _shown(question)
                person.give(question)
            assert "result" in await waiting
            assert _reads(house, method) == [{"uri": "puppet://out"}]
    assert not was_sent(house, HIDDEN)


async def test_a_log_level_of_a_modern_client_is_one_of_the_eight(house: House) -> None:
    house.servers = {"p": puppet(house, "p", "--modern")}
    key = "io.modelcontextprotocol/logLevel"
    async with house.gateway(initialize=False) as gateway:
        assert "result" in await modern(gateway, "p__plain", _meta={**ENVELOPE, key: "debug"})
        for method, params in (("tools/call", call("p__plain")), ("tools/list", {}), ("server/discover", {})):
            reply = await gateway.request(method, {**params, "_meta": {**ENVELOPE, key: HIDDEN}})
            assert reply["error"]["code"] == -32602
    assert len(calls(house)) == 1
    assert not was_sent(house, HIDDEN)


async def test_a_person_sees_which_http_client_asks(house: House) -> None:
    house.servers = {"p": puppet(house)}
    async with served(house, "laptop", "robot") as clients, human(house) as person:
        for client in clients:
            for tool in ("read_untrusted", "read_private"):
                await client.call(f"p__{tool}")
        async with asyncio.TaskGroup() as tasks:
            waiting = [tasks.create_task(client.call("p__send")) for client in clients]
            await person.question(2)
            questions = [message.question for _, message in person.heard if isinstance(message, Asked)]
            assert {question.client for question in questions} == {"laptop", "robot"}
            assert len({question.session for question in questions}) == 2
            for question in questions:
                assert f"asked by {question.client}" in _shown(question)
                person.give(question)
        assert all("send done" in json.dumps(task.result()) for task in waiting)
