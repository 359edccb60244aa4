"""Upstreams that lie, die, hang, flood and change: only they are affected, and nothing undecided is sent."""

from __future__ import annotations

import sys

import pytest

from tests.harness import UPSTREAMS, Gateway, House, outcome


async def test_an_upstream_that_dies_in_mid_call_fails_clearly_and_its_act_counts(house: House) -> None:
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("rec__die")) == ("deny", "upstream_unavailable")
        assert house.held() == {"C"}
    assert [entry["outcome"] for entry in house.journal("outcome")] == ["lost"]


async def test_an_upstream_that_died_is_started_again(house: House) -> None:
    async with house.gateway() as gateway:
        await gateway.call("rec__die")
        for _ in range(100):
            result = await gateway.call("rec__neutral")
            if outcome(result)[0] == "allow":
                break
            assert outcome(result)[1] == "upstream_unavailable"
    assert house.sent()[-1] == "neutral"


async def test_a_hanging_call_can_be_cancelled_and_brings_no_label(house: House) -> None:
    async with house.gateway() as gateway:
        gateway.start("tools/call", {"name": "rec__hang", "arguments": {}})
        number = gateway.last_id
        while "hang" not in house.sent():
            await gateway.request("ping")
        await gateway.notify("notifications/cancelled", {"requestId": number, "reason": "enough"})
        while not [entry for entry in house.journal("outcome") if entry["outcome"] == "cancelled"]:
            await gateway.request("ping")
        assert house.held() == set()
        assert outcome(await gateway.call("rec__private_send")) == ("allow", None)
    cancelled = [message["params"] for message in house.messages() if message["method"] == "notifications/cancelled"]
    # The client's words would leave in a call that carries no [C].
    assert [one["reason"] for one in cancelled] == ["cancelled by the client"]


async def test_a_flood_without_a_newline_ends_that_upstream_and_nothing_else(house: House) -> None:
    house.servers = {"rec": house.recorder("rec"), "other": house.recorder("other")}
    async with house.gateway() as gateway:
        await gateway.request("tools/list")
        result = await gateway.call("rec__flood")
        assert outcome(result)[0] == "deny"
        assert outcome(result)[1] in {"upstream_unavailable", "limit_exceeded"}
        assert outcome(await gateway.call("other__neutral")) == ("allow", None)


async def test_garbage_between_frames_is_dropped_and_said(house: House) -> None:
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("rec__garbage")) == ("allow", None)
    dropped = [entry["message"] for entry in house.journal("upstream") if "dropped" in entry["message"]]
    assert len(dropped) == 1
    assert "(1 so far)" in dropped[0]


async def test_a_reply_with_duplicate_keys_is_withheld(house: House) -> None:
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("rec__duplicate_reply")) == ("deny", "bad_request")


async def test_input_required_from_a_legacy_upstream_is_withheld_and_taints(house: House) -> None:
    async with house.gateway() as gateway:
        result = await gateway.call("rec__input_required")
        assert outcome(result) == ("deny", "bad_request")
        assert result["isError"] is True
        assert "requestState" not in str(result)
        assert house.held() == {"A"}


async def test_a_definition_that_changes_in_mid_session_is_listed_as_accepted_and_not_called(house: House) -> None:
    async with house.gateway() as gateway:
        before = await _description(gateway, "rec__send")
        await gateway.call("rec__change_send")
        await gateway.until_notified("notifications/tools/list_changed")
        assert outcome(await gateway.call("rec__send")) == ("deny", "definition_changed")
        assert await _description(gateway, "rec__send") == before
    assert house.sent() == ["change_send"]


async def test_a_definition_that_changed_while_nobody_looked_is_refused_after_the_restart(house: House) -> None:
    """An update of the server, or of who controls it."""
    source = (UPSTREAMS / "recorder.py").read_text()
    script = house.folder / "recorder.py"
    recorder = house.recorder("rec")
    house.servers = {"rec": {**recorder, "args": [str(script), str(house.folder / "sent.jsonl")]}}
    script.write_text(source)
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("rec__send")) == ("allow", None)
    script.write_text(source.replace('"Send a message."', '"Send a message, with eve in copy."'))
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("rec__neutral")) == ("allow", None)
        assert outcome(await gateway.call("rec__send")) == ("deny", "definition_changed")
        assert await _description(gateway, "rec__send") == "Send a message."
    assert house.sent() == ["send", "neutral"]


async def test_a_tool_that_appears_later_is_neither_listed_nor_called_and_the_operator_is_told(house: House) -> None:
    async with house.gateway() as gateway:
        await gateway.call("rec__add_tool")
        await gateway.until_notified("notifications/tools/list_changed")
        result = await gateway.call("rec__brand_new")
        assert outcome(result) == ("deny", "definition_changed")
        assert "rec__brand_new" not in await _names(gateway)
        assert house.held() == set()
    assert "changed what it offers (tool brand_new)" in gateway.stderr


async def test_descriptions_that_no_human_accepted_taint_when_first_use_asks(house: House) -> None:
    house.settings["pins"] = {"first_use": "ask"}
    async with house.gateway() as gateway:
        assert await _description(gateway, "rec__send") == "Send a message."
        assert house.held() == {"A"}
        assert outcome(await gateway.call("rec__private_send")) == ("ask", "approval_required")


async def test_unaccepted_descriptions_that_would_complete_the_set_are_not_shown(house: House) -> None:
    house.settings["pins"] = {"first_use": "ask"}
    async with house.gateway() as gateway:
        while outcome(await gateway.call("rec__private_send"))[0] != "allow":
            await gateway.request("ping")
        assert await _names(gateway) == []
        assert house.held() == {"B", "C"}


async def test_upstreams_with_tools_of_one_name_stay_apart(house: House) -> None:
    house.servers = {"one": house.recorder("one"), "two": house.recorder("two")}
    async with house.gateway() as gateway:
        tools = (await gateway.request("tools/list"))["result"]["tools"]
        names = [tool["name"] for tool in tools]
        assert len(names) == len(set(names))
        await gateway.call("two__send", {"to": "x@y.example"})
    assert (house.sent("one"), house.sent("two")) == ([], ["send"])


async def test_a_resource_that_two_upstreams_offer_is_read_from_neither(house: House) -> None:
    house.servers = {"one": house.recorder("one"), "two": house.recorder("two")}
    async with house.gateway() as gateway:
        await gateway.request("tools/list")
        reply = await gateway.request("resources/read", {"uri": "note://a"})
    assert reply["error"]["data"]["code"] == "bad_request"
    assert "'one' and 'two'" in reply["error"]["message"]
    assert house.sent("one") == house.sent("two") == []


@pytest.mark.parametrize(
    ("block", "says"),
    [
        ({"command": "no-such-command-anywhere"}, "no-such-command-anywhere"),
        ({"command": sys.executable, "args": ["-c", "import sys; sys.exit(3)"]}, "unavailable"),
        ({"url": "http://127.0.0.1:9/mcp"}, "unavailable"),
    ],
)
async def test_a_dead_upstream_never_stops_the_others(house: House, block: dict[str, object], says: str) -> None:
    house.servers = {"dead": block, "rec": house.recorder("rec")}
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("rec__neutral")) == ("allow", None)
        assert outcome(await gateway.call("dead__x")) == ("deny", "unknown_tool")
        while says not in gateway.stderr:
            await gateway.request("ping")
    assert "Traceback" not in gateway.stderr


async def test_an_upstream_that_never_answers_initialize_never_delays_the_others(house: House) -> None:
    silent = {"command": sys.executable, "args": ["-c", "import sys; sys.stdin.read()"]}
    house.servers = {"silent": silent, "rec": house.recorder("rec")}
    async with house.gateway() as gateway:
        tools = (await gateway.request("tools/list"))["result"]["tools"]
        assert {tool["name"].split("__")[0] for tool in tools} == {"rec"}
        assert outcome(await gateway.call("rec__neutral")) == ("allow", None)


async def _names(gateway: Gateway) -> list[str]:
    return [tool["name"] for tool in (await gateway.request("tools/list"))["result"]["tools"]]


async def _description(gateway: Gateway, name: str) -> str:
    tools = (await gateway.request("tools/list"))["result"]["tools"]
    return next(str(tool.get("description")) for tool in tools if tool["name"] == name)
