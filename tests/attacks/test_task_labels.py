"""Tasks bring what the call that began them could, whoever asks for them later; and what is asked with them leaves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.attacks.puppets import PRIVATE, WORDS, calls, legacy, mark, new_session, puppet, was_sent
from tests.harness import Gateway, House, outcome

RELATED = "io.modelcontextprotocol/related-task"
LEAVES = "MEET AT NOON"


@pytest.fixture
def house(house: House) -> House:
    house.servers = {"p": puppet(house)}
    return house


async def _begin(gateway: Gateway) -> None:
    await legacy(gateway)
    result = await gateway.call("p__begin_task", task={"ttl": 1})
    assert result["task"]["taskId"] == "p__t1"


def _code(reply: dict[str, Any]) -> str:
    code: str = reply["error"]["data"]["code"]
    return code


def _of_tasks(house: House) -> list[tuple[str, dict[str, Any]]]:
    sent = [one for one in house.messages("p") if one.get("method", "").startswith("tasks/")]
    return [(one["method"], one.get("params", {})) for one in sent]


async def test_whatever_a_client_adds_to_a_request_about_tasks_needs_c(house: House) -> None:
    """So in a session that gave up [C], nothing but what the method itself needs is sent."""
    additions: list[dict[str, Any]] = [
        {"note": LEAVES},
        {"cursor": LEAVES},
        {LEAVES: 1},
        {"_meta": {"acme/note": LEAVES}},
        {"_meta": {"traceparent": LEAVES}},
        {"_meta": {f"progressToken {LEAVES}": 1}},
        {"_meta": {RELATED: {"taskId": f"p__{LEAVES}"}}},
        {"_meta": {RELATED: {"taskId": "p__t1", "note": LEAVES}}},
    ]
    methods = ("tasks/get", "tasks/result", "tasks/cancel", "tasks/list")
    async with house.gateway(initialize=False) as gateway:
        await _begin(gateway)
        mark(house, "dropped")
        for method in methods:
            plain = {} if method == "tasks/list" else {"taskId": "p__t1"}
            for added in (*additions, {"taskId": f"p__{LEAVES}"}):
                reply = await gateway.request(method, {**plain, **added})
                assert "error" in reply, (method, added)
                assert _code(reply) == "dropped_capability", (method, added)
            assert "result" in await gateway.request(method, {**plain, "_meta": {"progressToken": LEAVES}})
    assert [method for method, _ in _of_tasks(house)] == list(methods)
    assert not was_sent(house, LEAVES)


@pytest.mark.parametrize("method", ["tasks/get", "tasks/cancel"])
async def test_the_state_of_a_task_is_told_in_words_of_the_servers(house: House, method: str) -> None:
    async with house.gateway(initialize=False) as gateway:
        await _begin(gateway)
        await new_session(house)
        reply = await gateway.request(method, {"taskId": "p__t1"})
        assert reply["result"]["statusMessage"] == WORDS
        assert reply["result"]["taskId"] == "p__t1"
        assert house.held() == {"A", "B"}  # and it is about what a private call does
        assert outcome(await gateway.call("p__send")) == ("ask", "approval_required")


async def test_a_task_that_nobody_knows_is_everything_at_once(house: House) -> None:
    """One that was begun in an earlier connection, say, whose labels are forgotten."""
    async with house.gateway(initialize=False) as gateway:
        await _begin(gateway)
    async with house.gateway(initialize=False) as gateway:
        await legacy(gateway)
        assert outcome(await gateway.call("p__plain")) == ("allow", None)
        for method in ("tasks/get", "tasks/result", "tasks/cancel"):
            assert _code(await gateway.request(method, {"taskId": "p__t1"})) == "approval_required"
            assert "error" in await gateway.request(method, {"taskId": "t1"})  # of no server
        assert house.held() == set()
    assert _of_tasks(house) == []


async def test_what_a_task_brings_only_grows(house: House) -> None:
    """A harmless call that mentions the same task does not take its labels away."""
    async with house.gateway(initialize=False) as gateway:
        await _begin(gateway)
        await new_session(house)
        assert outcome(await gateway.call("p__mention_task")) == ("allow", None)
        assert house.held() == set()
        reply = await gateway.request("tasks/result", {"taskId": "p__t1"})
        assert PRIVATE in json.dumps(reply["result"])
        assert house.held() == {"A", "B"}


async def test_a_list_of_tasks_ends_where_a_server_goes_on(house: House) -> None:
    house.servers = {"p": puppet(house, "p", "--endless"), "q": puppet(house, "q")}
    async with house.gateway(initialize=False) as gateway:
        await legacy(gateway)
        for name in ("p", "q"):
            await gateway.call(f"{name}__plain")
        reply = await gateway.request("tasks/list")
        assert 4 < len(reply["result"]["tasks"]) <= 8  # of a mebibyte each
        assert "nextCursor" not in reply["result"]
        assert house.held() == {"A", "B"}  # the cursors were the server's own, so nothing left
    assert len(_of_tasks(house)) <= 9


async def test_a_task_is_named_as_its_server_names_it_wherever_a_request_is_related_to_it(house: House) -> None:
    async with house.gateway(initialize=False) as gateway:
        await _begin(gateway)
        await gateway.call("p__plain", _meta={RELATED: {"taskId": "p__t1"}})
    assert calls(house)[-1]["_meta"] == {RELATED: {"taskId": "t1"}}
    assert not was_sent(house, "p__t1")
