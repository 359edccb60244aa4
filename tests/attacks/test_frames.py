"""Malformed frames: each is refused in a clear error, and none becomes a call."""

from __future__ import annotations

import json

from tests.harness import DECISION, House, outcome

CALL = '"method":"tools/call","params":{"name":"rec__read_untrusted","arguments":{}}'


MALFORMED = (
    '{"jsonrpc":"2.0","id":null,' + CALL + "}",
    '{"jsonrpc":"2.0","id":1.5,' + CALL + "}",
    '{"jsonrpc":"2.0","id":true,' + CALL + "}",
    '{"jsonrpc":"2.0","id":{"a":1},' + CALL + "}",
    '{"jsonrpc":"2.0",' + CALL + "}",
    '{"jsonrpc":"1.0","id":77,' + CALL + "}",
    '[{"jsonrpc":"2.0","id":77,' + CALL + "}]",
    '{"jsonrpc":"2.0","id":77,"method":"tools/call","params":["rec__read_untrusted"]}',
    '{"jsonrpc":"2.0","id":77,"method":"tools/call","method":"ping","params":{}}',
    '{"jsonrpc":"2.0","id":77,"method":"tools/call","params":{"name":"rec__neutral","name":"rec__send"}}',
    '{"jsonrpc":"2.0","id":77,"method":"tools/call","params":{"name":"rec__send","arguments":{"to":"a","to":"b"}}}',
    '{"jsonrpc":"2.0","id":77,"method":"tools/call","params":{"name":"rec__send","arguments":{"n":NaN}}}',
    '{"jsonrpc":"2.0","id":77,"method":"tools/call","params":{"name":"rec__send","arguments":{"n":"\\ud800"}}}',
    '{"jsonrpc":"2.0","id":77,"method":"tools/call","params":{"name":"rec__send","arguments":'
    + '{"a":' * 500
    + "1"
    + "}" * 502,
    "not json at all",
)


async def test_a_malformed_frame_is_refused_and_nothing_is_sent(house: House) -> None:
    async with house.gateway() as gateway:
        for number, frame in enumerate(MALFORMED, start=1):
            gateway.write(frame.encode())
            reply = await gateway.until_unmatched(number)
            assert reply["error"]["code"] in {-32700, -32600, -32602}, frame
            assert outcome(await gateway.call("rec__neutral")) == ("allow", None), frame
    assert house.sent() == ["neutral"] * len(MALFORMED)
    assert [entry["code"] for entry in house.journal("refused")] == ["bad_request"] * len(MALFORMED)


async def test_invalid_utf8_is_refused(house: House) -> None:
    async with house.gateway() as gateway:
        gateway.write(b'{"jsonrpc":"2.0","id":77,"method":"tools/call","params":{"name":"rec__send\xff"}}')
        assert (await gateway.until_unmatched())["error"]["code"] == -32700
    assert house.sent() == []


async def test_an_id_that_is_in_flight_cannot_be_used_again(house: House) -> None:
    gate = house.folder / "go"
    async with house.gateway() as gateway:
        params = {"name": "rec__slow_untrusted", "arguments": {"until": str(gate)}}
        slow = gateway.start("tools/call", params)
        again = {"jsonrpc": "2.0", "id": gateway.last_id, "method": "tools/call", "params": {"name": "rec__send"}}
        gateway.write(json.dumps(again).encode())
        assert (await gateway.until_unmatched())["error"]["code"] == -32600
        gate.touch()
        assert (await slow)["result"]["_meta"][DECISION]["outcome"] == "allow"
    assert house.sent() == ["slow_untrusted"]


async def test_what_was_decided_is_what_is_sent(house: House) -> None:
    """Unknown members, big integers and odd numbers reach the upstream as they were decided."""
    arguments = {"big": 2**70, "small": -(2**63), "float": 0.1, "text": "ä\u2028\x00:", "nested": {"a": [None, True]}}
    async with house.gateway() as gateway:
        await gateway.call("rec__neutral", arguments, vendorField={"kept": [1]}, _meta={"vendor/key": "v"})
    (sent,) = [message for message in house.messages() if message["method"] == "tools/call"]
    assert sent["params"]["arguments"] == arguments
    assert sent["params"]["vendorField"] == {"kept": [1]}
    assert sent["params"]["_meta"] == {"vendor/key": "v"}


async def test_parameters_of_the_wrong_shape_are_invalid(house: House) -> None:
    wrong: list[dict[str, object]] = [
        {}, {"name": 3}, {"name": "rec__send", "arguments": "x"}, {"name": "rec__send", "arguments": [1]},
    ]  # fmt: skip
    async with house.gateway() as gateway:
        for params in wrong:
            assert (await gateway.request("tools/call", params))["error"]["code"] == -32602, params
    assert house.sent() == []


async def test_a_tool_that_is_not_offered_is_unknown(house: House) -> None:
    async with house.gateway() as gateway:
        for name in ("send", "rec__", "rec__nothing", "other__send", "rec__send\u200b", "call_tool", "x" * 500):
            assert outcome(await gateway.call(name)) == ("deny", "unknown_tool"), name
    assert house.sent() == []


async def test_no_method_can_approve_or_reset(house: House) -> None:
    async with house.gateway() as gateway:
        tools = (await gateway.request("tools/list"))["result"]["tools"]
        assert {tool["name"].split("__")[0] for tool in tools} == {"rec"}
        for method in ("session/new", "approvals/answer", "rule-of-two/approve"):
            assert (await gateway.request(method))["error"]["code"] == -32601
