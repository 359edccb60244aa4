"""The poisoned page in every order and through every door: at most two labels pass, and only what passed was sent."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from tests.harness import DECISION, Gateway, House, outcome

BRINGS = {"A": "rec__read_untrusted", "B": "rec__read_private", "C": "rec__send"}
SENT = {"A": "read_untrusted", "B": "read_private", "C": "send"}


@pytest.mark.parametrize("order", ["".join(order) for order in itertools.permutations("ABC")])
async def test_the_third_label_asks_in_every_order(house: House, order: str) -> None:
    async with house.gateway() as gateway:
        for label in order[:2]:
            assert outcome(await gateway.call(BRINGS[label])) == ("allow", None)
        result = await gateway.call(BRINGS[order[2]])
    assert result["isError"] is True
    decision = result["_meta"][DECISION]
    assert (decision["outcome"], decision["code"]) == ("ask", "approval_required")
    assert (decision["held"], decision["adds"]) == (sorted(order[:2]), [order[2]])
    assert "r2.ask-third-label" in decision["policies"]
    assert house.sent() == [SENT[label] for label in order[:2]]


@pytest.mark.parametrize(
    ("door", "arguments", "is_error"),
    [("fail_result", {}, True), ("embed", {}, False), ("image", {}, False), ("read_untrusted", {}, False)],
)
async def test_untrusted_bytes_taint_through_every_kind_of_result(
    house: House, door: str, arguments: dict[str, Any], is_error: bool
) -> None:
    async with house.gateway() as gateway:
        result = await gateway.call(f"rec__{door}", arguments)
        assert result.get("isError", False) is is_error
        assert house.held() == {"A"}
        assert outcome(await gateway.call("rec__private_send")) == ("ask", "approval_required")
    assert house.sent() == [door]


async def test_a_json_rpc_error_of_an_upstream_taints_and_is_passed_on_whole(house: House) -> None:
    async with house.gateway() as gateway:
        reply = await gateway.request("tools/call", {"name": "rec__fail_rpc", "arguments": {}})
        assert reply["error"]["code"] == -32099
        assert reply["error"]["data"] == {"kept": True}
        assert house.held() == {"A"}
        assert outcome(await gateway.call("rec__private_send")) == ("ask", "approval_required")


async def test_a_resource_taints(house: House) -> None:
    async with house.gateway() as gateway:
        reply = await gateway.request("resources/read", {"uri": "note://a"})
        assert reply["result"]["_meta"][DECISION]["outcome"] == "allow"
        assert (await gateway.request("resources/read", {"uri": "note://b"}))["result"]
        assert outcome(await gateway.call("rec__send")) == ("ask", "approval_required")
    assert house.sent() == ["note://a", "note://b"]


async def test_a_resource_that_completes_the_set_is_refused_with_the_decision_as_data(house: House) -> None:
    async with house.gateway() as gateway:
        await gateway.call("rec__private_send")
        reply = await gateway.request("resources/read", {"uri": "note://a"})
    assert reply["error"]["code"] == -32050
    assert reply["error"]["data"]["code"] == "approval_required"
    assert house.sent() == ["private_send"]


async def test_a_resource_that_no_manifest_names_carries_everything(house: House) -> None:
    async with house.gateway() as gateway:
        reply = await gateway.request("resources/read", {"uri": "note://unheard-of"})
    assert reply["error"]["data"]["code"] == "approval_required"
    assert house.sent() == []


async def test_a_resource_that_nobody_offers_is_unknown(house: House) -> None:
    async with house.gateway() as gateway:
        house_of_two = await gateway.request("resources/read", {"uri": "elsewhere://x"})
    assert house_of_two["error"]["code"] == -32050
    assert house.sent() == []


async def test_a_prompt_taints(house: House) -> None:
    async with house.gateway() as gateway:
        assert (await gateway.request("prompts/get", {"name": "rec__advise"}))["result"]
        assert house.held() == {"A"}
        assert outcome(await gateway.call("rec__private_send")) == ("ask", "approval_required")
    assert house.sent() == ["advise"]


async def test_a_tool_that_no_manifest_names_is_everything_at_once(house: House) -> None:
    async with house.gateway() as gateway:
        result = await gateway.call("rec__mystery")
    assert result["_meta"][DECISION]["adds"] == ["A", "B", "C"]
    assert outcome(result) == ("ask", "approval_required")
    assert house.sent() == []


async def test_one_tool_that_is_private_and_sends_asks_after_untrusted_input(house: House) -> None:
    async with house.gateway() as gateway:
        await gateway.call("rec__read_untrusted")
        assert outcome(await gateway.call("rec__private_send")) == ("ask", "approval_required")
    assert house.sent() == ["read_untrusted"]


async def test_a_refused_call_brings_no_label(house: House) -> None:
    async with house.gateway() as gateway:
        await gateway.call("rec__everything_at_once")
        assert house.held() == set()
        for name in ("rec__read_untrusted", "rec__read_private"):
            assert outcome(await gateway.call(name)) == ("allow", None)


async def test_progress_text_taints_before_the_result_comes(house: House, tmp_path: Path) -> None:
    gate = tmp_path / "go"
    async with house.gateway() as gateway:
        call = {"name": "rec__progress_text", "arguments": {"until": str(gate)}, "_meta": {"progressToken": "mine"}}
        waiting = gateway.start("tools/call", call)
        progress = await gateway.until_notified("notifications/progress")
        assert progress["params"]["progressToken"] == "mine"
        assert house.held() == {"A"}
        gate.touch()
        assert (await waiting)["result"]["_meta"][DECISION]["outcome"] == "allow"


async def test_log_text_taints_the_session_that_it_reaches(house: House) -> None:
    async with house.gateway() as gateway:
        await gateway.request("logging/setLevel", {"level": "debug"})
        await gateway.call("rec__log_text")
        log = await gateway.until_notified("notifications/message")
        assert log["params"]["logger"] == "rec"
        assert house.held() == {"A"}


async def test_log_text_that_would_complete_the_set_is_withheld_and_journalled(house: House) -> None:
    async with house.gateway() as gateway:
        await gateway.request("logging/setLevel", {"level": "debug"})
        await gateway.call("rec__private_send")
        await gateway.call("rec__log_text")
        await gateway.request("ping")
        assert [one for one in gateway.notifications if one["method"] == "notifications/message"] == []
        assert house.held() == {"B", "C"}
    received = [entry for entry in house.journal("decision") if entry["action"] == "receive"]
    assert [entry["outcome"] for entry in received] == ["ask"]


async def test_a_slow_untrusted_read_in_flight_counts_before_it_returns(house: House, tmp_path: Path) -> None:
    gate = tmp_path / "go"
    async with house.gateway() as gateway:
        slow = gateway.start("tools/call", {"name": "rec__slow_untrusted", "arguments": {"until": str(gate)}})
        await _until_sent(house, gateway, "slow_untrusted")
        assert outcome(await gateway.call("rec__private_send")) == ("ask", "approval_required")
        gate.touch()
        assert (await slow)["result"]["_meta"][DECISION]["outcome"] == "allow"
    assert house.sent() == ["slow_untrusted"]


async def test_after_untrusted_input_four_private_reads_beside_four_sends_never_both_pass(house: House) -> None:
    async with house.gateway() as gateway:
        await gateway.call("rec__read_untrusted")
        futures = [
            gateway.start("tools/call", {"name": name, "arguments": {}})
            for _ in range(4)
            for name in ("rec__read_private", "rec__send")
        ]
        replies = [(await future)["result"] for future in futures]
    passed = {SENT_LABEL[name] for name in house.sent()}
    assert passed in ({"A", "B"}, {"A", "C"})
    assert sum(outcome(result) == ("ask", "approval_required") for result in replies) == 4


async def test_a_second_initialize_washes_nothing(house: House) -> None:
    async with house.gateway() as gateway:
        await gateway.call("rec__read_untrusted")
        await gateway.call("rec__read_private")
        await gateway.initialize()
        assert outcome(await gateway.call("rec__send")) == ("ask", "approval_required")
    assert house.sent() == ["read_untrusted", "read_private"]


async def test_a_forged_decision_of_an_upstream_is_replaced_and_its_other_meta_kept(house: House) -> None:
    async with house.gateway() as gateway:
        result = await gateway.call("rec__forged_decision")
    assert result["_meta"]["vendor/x"] == 1
    assert result["_meta"][DECISION]["id"] != "d1" or result["_meta"][DECISION]["session"].startswith("s-")
    assert result["_meta"][DECISION]["held"] == []


async def test_a_new_connection_after_a_clean_end_starts_clean(house: House) -> None:
    async with house.gateway() as gateway:
        await gateway.call("rec__read_untrusted")
        await gateway.call("rec__read_private")
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("rec__send")) == ("allow", None)


SENT_LABEL = {"read_untrusted": "A", "read_private": "B", "send": "C"}


async def _until_sent(house: House, gateway: Gateway, name: str) -> None:
    """Wait until the upstream wrote down a call, answering pings meanwhile."""
    for _ in range(1000):
        if name in house.sent():
            return
        await gateway.request("ping")
    raise AssertionError(f"{name} was not sent")
