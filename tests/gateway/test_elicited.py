"""The client as a channel: only where it is turned on, never where policy wants the console, and marked as weaker."""

from __future__ import annotations

from typing import Any

import pytest

from rule_of_two.approvals.keys import ApproverKey
from tests.harness import DECISION, Gateway, House, outcome
from tests.people import ENVELOPE, SEND, enrol, human, modern, tainted

ON = {"channels": ["console", "elicitation"], "wait": "2s"}
YES = {"result": {"action": "accept", "content": {"decision": "yes"}}}
NO = {"result": {"action": "accept", "content": {"decision": "no"}}}


async def send(house: House, answer: dict[str, Any] | None, **capabilities: Any) -> tuple[dict[str, Any], Gateway]:
    async with house.gateway(initialize=False) as gateway:
        await gateway.initialize(**(capabilities or {"elicitation": {}}))
        if answer is not None:
            gateway.answers["elicitation/create"] = answer
        await tainted(gateway)
        return await gateway.call("rec__send", SEND["arguments"]), gateway


async def test_a_yes_through_the_client_lets_the_call_pass_and_the_receipt_says_that_it_is_weaker(house: House) -> None:
    house.settings["approvals"] = ON
    result, gateway = await send(house, YES)
    assert outcome(result) == ("allow", None)
    (asked,) = gateway.asked
    message = asked["params"]["message"]
    assert "bob@example.org" in message
    assert "rule-of-two asks" in message
    assert "\x1b" not in message
    (answer,) = house.journal("answer")
    assert answer["assurance"] == "through the client, unsigned: weaker than the console"
    assert (answer["tier"], answer["receipt"]["channel"]) == ("T0", "elicitation")
    assert house.sent().count("send") == 1


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (NO, "approval_denied"),
        ({"result": {"action": "decline"}}, "approval_denied"),
        ({"result": {"action": "cancel"}}, "approval_expired"),
        ({"result": {"action": "accept"}}, "approval_denied"),
        ({"result": {"action": "accept", "content": {"decision": True}}}, "approval_denied"),
        ({"result": {"action": "accept", "content": {"decision": "YES"}}}, "approval_denied"),
        ({"result": {"action": "accept", "content": ["yes"]}}, "approval_denied"),
        ({"result": {"action": ["accept"]}}, "approval_expired"),
        ({"error": {"code": -32601, "message": "no"}}, "approval_required"),
    ],
    ids=str,
)
async def test_anything_but_a_yes_is_none(house: House, answer: dict[str, Any], code: str) -> None:
    house.settings["approvals"] = ON
    result, _ = await send(house, answer)
    assert outcome(result)[1] == code
    assert "send" not in house.sent()


async def test_a_client_that_never_answers_does_not_hold_the_call_for_ever(house: House) -> None:
    house.settings["approvals"] = {**ON, "wait": "300ms"}
    result, gateway = await send(house, None)
    assert outcome(result) == ("ask", "approval_expired")
    assert len(gateway.asked) == 1


@pytest.mark.parametrize(
    ("settings", "capabilities"),
    [
        ({"approvals": {"channels": ["console"]}}, {"elicitation": {}}),
        ({"approvals": ON, "client": "claude-desktop"}, {"elicitation": {}}),
        ({"approvals": ON}, {"sampling": {}}),
        ({"approvals": ON}, {"elicitation": {"url": {}}}),
        ({"approvals": ON, "policies": ["default", "four-eyes"]}, {"elicitation": {}}),
        ({"approvals": ON, "policies": ["default", "./console.cedar"]}, {"elicitation": {}}),
    ],
    ids=["not turned on", "profile", "not declared", "only by url", "two people", "policy"],
)
async def test_where_it_is_no_channel_nobody_is_asked(
    house: House, settings: dict[str, Any], capabilities: dict[str, Any]
) -> None:
    (house.folder / "console.cedar").write_text(
        """@id("own.console-only") @message("At the console only.")
        forbid (principal is Gateway::Approver, action == Gateway::Action::"approve_call", resource)
        when { context.channel != "console" };"""
    )
    house.settings.update(settings)
    result, gateway = await send(house, YES, **capabilities)
    assert outcome(result) == ("ask", "approval_required")
    assert gateway.asked == []
    assert "send" not in house.sent()


async def test_a_console_that_is_attached_is_asked_instead(house: House) -> None:
    house.settings["approvals"] = ON
    async with house.gateway(initialize=False) as gateway, human(house) as person:
        await gateway.initialize(elicitation={})
        gateway.answers["elicitation/create"] = YES
        await tainted(gateway)
        waiting = gateway.start("tools/call", SEND)
        person.give(await person.question())
        assert outcome((await waiting)["result"]) == ("allow", None)
        assert gateway.asked == []


async def test_where_approvers_are_enrolled_policy_still_decides_about_this_channel(house: House) -> None:
    enrol(house, ("alice", ApproverKey.generate()), **ON)
    result, _ = await send(house, YES)
    assert outcome(result) == ("allow", None)
    (answer,) = house.journal("answer")
    assert (answer["tier"], answer["receipt"]["signature"]) == ("T0", None)


FORM = {**ENVELOPE, "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}


async def by_form(gateway: Gateway, **more: Any) -> dict[str, Any]:
    """A call of a modern client whose user can be asked with a form."""
    return await modern(gateway, **{**SEND, "_meta": dict(FORM), **more})


async def test_a_modern_client_is_asked_with_the_result_and_comes_back(house: House) -> None:
    house.settings["approvals"] = ON
    async with house.gateway(initialize=False) as gateway:
        await modern(gateway, "rec__read_untrusted", {})
        await modern(gateway, "rec__read_private", {})
        first = await by_form(gateway)
        assert first["resultType"] == "input_required"
        (request,) = first["inputRequests"].values()
        assert request["method"] == "elicitation/create"
        assert "bob@example.org" in request["params"]["message"]
        key = next(iter(first["inputRequests"]))
        answers = {"inputResponses": {key: YES["result"]}, "requestState": first["requestState"]}
        other = await by_form(gateway, arguments={"to": "eve@evil.example"}, **answers)
        assert other["error"]["data"]["code"] == "bad_request"
        bare = await by_form(gateway, inputResponses=answers["inputResponses"])
        assert bare["_meta"][DECISION]["outcome"] != "allow"
        assert "send" not in house.sent()
        done = await by_form(gateway, **answers)
        assert done["_meta"][DECISION]["outcome"] == "allow"
        again = await by_form(gateway, **answers)
        assert again["resultType"] == "input_required"
    assert house.sent().count("send") == 1
