"""What upstreams tell their clients: subscriptions, lists, logs, tasks; and completion and vendor methods."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.test_questions import ENVELOPE
from tests.harness import UPSTREAMS, Gateway, House, outcome

UPDATED = "notifications/resources/updated"


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    house.servers = {"ask": house.asker("ask")}
    return house


def _told(gateway: Gateway, method: str) -> list[dict[str, Any]]:
    return [one["params"] for one in gateway.notifications if one["method"] == method]


@pytest.mark.parametrize("era", ["--legacy", "--modern"])
async def test_a_legacy_client_hears_of_what_it_subscribed_to_and_of_nothing_else(house: House, era: str) -> None:
    house.servers = {"ask": house.asker("ask", era)}
    async with house.gateway() as gateway:
        await gateway.call("ask__touch")
        assert _told(gateway, UPDATED) == []
        assert (await gateway.request("resources/subscribe", {"uri": "ask://a"}))["result"] == {}
        if era == "--modern":
            while not any(
                one["method"] == "subscriptions/listen" and "resourceSubscriptions" in one["params"]["notifications"]
                for one in house.messages("ask")
            ):
                await gateway.request("ping")
        await gateway.call("ask__touch_below")
        await gateway.until_notified(UPDATED)
        assert [one["uri"] for one in _told(gateway, UPDATED)] == ["ask://a/below"]
        assert (await gateway.request("resources/unsubscribe", {"uri": "ask://a"}))["result"] == {}
        await gateway.call("ask__touch")
        await gateway.call("ask__touch")
        assert len(_told(gateway, UPDATED)) == 1
    assert house.held() == {"A"}  # which resource it is are words of the server's
    assert {"subscribe", "receive"} <= {entry["action"] for entry in house.journal("decision")}


@pytest.mark.parametrize("era", ["--legacy", "--modern"])
async def test_a_modern_clients_stream_is_acknowledged_first_and_says_whose_it_is(house: House, era: str) -> None:
    house.servers = {"ask": house.asker("ask", era), "rec": house.recorder("rec")}
    async with house.gateway(initialize=False) as gateway:
        await gateway.request("tools/list", {"_meta": ENVELOPE})
        wanted = {"toolsListChanged": True, "resourceSubscriptions": ["ask://a", "ask://nowhere"], "other": True}
        stream = gateway.start("subscriptions/listen", {"_meta": ENVELOPE, "notifications": wanted})
        acknowledged = await gateway.until_notified("notifications/subscriptions/acknowledged")
        mine = {"io.modelcontextprotocol/subscriptionId": gateway.last_id}
        assert acknowledged["params"] == {
            "notifications": {"toolsListChanged": True, "resourceSubscriptions": ["ask://a"]},
            "_meta": mine,
        }
        await gateway.request("tools/call", {"name": "ask__touch", "arguments": {}, "_meta": ENVELOPE})
        assert (await gateway.until_notified(UPDATED))["params"] == {"uri": "ask://a", "_meta": mine}
        await gateway.request("tools/call", {"name": "rec__add_tool", "arguments": {}, "_meta": ENVELOPE})
        changed = await gateway.until_notified("notifications/tools/list_changed")
        assert changed["params"]["_meta"] == mine
        assert _told(gateway, "notifications/resources/list_changed") == []
        await gateway.notify("notifications/cancelled", {"requestId": int(mine.popitem()[1])})
        await gateway.request("tools/call", {"name": "ask__touch", "arguments": {}, "_meta": ENVELOPE})
        await gateway.request("tools/list", {"_meta": ENVELOPE})
        assert len(_told(gateway, UPDATED)) == 1
        assert not stream.done()
        stream.cancel()


async def test_log_levels_reach_each_upstream_and_again_when_it_comes_back(house: House) -> None:
    house.servers["rec"] = house.recorder("rec")
    async with house.gateway() as gateway:
        await gateway.request("logging/setLevel", {"level": "error"})
        await gateway.call("ask__log")
        logged = _told(gateway, "notifications/message")
        assert [(one["level"], one["logger"]) for one in logged] == [("error", "ask")]
        await gateway.call("rec__die")
        while house.messages("rec")[-1]["method"] != "logging/setLevel":
            await gateway.request("ping")
    levels = [one["params"]["level"] for one in house.messages("rec") if one["method"] == "logging/setLevel"]
    assert levels == ["error", "error"]


async def test_a_modern_request_hears_logs_only_if_it_says_from_which_level(house: House) -> None:
    async with house.gateway(initialize=False) as gateway:
        call = {"name": "ask__log", "arguments": {}, "_meta": ENVELOPE}
        await gateway.request("tools/call", call)
        assert _told(gateway, "notifications/message") == []
        wanting = {**ENVELOPE, "io.modelcontextprotocol/logLevel": "debug"}
        await gateway.request("tools/call", {**call, "_meta": wanting})
        assert [one["level"] for one in _told(gateway, "notifications/message")] == ["debug", "error"]


async def test_what_is_typed_so_far_leaves_for_the_upstream_that_is_meant(house: House) -> None:
    manifest = house.folder / "nothing-private.yaml"
    manifest.write_text((UPSTREAMS / "asker.yaml").read_text().replace("[B]", "[]"))
    house.servers = {"ask": {**house.asker("ask"), "manifest": str(manifest)}}
    async with house.gateway() as gateway:
        params = {"ref": {"type": "ref/resource", "uri": "ask://a"}, "argument": {"name": "x", "value": "sec"}}
        reply = await gateway.request("completion/complete", params)
        assert reply["result"]["completion"] == {"values": ["one"], "total": 1}
        assert reply["result"]["extra"] is True
        unknown = {"ref": {"type": "ref/prompt", "name": "ask__none"}, "argument": {"name": "x", "value": "sec"}}
        assert (await gateway.request("completion/complete", unknown))["error"]["data"]["code"] == "unknown_tool"
    decided = house.journal("decision")[0]
    assert (decided["action"], decided["labels"]) == ("complete", ["A", "C"])


async def test_completing_for_an_upstream_that_acts_is_an_act(house: House) -> None:
    async with house.gateway() as gateway:
        await gateway.call("ask__read_private")
        params = {"ref": {"type": "ref/resource", "uri": "ask://a"}, "argument": {"name": "x", "value": "sec"}}
        assert (await gateway.request("completion/complete", params))["error"]["data"]["code"] == "approval_required"
    assert not [one for one in house.messages("ask") if one["method"] == "completion/complete"]
    (decided,) = [entry for entry in house.journal("decision") if entry["action"] == "complete"]
    assert decided["labels"] == ["A", "B", "C"]
    assert decided["outcome"] == "ask"


async def test_a_vendors_method_goes_to_the_one_upstream_that_says_it_has_such(house: House) -> None:
    house.servers = {"ask": house.asker("ask"), "odd": house.asker("odd", "--vendor")}
    house.settings = {"mode": "observe"}  # it may do anything, so a person would have to confirm it
    async with house.gateway(initialize=False) as gateway:
        opened = await gateway.initialize()
        assert opened["result"]["capabilities"]["experimental"] == {"acme": {"strange": True}}
        assert (await gateway.request("acme/do", {"what": 7}))["result"]["done"] == 7
    assert [one for one in house.messages("ask") if one["method"] == "acme/do"] == []
    (decided,) = [entry for entry in house.journal("decision") if entry["action"] == "vendor"]
    assert decided["labels"] == ["A", "B", "C"]


@pytest.mark.parametrize("able", [0, 2])
async def test_a_vendors_method_that_nobody_or_several_could_mean_is_refused(house: House, able: int) -> None:
    flags = ["--vendor"] * able
    house.servers = {name: house.asker(name, *flags[:1]) for name in ("one", "two")}
    async with house.gateway() as gateway:
        reply = await gateway.request("acme/do", {"what": 7})
        assert (reply["error"]["code"], reply["error"]["message"]) == (-32601, "Method not found: acme/do")
    assert "acme/do" not in json.dumps(house.messages("one") + house.messages("two"))


async def test_tasks_belong_to_their_upstream_and_bring_their_calls_labels(house: House) -> None:
    house.servers = {"one": house.asker("one"), "two": house.asker("two")}
    async with house.gateway(initialize=False) as gateway:
        assert (await gateway.initialize())["result"]["capabilities"]["tasks"]["list"] == {}
        begun = await gateway.call("two__begin_task", task={"ttl": 1000})
        assert begun["task"]["taskId"] == "two__t1"
        assert outcome(begun) == ("allow", None)
        state = (await gateway.request("tasks/get", {"taskId": "two__t1"}))["result"]
        assert (state["taskId"], state["status"]) == ("two__t1", "working")
        ended = (await gateway.request("tasks/result", {"taskId": "two__t1"}))["result"]
        assert ended["_meta"]["io.modelcontextprotocol/related-task"] == {"taskId": "two__t1"}
        listed = (await gateway.request("tasks/list"))["result"]["tasks"]
        assert sorted(one["taskId"] for one in listed) == ["one__t1", "two__t1"]
        await gateway.request("tasks/cancel", {"taskId": "two__t1"})
        assert (await gateway.request("tasks/get", {"taskId": "three__t1"}))["error"]["code"] == -32602
    assert [one["params"]["taskId"] for one in house.messages("two") if one["method"] == "tasks/get"] == ["t1"]
    labels = {entry["name"]: entry["labels"] for entry in house.journal("decision") if entry["action"] == "use_task"}
    assert labels["tasks/get"] == labels["tasks/result"] == labels["tasks/cancel"] == ["A", "B"]


async def test_asking_after_a_task_that_nobody_knows_lets_its_name_leave(house: House) -> None:
    async with house.gateway() as gateway:
        await gateway.request("tasks/get", {"taskId": "ask__my-secret"})
    (decided,) = [entry for entry in house.journal("decision") if entry["action"] == "use_task"]
    assert (decided["labels"], decided["outcome"]) == (["A", "B", "C"], "ask")


async def test_resources_that_an_upstream_never_says_have_changed_are_read_anew(house: House) -> None:
    house.servers = {"rec": house.recorder("rec")}
    async with house.gateway() as gateway:
        first = await gateway.request("resources/list")
        while len([one for one in house.messages("rec") if one["method"] == "resources/list"]) < 2:
            assert await gateway.request("resources/list") == {**first, "id": gateway.last_id}
