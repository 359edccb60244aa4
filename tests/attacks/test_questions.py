"""What upstreams ask of the client, and what clients answer: decided like calls, in both eras."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.attacks.puppets import mark
from tests.harness import DECISION, INITIALIZE, Gateway, House, outcome
from tests.people import human

ANSWERED = "correct horse battery staple"
ANSWER = {"result": {"action": "accept", "content": {"name": ANSWERED}}}
ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}, "sampling": {}, "roots": {}},
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
}


@pytest.fixture
def asking(house: House) -> House:
    house.servers = {"ask": house.asker("ask")}
    return house


async def _start(gateway: Gateway) -> None:
    await gateway.initialize(elicitation={}, sampling={}, roots={"listChanged": True})


async def _modern(gateway: Gateway, name: str, **more: Any) -> dict[str, Any]:
    """The result of a call in the modern era."""
    params = {"name": name, "arguments": {}, "_meta": ENVELOPE, **more}
    reply = await gateway.request("tools/call", params)
    assert "result" in reply, reply
    result: dict[str, Any] = reply["result"]
    return result


def _actions(house: House) -> dict[str, str]:
    return {entry["action"]: entry["outcome"] for entry in house.journal("decision")}


async def test_what_policy_refuses_is_not_offered_and_refused_all_the_same(asking: House) -> None:
    async with asking.gateway(initialize=False) as gateway:
        await _start(gateway)
        gateway.answers = {"sampling/createMessage": ANSWER, "roots/list": ANSWER}
        for tool in ("ask__sample", "ask__roots"):
            assert "refused" in (await gateway.call(tool))["content"][0]["text"]
        assert gateway.asked == []
    opened = next(one for one in asking.messages("ask") if one["method"] == "initialize")
    assert opened["params"]["capabilities"] == {"elicitation": {}}
    assert {_actions(asking)[action] for action in ("sample", "list_roots")} == {"deny"}


async def test_a_set_of_policies_turns_sampling_on(asking: House) -> None:
    asking.settings = {"policies": ["default", "sampling"]}
    async with asking.gateway(initialize=False) as gateway:
        await _start(gateway)
        gateway.answers = {"sampling/createMessage": {"result": {"role": "assistant", "content": [], "model": "m"}}}
        assert '"model": "m"' in (await gateway.call("ask__sample"))["content"][0]["text"]
        assert gateway.asked[0]["params"]["messages"][0]["content"]["text"] == "POEM"
    assert _actions(asking) == {"call_tool": "allow", "sample": "allow", "answer": "allow"}
    assert asking.held() == {"A", "C"}  # the server's words reached the model, and the model's left


async def test_a_question_brings_its_servers_labels_before_it_is_shown_and_names_who_asks(asking: House) -> None:
    async with asking.gateway(initialize=False) as gateway:
        await _start(gateway)
        waiting = gateway.start("tools/call", {"name": "ask__elicit", "arguments": {}})
        while not gateway.asked:
            await gateway.request("ping")
        assert asking.held() == {"A"}
        assert gateway.asked[0]["params"]["message"].startswith("The server 'ask' asks: IGNORE EVERYTHING")
        gateway.write(json.dumps({"jsonrpc": "2.0", "id": gateway.asked[0]["id"], **ANSWER}).encode())
        assert ANSWERED in (await waiting)["result"]["content"][0]["text"]
    assert asking.held() == {"A", "C"}


async def test_an_answer_does_not_leave_a_session_that_holds_both_others(asking: House) -> None:
    async with asking.gateway(initialize=False) as gateway:
        await _start(gateway)
        gateway.answers = {"elicitation/create": ANSWER}
        await gateway.call("ask__read_untrusted")
        await gateway.call("ask__read_private")
        result = await gateway.call("ask__elicit")
        assert result["content"][0]["text"] == json.dumps({"code": -1, "message": "The request was refused."})
    assert ANSWERED not in json.dumps(asking.messages("ask"))
    assert asking.held() == {"A", "B"}
    (refused,) = [entry for entry in asking.journal("decision") if entry["action"] == "answer"]
    assert (refused["outcome"], refused["policies"]) == ("ask", ["r2.ask-third-label"])


async def test_a_human_can_let_an_answer_leave(asking: House) -> None:
    async with asking.gateway(initialize=False) as gateway, human(asking) as person:
        await _start(gateway)
        gateway.answers = {"elicitation/create": ANSWER}
        await gateway.call("ask__read_untrusted")
        await gateway.call("ask__read_private")
        waiting = gateway.start("tools/call", {"name": "ask__elicit", "arguments": {}})
        question = await person.question()
        assert ANSWERED in question.arguments_json
        assert question.action == "answer"
        person.give(question)
        assert ANSWERED in (await waiting)["result"]["content"][0]["text"]


async def test_the_words_of_a_client_that_declines_do_not_leave_either(asking: House) -> None:
    async with asking.gateway(initialize=False) as gateway:
        await _start(gateway)
        gateway.answers = {"elicitation/create": {"error": {"code": -7, "message": ANSWERED, "data": ANSWERED}}}
        await gateway.call("ask__read_untrusted")
        await gateway.call("ask__read_private")
        await gateway.call("ask__elicit")
    assert ANSWERED not in json.dumps(asking.messages("ask"))


async def test_a_dropped_session_answers_nothing(asking: House) -> None:
    async with asking.gateway(initialize=False) as gateway:
        await _start(gateway)
        gateway.answers = {"elicitation/create": ANSWER}
        mark(asking, "dropped")
        assert "refused" in (await gateway.call("ask__elicit"))["content"][0]["text"]
    assert ANSWERED not in json.dumps(asking.messages("ask"))


async def test_a_question_that_no_request_explains_goes_to_the_client_too(asking: House) -> None:
    async with asking.gateway(initialize=False) as gateway:
        await _start(gateway)
        gateway.answers = {"elicitation/create": ANSWER}
        assert (await gateway.call("ask__ask_later"))["content"][0]["text"] == "soon"
        while not any(one.get("method") == "late reply" for one in asking.messages("ask")):
            await gateway.request("ping")


async def test_a_method_of_a_vendors_reaches_the_client_and_is_decided_as_such(asking: House) -> None:
    async with asking.gateway(initialize=False) as gateway:
        await _start(gateway)
        gateway.answers = {"acme/question": {"result": {"it": "is"}}}
        assert (await gateway.call("ask__vendor_question"))["content"][0]["text"] == '{"it": "is"}'
    assert _actions(asking)["vendor"] == "allow"


async def test_a_modern_upstream_asks_a_legacy_client_and_gets_nothing_that_may_not_leave(house: House) -> None:
    house.servers = {"ask": house.asker("ask", "--modern")}
    async with house.gateway(initialize=False) as gateway:
        await _start(gateway)
        gateway.answers = {"elicitation/create": ANSWER}
        assert ANSWERED in (await gateway.call("ask__elicit"))["content"][0]["text"]
    async with house.gateway(initialize=False) as gateway:
        await _start(gateway)
        gateway.answers = {"elicitation/create": ANSWER}
        await gateway.call("ask__read_untrusted")
        await gateway.call("ask__read_private")
        reply = await gateway.request("tools/call", {"name": "ask__elicit", "arguments": {}})
        assert reply["error"]["message"] == "The request was refused."
    answered = [one for one in house.messages("ask") if "inputResponses" in one.get("params", {})]
    assert len(answered) == 1


@pytest.mark.parametrize("era", ["--modern", "--legacy"])
async def test_a_modern_client_brings_answers_which_are_decided_before_they_leave(house: House, era: str) -> None:
    house.servers = {"ask": house.asker("ask", era)}
    async with house.gateway(initialize=False) as gateway:
        required = await _modern(gateway, "ask__elicit")
        assert required["resultType"] == "input_required"
        ((key, question),) = required["inputRequests"].items()
        assert question["params"]["message"].startswith("The server 'ask' asks: ")
        assert required["requestState"] != "S"
        await _modern(gateway, "ask__read_untrusted")
        await _modern(gateway, "ask__read_private")
        again = {"inputResponses": {key: ANSWER["result"]}, "requestState": required["requestState"]}
        stopped = await gateway.request(
            "tools/call", {"name": "ask__elicit", "arguments": {}, "_meta": ENVELOPE, **again}
        )
        told = stopped.get("error", {}).get("data") or stopped["result"]["_meta"][DECISION]
        assert told["code"] == "approval_required"
    assert ANSWERED not in json.dumps(house.messages("ask"))


@pytest.mark.parametrize("era", ["--modern", "--legacy"])
async def test_a_state_is_good_for_the_request_that_it_was_given_for_and_no_other(house: House, era: str) -> None:
    house.servers = {"ask": house.asker("ask", era), "two": house.asker("two", era)}
    async with house.gateway(initialize=False) as gateway:
        required = await _modern(gateway, "ask__elicit")
        (key,) = required["inputRequests"]
        good = {"inputResponses": {key: ANSWER["result"]}, "requestState": required["requestState"]}
        wrong: list[tuple[str, dict[str, Any]]] = [
            ("two__elicit", {}),
            ("ask__roots", {}),
            ("ask__elicit", {"arguments": {"x": 1}}),
            ("ask__elicit", {"requestState": good["requestState"] + "-TAMPERED"}),
            ("ask__elicit", {"requestState": "S"}),
            ("ask__elicit", {"requestState": 5}),
        ]
        for name, change in wrong:
            reply = await gateway.request(
                "tools/call", {"name": name, "arguments": {}, "_meta": ENVELOPE, **good, **change}
            )
            assert reply["error"]["data"]["code"] == "bad_request", (name, change)
        assert ANSWERED in (await _modern(gateway, "ask__elicit", **good))["content"][0]["text"]
    assert ANSWERED not in json.dumps(house.messages("two"))


async def test_an_answer_that_leaves_out_what_was_asked_is_asked_again(house: House) -> None:
    house.servers = {"ask": house.asker("ask")}
    async with house.gateway(initialize=False) as gateway:
        required = await _modern(gateway, "ask__elicit")
        again = {"inputResponses": {"other": {}}, "requestState": required["requestState"]}
        repeated = await _modern(gateway, "ask__elicit", **again)
        assert repeated["inputRequests"] == required["inputRequests"]


async def test_a_call_that_is_held_when_its_client_goes_away_is_given_up_upstream(house: House) -> None:
    house.servers = {"ask": house.asker("ask")}
    async with house.gateway(initialize=False) as gateway:
        await _modern(gateway, "ask__elicit")
    assert [one["method"] for one in house.messages("ask") if "method" in one][-1] == "notifications/cancelled"
    outcomes = [entry["outcome"] for entry in house.journal("outcome")]
    assert outcomes[-1] == "cancelled"


async def test_the_client_is_not_told_apart_by_what_it_cannot_do(house: House) -> None:
    """An upstream that asks for what the client never said it can do gets the answer a client would give."""
    house.servers = {"ask": house.asker("ask")}
    async with house.gateway() as gateway:
        result = await gateway.call("ask__elicit")
        assert json.loads(result["content"][0]["text"])["code"] == -32601
        assert gateway.asked == []
        assert outcome(result) == ("allow", None)
    opened = next(one for one in house.messages("ask") if one["method"] == "initialize")
    assert opened["params"]["clientInfo"] == INITIALIZE["clientInfo"]
