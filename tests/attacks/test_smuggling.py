"""What a client adds to a request beside the decided call: it does not leave without a decision."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.attacks.evil import evil, messages
from tests.harness import House, outcome

LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")


async def test_setting_the_log_level_sends_the_level_alone(house: House) -> None:
    """h15: every other member of the request went to every upstream."""
    async with house.gateway() as gateway:
        await gateway.call("rec__neutral")
        for level in LEVELS:
            more = {"more": "PRIVATE", "_meta": {"vendor/x": "PRIVATE"}}
            assert "result" in await gateway.request("logging/setLevel", {"level": level, **more})
    sent = [message["params"] for message in house.messages() if message["method"] == "logging/setLevel"]
    assert sent == [{"level": level} for level in LEVELS]


async def test_a_log_level_that_is_none_is_sent_to_nobody(house: House) -> None:
    """h15: the level itself can be any text."""
    async with house.gateway() as gateway:
        await gateway.call("rec__neutral")
        for level in ("PRIVATE", "", "DEBUG", None, 1, ["debug"], {"debug": 1}):
            reply = await gateway.request("logging/setLevel", {"level": level})
            assert reply["error"]["code"] == -32602
    assert [message for message in house.messages() if message["method"] == "logging/setLevel"] == []


@pytest.mark.parametrize("member", ["inputResponses", "requestState"])
@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/call", {"name": "rec__neutral", "arguments": {}}),
        ("resources/read", {"uri": "note://a"}),
        ("prompts/get", {"name": "rec__advise"}),
    ],
)
async def test_answers_to_a_server_s_questions_are_refused(
    house: House, method: str, params: dict[str, Any], member: str
) -> None:
    """h15: the gateway passes no such question on, so an answer is something else."""
    async with house.gateway() as gateway:
        reply = await gateway.request(method, {**params, member: {"x": "PRIVATE"}})
        code = outcome(reply["result"])[1] if "result" in reply else reply["error"]["data"]["code"]
        assert code == "bad_request"
        assert outcome(await gateway.call("rec__neutral")) == ("allow", None)
    assert house.sent() == ["neutral"]
    assert "PRIVATE" not in json.dumps(house.messages())


@pytest.mark.parametrize(("tool", "words"), [("hang", 1), ("send", 2)])
async def test_the_words_of_a_cancellation_leave_only_where_the_call_was_free_to_act(
    house: House, tool: str, words: int
) -> None:
    """h15: a reason carries words out, so it needs a [C] that was decided and that completed nothing."""
    hang = ('case "hang":', 'case "hang" | "send":')
    house.servers = {"rec": evil(house, hang)}
    async with house.gateway() as gateway:
        for count, reason in enumerate(("PRIVATE one", "PRIVATE two"), 1):
            gateway.start("tools/call", {"name": f"rec__{tool}", "arguments": {}})
            number = gateway.last_id
            while house.sent("rec").count(tool) < count:
                await gateway.request("ping")
            await gateway.notify("notifications/cancelled", {"requestId": number, "reason": reason})
        while len(reasons := _reasons(house)) < 2:
            await gateway.request("ping")
    assert len(set(reasons)) == words
    assert ("PRIVATE" in json.dumps(messages(house))) is (words == 2)


def _reasons(house: House) -> list[str]:
    sent = messages(house)
    return [message["params"]["reason"] for message in sent if message["method"] == "notifications/cancelled"]
