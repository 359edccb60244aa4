"""Conversation keys: they split where the operator vouches for the host, and wash nothing anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest

from tests.attacks.http_clients import served
from tests.attacks.puppets import ENVELOPE, PRIVATE, again, call, legacy, mark, new_session, puppet, until_asked
from tests.harness import DECISION, Gateway, House, outcome

VOUCHED = {"boundary": "conversation", "conversation_key": "/acme.thread", "forks_keep_key": True}
ASK = ("ask", "approval_required")
ALLOW = ("allow", None)


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path, settings={"sessions": dict(VOUCHED)})
    house.servers = {"rec": house.recorder("rec")}
    return house


async def say(gateway: Gateway, key: object, tool: str, where: str = "acme.thread") -> dict[str, Any]:
    """Call a tool of the recorder in a conversation; ``None``: the host names none."""
    meta = {} if key is None else {"_meta": {where: key}}
    return await gateway.call(f"rec__{tool}", **meta)


async def both(gateway: Gateway, key: object, where: str = "acme.thread") -> None:
    """Have a conversation see A and B."""
    for tool in ("read_untrusted", "read_private"):
        assert outcome(await say(gateway, key, tool, where)) == ALLOW


def sessions(house: House) -> list[tuple[str, str]]:
    return house.sql("SELECT id, key FROM sessions WHERE ended_at IS NULL ORDER BY rowid")


async def test_a_key_that_the_operator_vouches_for_splits(house: House) -> None:
    async with house.gateway() as gateway:
        await both(gateway, "one")
        assert outcome(await say(gateway, "two", "send")) == ALLOW
        assert outcome(await say(gateway, "one", "send")) == ASK
    assert house.sent("rec") == ["read_untrusted", "read_private", "send"]


async def test_sub_agents_with_the_key_of_their_parent_share_and_so_do_processes(house: House) -> None:
    async with house.gateway() as gateway, house.gateway() as another:
        await both(gateway, "one")
        assert outcome(await say(another, "one", "send")) == ASK
        assert outcome(await say(another, "two", "send")) == ALLOW


async def test_a_conversation_goes_on_after_a_restart_and_after_a_crash(house: House) -> None:
    async with house.gateway() as gateway:
        await say(gateway, "one", "read_untrusted")
    async with house.gateway() as gateway:
        await say(gateway, "one", "read_private")
        await gateway.kill()
    async with house.gateway() as gateway:
        assert outcome(await say(gateway, "two", "send")) == ALLOW
        assert outcome(await say(gateway, "one", "send")) == ASK


async def test_a_call_in_flight_when_its_gateway_is_killed_stays_reserved_in_its_conversation(house: House) -> None:
    async with house.gateway() as gateway:
        await say(gateway, "one", "read_private")
        gateway.start("tools/call", {"name": "rec__hang", "arguments": {}, "_meta": {"acme.thread": "one"}})
        while "hang" not in house.sent("rec"):
            await gateway.request("ping")
        await gateway.kill()
    async with house.gateway() as gateway:
        assert outcome(await say(gateway, "two", "send")) == ALLOW
        assert outcome(await say(gateway, "one", "send")) == ASK


@pytest.mark.parametrize(
    ("client", "where"), [("vscode", "vscode.conversationId"), ("codex", "threadId"), ("generic", "acme.thread")]
)
@pytest.mark.parametrize("asked_for", [True, False], ids=["conversation", "as-shipped"])
async def test_a_made_up_key_washes_nothing_where_nobody_vouches(
    house: House, client: str, where: str, *, asked_for: bool
) -> None:
    """Forks of VS Code's and sub-agents of Codex's have keys of their own, and a stranger's key means nothing."""
    house.settings = {"client": client}
    if asked_for:
        own = {"conversation_key": "/acme.thread"} if client == "generic" else {}
        house.settings["sessions"] = {"boundary": "conversation", **own}
    async with house.gateway() as gateway:
        await both(gateway, "one", where)
        assert outcome(await say(gateway, "two", "send", where)) == ASK
    assert ("all conversations are one session" in gateway.stderr) is asked_for
    assert house.sent("rec") == ["read_untrusted", "read_private"]


async def test_the_key_of_a_known_host_splits_once_the_operator_vouches(house: House) -> None:
    house.settings = {"client": "codex", "sessions": {"boundary": "conversation", "forks_keep_key": True}}
    async with house.gateway() as gateway:
        await both(gateway, "one", "threadId")
        assert outcome(await say(gateway, "two", "send", "threadId")) == ALLOW
        assert outcome(await say(gateway, "one", "send", "threadId")) == ASK


async def test_a_request_without_a_key_is_judged_by_what_every_conversation_has_seen(house: House) -> None:
    """Else dropping the key would wash: it can come from any of them."""
    async with house.gateway() as gateway:
        await both(gateway, "one")
        assert outcome(await say(gateway, None, "send")) == ASK
    async with house.gateway() as gateway:
        assert outcome(await say(gateway, None, "send")) == ASK
    assert "send" not in house.sent("rec")


async def test_a_request_without_a_key_asks_if_it_completes_one_conversation_though_all_together_hold_everything(
    house: House,
) -> None:
    """Judged by the union, which lacks nothing, it would bring [A] to the one that has [B] and [C]."""
    async with house.gateway() as gateway:
        await say(gateway, "one", "read_untrusted")
        for tool in ("read_private", "send"):
            await say(gateway, "two", tool)
        assert outcome(await say(gateway, None, "read_untrusted")) == ASK
        assert outcome(await say(gateway, None, "read_private")) == ALLOW


async def test_what_completes_no_conversation_passes_though_all_together_would_hold_everything(house: House) -> None:
    async with house.gateway() as gateway:
        await say(gateway, "one", "read_private")
        await say(gateway, "two", "send")
        assert outcome(await say(gateway, None, "read_untrusted")) == ALLOW
        assert outcome(await say(gateway, "one", "send")) == ASK
        assert outcome(await say(gateway, "two", "read_private")) == ASK


@pytest.mark.parametrize(
    ("what", "tool", "code"),
    [("dropped", "send", "dropped_capability"), ("frozen", "neutral", "session_frozen")],
)
async def test_what_a_conversation_may_not_do_it_may_not_do_without_its_key(
    house: House, what: Literal["dropped", "frozen"], tool: str, code: str
) -> None:
    async with house.gateway() as gateway:
        mark(house, what, (await say(gateway, "one", "neutral"))["_meta"][DECISION]["session"])
        assert outcome(await say(gateway, None, tool)) == ("deny", code)
        assert outcome(await say(gateway, "two", tool)) == ALLOW


async def test_what_a_request_without_a_key_brings_counts_in_every_conversation(house: House) -> None:
    """Nobody knows into which of them its result goes."""
    async with house.gateway() as gateway:
        await say(gateway, "one", "read_private")
        await say(gateway, None, "read_untrusted")
        for key in ("one", "new"):
            shown = (await say(gateway, key, "neutral"))["_meta"][DECISION]
            assert "A" in shown["held"]
        assert outcome(await say(gateway, "one", "send")) == ASK
        assert outcome(await say(gateway, "new", "send")) == ALLOW
        assert outcome(await say(gateway, "new", "read_private")) == ASK


async def test_what_counted_in_every_conversation_still_does_after_its_own_session_was_renewed(house: House) -> None:
    async with house.gateway() as gateway:
        await say(gateway, "one", "read_private")
        await say(gateway, None, "read_untrusted")
        base = next(session for session, key in sessions(house) if '"conversation":""' in key)
        await new_session(house, base)
        assert outcome(await say(gateway, "one", "send")) == ASK
        assert outcome(await say(gateway, "two", "read_private")) == ALLOW
        assert outcome(await say(gateway, "two", "send")) == ALLOW


async def test_what_is_no_key_is_a_missing_one(house: House) -> None:
    async with house.gateway() as gateway:
        await both(gateway, "one")
        for key in ("", "x" * 201, 7, None, ["one"], {"one": 1}, True, "a\nb", "a\u202eb"):
            reply = await gateway.call("rec__send", _meta={"acme.thread": key})
            assert outcome(reply) == ASK, key
            assert len(sessions(house)) == 2, key


async def test_a_flood_of_keys_grows_no_further_and_washes_nothing(house: House) -> None:
    async with house.gateway() as gateway:
        await both(gateway, "one")
        for number in range(120):
            await say(gateway, f"made up {number}", "neutral")
        assert len(sessions(house)) == 101  # and the one of what names no conversation
        assert outcome(await say(gateway, "made up 119", "send")) == ASK
        assert outcome(await say(gateway, "made up 1", "send")) == ALLOW
        assert outcome(await say(gateway, "one", "send")) == ASK
    assert "more than 100 conversations" in gateway.stderr


async def test_keys_that_are_written_otherwise_are_other_conversations_and_wash_nothing_known(house: House) -> None:
    """A key is compared as it is: whatever differs is another conversation, which the host alone can begin."""
    async with house.gateway() as gateway:
        await both(gateway, "One")
        assert outcome(await say(gateway, "One", "send")) == ASK
        assert outcome(await say(gateway, "one", "send")) == ALLOW


async def test_a_key_in_the_arguments_or_in_a_result_is_none(house: House) -> None:
    """The model writes arguments, and upstreams results: neither reaches the `_meta` of a request."""
    async with house.gateway() as gateway:
        await both(gateway, None)
        reply = await gateway.call("rec__send", {"acme.thread": "two", "_meta": {"acme.thread": "two"}})
        assert outcome(reply) == ASK


async def test_a_log_counts_in_every_conversation(house: House) -> None:
    async with house.gateway() as gateway:
        await say(gateway, "one", "neutral")
        await say(gateway, "two", "log_text")
        await gateway.until_notified("notifications/message")
        for key in ("one", "two", "three"):
            assert (await say(gateway, key, "neutral"))["_meta"][DECISION]["held"] == ["A"]


async def test_a_list_that_nobody_accepted_counts_in_every_conversation(house: House) -> None:
    house.settings["pins"] = {"first_use": "ask"}
    async with house.gateway() as gateway:
        await gateway.request("resources/list", {"_meta": {"acme.thread": "one"}})
        shown = await gateway.request("resources/read", {"uri": "note://b", "_meta": {"acme.thread": "two"}})
        assert "A" in shown["result"]["_meta"][DECISION]["held"]


async def test_a_question_to_a_legacy_client_counts_in_every_conversation(house: House) -> None:
    """Nothing tells the client which of its conversations it belongs to."""
    house.servers = {"p": puppet(house), "rec": house.recorder("rec")}
    async with house.gateway(initialize=False) as gateway:
        await legacy(gateway)
        await say(gateway, "two", "neutral")
        params = {"name": "p__ask_private", "arguments": {}, "_meta": {"acme.thread": "one"}}
        gateway.start("tools/call", params)
        assert PRIVATE in (await until_asked(gateway))["params"]["message"]
        assert set((await say(gateway, "two", "neutral"))["_meta"][DECISION]["held"]) == {"A", "B"}


async def test_a_state_is_good_in_the_conversation_that_it_was_given_to(house: House) -> None:
    for era in ((), ("--modern",)):
        house.servers = {"p": puppet(house, "p", *era)}
        async with house.gateway(initialize=False) as gateway:
            required = (await gateway.request("tools/call", _in("one", "p__ask")))["result"]
            for other in ("two", None):
                stolen = await gateway.request("tools/call", _in(other, "p__ask", **again(required)))
                assert stolen["error"]["data"]["code"] == "bad_request"
            reply = await gateway.request("tools/call", _in("one", "p__ask", **again(required)))
            assert "accept" in reply["result"]["content"][0]["text"]


async def test_a_task_that_is_read_without_a_key_counts_in_every_conversation(house: House) -> None:
    """With one it is more than the method needs, which leaves: that asks."""
    house.servers = {"p": puppet(house), "rec": house.recorder("rec")}
    async with house.gateway() as gateway:
        await gateway.call("p__begin_task", task={}, _meta={"acme.thread": "one"})
        asked = await gateway.request("tasks/result", {"taskId": "p__t1", "_meta": {"acme.thread": "two"}})
        assert asked["error"]["data"]["code"] == "approval_required"
        assert PRIVATE in str(await gateway.request("tasks/result", {"taskId": "p__t1"}))
        assert "B" in (await say(gateway, "two", "neutral"))["_meta"][DECISION]["held"]


async def test_a_new_session_of_one_conversation_leaves_the_others(house: House) -> None:
    async with house.gateway() as gateway:
        await both(gateway, "one")
        await both(gateway, "two")
        await new_session(house)
        assert outcome(await say(gateway, "two", "send")) == ALLOW
        assert outcome(await say(gateway, "one", "send")) == ASK


async def test_labels_taken_from_what_all_conversations_share_are_noticed(house: House) -> None:
    async with house.gateway() as gateway:
        await say(gateway, None, "read_untrusted")
        await say(gateway, "one", "read_private")
        house.sql("UPDATE sessions SET held_a = NULL")
        assert outcome(await say(gateway, "one", "send")) == ("deny", "store_error")


async def test_going_back_from_human_and_to_it_washes_nothing(house: House) -> None:
    async with house.gateway() as gateway:
        await both(gateway, "one")
    house.settings["sessions"] = {"boundary": "human"}
    async with house.gateway() as gateway:
        assert outcome(await say(gateway, "two", "send")) == ASK
    house.settings["sessions"] = dict(VOUCHED)
    async with house.gateway() as gateway:
        assert outcome(await say(gateway, "one", "send")) == ASK


async def test_claude_codes_key_is_that_of_its_processes_and_splits_only_if_vouched_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = {"boundary": "conversation"}
    house.settings = {"client": "claude-code", "sessions": sessions}
    monkeypatch.setenv("CLAUDE_CODE_SESSION_ID", "one")
    async with house.gateway() as gateway:
        await both(gateway, None)
    monkeypatch.setenv("CLAUDE_CODE_SESSION_ID", "fork-of-one")
    async with house.gateway() as gateway:
        assert outcome(await say(gateway, None, "send")) == ASK
    assert "claude-code" in gateway.stderr
    house.settings["sessions"] = {**sessions, "forks_keep_key": True}
    house.settings["principal"] = {"user": "bob"}
    for name in ("one", "two"):
        monkeypatch.setenv("CLAUDE_CODE_SESSION_ID", name)
        async with house.gateway() as gateway:
            await both(gateway, None)
            assert outcome(await say(gateway, None, "send")) == ASK
    monkeypatch.setenv("CLAUDE_CODE_SESSION_ID", "three")
    async with house.gateway() as gateway:
        assert outcome(await say(gateway, None, "send")) == ALLOW
    monkeypatch.delenv("CLAUDE_CODE_SESSION_ID")
    async with house.gateway() as gateway:
        assert outcome(await say(gateway, None, "send")) == ASK
    assert "CLAUDE_CODE_SESSION_ID is not set" in gateway.stderr


async def test_over_http_a_key_splits_where_it_is_vouched_for_and_a_session_id_never_does(house: House) -> None:
    async with served(house, "one-token", "another-token") as (client, stranger):
        for tool in ("read_untrusted", "read_private"):
            assert outcome((await client.call(f"rec__{tool}", **_meta("one")))["result"]) == ALLOW
        session = await client.open()
        for key, code in (("one", "approval_required"), (None, "approval_required"), ("two", '"code":null')):
            meta = {"acme.thread": key} if key else {}
            params = {"name": "rec__send", "arguments": {}, "_meta": meta}
            assert code in (await client.legacy(session, "tools/call", params)).text
        assert outcome((await client.call("rec__read_untrusted", **_meta("two")))["result"]) == ALLOW
        assert outcome((await client.call("rec__read_private", **_meta("two")))["result"]) == ASK
        assert outcome((await stranger.call("rec__send", **_meta("one")))["result"]) == ALLOW


def _meta(key: str | None) -> dict[str, Any]:
    return {"_meta": {**ENVELOPE, **({"acme.thread": key} if key else {})}}


def _in(key: str | None, name: str, **more: Any) -> dict[str, Any]:
    return {**call(name, **more), **_meta(key)}
