"""What an upstream says can be out of any call that it works on: the labels come first, whatever becomes of the call.

A call that waits for its client belongs to the session that it was made in.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.attacks.puppets import (
    PRIVATE,
    YES,
    again,
    call,
    calls,
    cancellations,
    legacy,
    mark,
    modern,
    new_session,
    puppet,
    until_asked,
    was_sent,
)
from tests.attacks.robust import until
from tests.harness import Gateway, House, outcome


@pytest.fixture
def house(house: House) -> House:
    house.servers = {"p": puppet(house)}
    return house


def _start(gateway: Gateway, tool: str) -> int:
    """Start a call that never ends by itself; its number."""
    gateway.start("tools/call", {"name": f"p__{tool}", "arguments": {}})
    return gateway.last_id


async def test_a_question_brings_what_its_call_could_even_if_that_never_ends(house: House) -> None:
    async with house.gateway(initialize=False) as gateway:
        await legacy(gateway)
        number = _start(gateway, "ask_private")
        question = await until_asked(gateway)
        assert PRIVATE in question["params"]["message"]
        assert house.held() == {"A", "B"}
        await gateway.notify("notifications/cancelled", {"requestId": number})
        assert outcome(await gateway.call("p__send")) == ("ask", "approval_required")
        assert house.held() == {"A", "B"}


async def test_a_question_brings_what_its_call_could_even_if_the_upstream_dies(house: House) -> None:
    async with house.gateway(initialize=False) as gateway:
        await legacy(gateway)
        waiting = gateway.start("tools/call", {"name": "p__ask_private", "arguments": {}})
        await until_asked(gateway)
        await gateway.call("p__die")
        assert outcome((await waiting)["result"]) == ("deny", "upstream_unavailable")
        while (stopped := outcome(await gateway.call("p__send")))[1] == "upstream_unavailable":
            await gateway.request("ping")
        assert stopped == ("ask", "approval_required")
        assert house.held() == {"A", "B"}


async def test_a_question_for_one_call_brings_what_every_other_of_its_upstream_could(house: House) -> None:
    async with house.gateway(initialize=False) as gateway:
        await legacy(gateway)
        await gateway.call("p__plain")
        _start(gateway, "hang_private")
        while [one["name"] for one in calls(house)] != ["plain", "hang_private"]:
            await gateway.request("ping")
        assert house.held() == set()
        _start(gateway, "ask")
        await until_asked(gateway)
        assert house.held() == {"A", "B"}


async def test_a_log_message_brings_what_its_call_could_even_if_that_is_cancelled(house: House) -> None:
    async with house.gateway(initialize=False) as gateway:
        await legacy(gateway)
        number = _start(gateway, "log_private")
        message = await gateway.until_notified("notifications/message")
        assert message["params"]["data"] == PRIVATE
        assert house.held() == {"A", "B"}
        await gateway.notify("notifications/cancelled", {"requestId": number})
        assert outcome(await gateway.call("p__send")) == ("ask", "approval_required")


async def test_what_a_full_session_may_not_see_is_neither_asked_nor_logged(house: House) -> None:
    """With [C] held, a question or a message that brings [A] and [B] would complete the set."""
    async with house.gateway(initialize=False) as gateway:
        await legacy(gateway)
        await gateway.call("p__send")
        _start(gateway, "log_private")
        await until(lambda: any(entry["action"] == "receive" for entry in house.journal("decision")))
        refused = await gateway.call("p__ask_private")
        assert "The request was refused." in refused["content"][0]["text"]
        assert gateway.asked == []
        assert not [one for one in gateway.notifications if one["method"] == "notifications/message"]
        assert house.held() == {"B", "C"}


async def test_a_question_is_withdrawn_from_the_client_when_its_call_is_cancelled(house: House) -> None:
    async with house.gateway(initialize=False) as gateway:
        await legacy(gateway)
        number = _start(gateway, "ask_private")
        question = await until_asked(gateway)
        await gateway.notify("notifications/cancelled", {"requestId": number})
        withdrawn = await gateway.until_notified("notifications/cancelled")
        assert withdrawn["params"]["requestId"] == question["id"]
        late = {"jsonrpc": "2.0", "id": question["id"], "result": {"action": "accept", "content": {"x": "TOO LATE"}}}
        gateway.write(json.dumps(late).encode())
        assert outcome(await gateway.call("p__plain")) == ("allow", None)
    assert not was_sent(house, "TOO LATE")


async def test_an_answer_does_not_leave_a_session_that_was_frozen_meanwhile(house: House) -> None:
    async with house.gateway(initialize=False) as gateway:
        await legacy(gateway)
        waiting = gateway.start("tools/call", {"name": "p__ask", "arguments": {}})
        question = await until_asked(gateway)
        mark(house, "frozen")
        answer = {"action": "accept", "content": {"x": "PASSPHRASE"}}
        gateway.write(json.dumps({"jsonrpc": "2.0", "id": question["id"], "result": answer}).encode())
        assert "The request was refused." in (await waiting)["result"]["content"][0]["text"]
    assert not was_sent(house, "PASSPHRASE")


async def test_a_reason_does_not_leave_once_the_session_gave_up_sending(house: House) -> None:
    """The call itself was free to send when it was decided."""
    async with house.gateway(initialize=False) as gateway:
        await legacy(gateway)
        await gateway.call("p__plain")
        number = _start(gateway, "hang_send")
        while calls(house)[-1]["name"] != "hang_send":
            await gateway.request("ping")
        mark(house, "dropped")
        await gateway.call("p__read_private")
        await gateway.notify("notifications/cancelled", {"requestId": number, "reason": PRIVATE})
        await until(lambda: bool(cancellations(house)))
    assert [one["reason"] for one in cancellations(house)] == ["cancelled by the client"]


@pytest.mark.parametrize("answer", [YES, None], ids=["answered", "asked-again"])
async def test_a_held_call_ends_with_the_session_that_it_was_made_in(
    house: House, answer: dict[str, Any] | None
) -> None:
    """Neither its result nor its question reaches the new one."""
    async with house.gateway(initialize=False) as gateway:
        required = (await modern(gateway, "p__ask_private"))["result"]
        await new_session(house)
        reply = await modern(gateway, "p__ask_private", **again(required, answer))
        assert outcome(reply["result"]) == ("deny", "approval_expired")
        assert PRIVATE not in json.dumps(reply)
        await until(lambda: bool(cancellations(house)))
        gone = await modern(gateway, "p__ask_private", **again(required, answer))
        assert gone["error"]["data"]["code"] == "bad_request"
        assert house.held() == set()
    assert not was_sent(house, "accept")


async def test_a_held_call_waits_while_its_session_is_frozen(house: House) -> None:
    async with house.gateway(initialize=False) as gateway:
        required = (await modern(gateway, "p__ask"))["result"]
        mark(house, "frozen")
        for answer in (YES, None):
            reply = await modern(gateway, "p__ask", **again(required, answer))
            assert outcome(reply["result"]) == ("deny", "session_frozen")
            assert "hello" not in json.dumps(reply)
        assert not was_sent(house, "accept")
        mark(house, "frozen", on=False)  # which no person can do: somebody else wrote into the state
        reply = await modern(gateway, "p__ask", **again(required))
        assert reply["error"]["data"]["code"] == "store_error"
        assert not was_sent(house, "accept")


async def test_a_kill_between_two_rounds_keeps_labels_and_forgets_states(house: House) -> None:
    async with house.gateway(initialize=False) as gateway:
        required = (await modern(gateway, "p__ask_private"))["result"]
        await gateway.kill()
    async with house.gateway(initialize=False) as gateway:
        reply = await gateway.request("tools/call", call("p__ask_private", **again(required)))
        assert reply["error"]["data"]["code"] == "bad_request"
        assert house.held() == {"A", "B"}
