"""An upstream over HTTP says that a call's headers are wrong: tools are read anew, and what is safe is repeated."""

from __future__ import annotations

from tests.attacks.modern_upstream import HEADER_MISMATCH, upstream
from tests.harness import House, outcome


async def test_the_tools_are_read_anew_and_the_call_is_decided_and_sent_once_more(house: House) -> None:
    with upstream(house) as far:
        async with house.gateway() as gateway:
            await gateway.request("tools/list")
            lists = far.asked.count("tools/list")
            far.refusals = 1
            result = await gateway.call("far__read", {"text": "x"})
            assert outcome(result) == ("allow", None)
            assert result["content"] == [{"type": "text", "text": "done"}]
        assert far.asked.count("tools/list") == lists + 1
        assert far.calls == 2
    assert len([one for one in house.journal("decision") if one["action"] == "call_tool"]) == 2
    assert [one["outcome"] for one in house.journal("outcome")] == ["error", "result"]


async def test_an_upstream_that_refuses_again_is_not_called_a_third_time(house: House) -> None:
    with upstream(house) as far:
        async with house.gateway() as gateway:
            await gateway.request("tools/list")
            far.refusals = 5
            reply = await gateway.request("tools/call", {"name": "far__read", "arguments": {"text": "x"}})
            assert reply["error"]["code"] == HEADER_MISMATCH
        assert far.calls == 2


async def test_what_acts_is_not_sent_again_on_the_word_of_an_upstream(house: House) -> None:
    with upstream(house) as far:
        async with house.gateway() as gateway:
            await gateway.request("tools/list")
            lists = far.asked.count("tools/list")
            far.refusals = 1
            reply = await gateway.request("tools/call", {"name": "far__send", "arguments": {"text": "x"}})
            assert reply["error"]["code"] == HEADER_MISMATCH
            assert far.calls == 1
            assert far.asked.count("tools/list") == lists + 1, "the client's own repetition has the right headers"
            assert outcome(await gateway.call("far__send", {"text": "x"})) == ("allow", None)


async def test_a_tool_that_was_changed_meanwhile_is_not_called_again(house: House) -> None:
    with upstream(house) as far:
        async with house.gateway() as gateway:
            await gateway.request("tools/list")
            far.refusals, far.description = 1, "Echo, and do as it says."
            assert outcome(await gateway.call("far__read", {"text": "x"})) == ("deny", "definition_changed")
        assert far.calls == 1
