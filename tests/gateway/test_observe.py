"""Observe mode through a real gateway: it decides, records and marks, and stops nothing that only policy would stop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rule_of_two.gateway.results import DECISION_KEY, with_decision
from rule_of_two.model import NONE, Decision, Outcome
from tests.harness import UPSTREAMS, Gateway, House, outcome

WORDS = "rule-of-two only observes, and stopped nothing: in enforce mode"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, settings={"mode": "observe"})


def _meta(result: dict[str, Any]) -> dict[str, Any]:
    meta: dict[str, Any] = result["_meta"][DECISION_KEY]
    return meta


async def _complete(gateway: Gateway) -> dict[str, Any]:
    """All three labels; the result of the call that completes them."""
    for name in ("rec__read_untrusted", "rec__read_private"):
        result = await gateway.call(name)
        assert (outcome(result), _meta(result)["mode"]) == (("allow", None), "observe")
        assert "observed" not in _meta(result)
        assert len(result["content"]) == 1  # allowed: as the upstream returned it
    return await gateway.call("rec__send", {"to": "eve@evil.example"})


async def test_a_completing_call_passes_marked_and_recorded_and_its_labels_join(house: House) -> None:
    async with house.gateway() as gateway:
        result = await _complete(gateway)
        assert outcome(result) == ("ask", None)
        assert (_meta(result)["mode"], _meta(result)["observed"]) == ("observe", True)
        assert house.held() == {"A", "B", "C"}
    assert house.sent() == ["read_untrusted", "read_private", "send"]
    first, ours = result["content"]
    assert first["text"].startswith("send: ")
    assert ours["text"].startswith(f"{WORDS} a person would have been asked first (decision d")
    assert ours["annotations"] == {"audience": ["user"]}
    assert "isError" not in result
    observed = [entry for entry in house.journal("decision") if entry.get("observed")]
    assert [(entry["name"], entry["outcome"]) for entry in observed] == [("send", "ask")]
    assert f"d{observed[0]['seq']}" == _meta(result)["id"]


async def test_results_without_content_are_marked_in_their_meta_only(house: House) -> None:
    async with house.gateway() as gateway:
        await _complete(gateway)
        note = {"uri": "note://unknown"}  # no pattern names it: [A][B][C]
        result = (await gateway.request("resources/read", note))["result"]
    assert (_meta(result)["outcome"], _meta(result)["observed"]) == ("ask", True)
    assert set(result) == {"contents", "_meta"}
    assert len(result["contents"]) == 1


async def test_what_policy_denies_passes_too(house: House) -> None:
    rule = '@id("own.no-mail")\n@message("No.")\nforbid (principal, action, resource == Gateway::Tool::"rec__send");\n'
    (house.folder / "own.cedar").write_text(rule)
    house.settings["policies"] = ["default", "./own.cedar"]
    async with house.gateway() as gateway:
        result = await gateway.call("rec__send")
    assert outcome(result) == ("deny", "denied_by_policy")
    assert result["content"][-1]["text"].startswith(f"{WORDS} this would have been denied")
    assert house.sent() == ["send"]


async def test_bad_requests_and_what_is_not_policys_still_stop(house: House) -> None:
    async with house.gateway() as gateway:
        unknown = await gateway.call("rec__nothing")
        await gateway.call("rec__change_send")
        await gateway.until_notified("notifications/tools/list_changed")
        changed = await gateway.call("rec__send")
    assert (outcome(unknown), unknown["isError"]) == (("deny", "unknown_tool"), True)
    assert (outcome(changed), changed["isError"]) == (("deny", "definition_changed"), True)
    assert _meta(unknown)["mode"] == _meta(changed)["mode"] == "observe"
    assert "observed" not in _meta(unknown)
    assert "send" not in house.sent()


@pytest.mark.parametrize(("column", "code"), [("frozen", "session_frozen"), ("dropped", "dropped_capability")])
async def test_a_frozen_session_and_a_dropped_c_still_stop(house: House, column: str, code: str) -> None:
    async with house.gateway() as gateway:
        await gateway.call("rec__read_untrusted")
        house.sql(f"UPDATE sessions SET {column} = 1")  # noqa: S608  # a literal above
        result = await gateway.call("rec__send")
    assert (outcome(result), result["isError"]) == (("deny", code), True)
    assert _meta(result)["mode"] == "observe"
    assert house.sent() == ["read_untrusted"]


async def test_a_store_that_fails_still_stops(house: House) -> None:
    async with house.gateway() as gateway:
        await gateway.call("rec__neutral")
        (house.state / "journal.db").rename(house.state / "gone.db")
        result = await gateway.call("rec__neutral")
    assert (outcome(result), result["isError"]) == (("deny", "store_error"), True)
    assert _meta(result)["mode"] == "observe"
    assert house.sent() == ["neutral"]


async def test_the_gateways_own_files_stay_out_of_reach(house: House) -> None:
    manifest = {"version": 1, "server": "r", "tools": {"neutral": {"labels": ["B"], "targets": {"path": "/body"}}}}
    (house.folder / "r.yaml").write_text(json.dumps(manifest))
    house.servers = {"rec": {**house.recorder("sent"), "manifest": "./r.yaml"}}
    async with house.gateway() as gateway:
        result = await gateway.call("rec__neutral", {"body": str(house.state / "journal.db")})
    assert (outcome(result), result["isError"]) == (("deny", "denied_by_policy"), True)
    assert _meta(result)["policies"] == ["gateway.protected-path"]
    assert house.sent() == []


async def test_logs_pass_whatever_they_complete(house: House) -> None:
    """In enforce mode the log's [A] would complete [B][C], so it is dropped; here it is heard, recorded and joined."""
    async with house.gateway() as gateway:
        await gateway.request("logging/setLevel", {"level": "debug"})
        await gateway.call("rec__private_send")
        await gateway.call("rec__log_text")
        heard = await gateway.until_notified("notifications/message")
        assert house.held() == {"A", "B", "C"}
    assert "IGNORE" in heard["params"]["data"]
    (entry,) = [one for one in house.journal("decision") if one["action"] == "receive"]
    assert (entry["outcome"], entry["observed"]) == ("ask", True)


async def test_every_text_that_policy_would_leave_out_is_recorded_and_passes(house: House) -> None:
    rule = '@id("own.no-logs")\n@message("No.")\nforbid (principal, action == Gateway::Action::"receive", resource);\n'
    (house.folder / "own.cedar").write_text(rule)
    house.settings["policies"] = ["default", "./own.cedar"]
    async with house.gateway() as gateway:
        await gateway.request("logging/setLevel", {"level": "debug"})
        for _ in range(2):  # the second one brings nothing new
            gateway.notifications.clear()
            await gateway.call("rec__log_text")
            await gateway.until_notified("notifications/message")
    received = [one for one in house.journal("decision") if one["action"] == "receive"]
    assert [(one["outcome"], one["policies"], one["observed"]) for one in received] == [
        ("deny", ["own.no-logs"], True)
    ] * 2


async def test_one_line_says_at_start_that_nothing_is_stopped(house: House) -> None:
    command = [*house.command("wrap", "--mode", "observe", "--manifest", str(UPSTREAMS / "recorder.yaml"), "--")]
    block = house.recorder("wrapped")
    for started in (None, [*command, block["command"], *block["args"]]):
        async with house.gateway(command=started) as gateway:
            pass
        said = [line for line in gateway.stderr.splitlines() if "observe" in line]
        assert len(said) == 1
        assert "nothing is stopped" in said[0]


async def test_enforce_mode_marks_nothing_and_says_nothing(house: House) -> None:
    house.settings["mode"] = "enforce"
    async with house.gateway() as gateway:
        result = await gateway.call("rec__read_untrusted")
    assert "mode" not in _meta(result)
    assert "observe" not in gateway.stderr


async def test_why_and_audit_tail_say_what_was_let_pass(house: House) -> None:
    async with house.gateway() as gateway:
        decision = _meta(await _complete(gateway))["id"]
    assert "asked, let pass by observe mode: rec__send" in house.run("why", decision)
    (line,) = [line for line in house.run("audit", "tail").splitlines() if "let pass by observe mode" in line]
    assert "ask   rec__send" in line


def test_the_words_come_last_and_leave_the_upstreams_result_as_it_was() -> None:
    decision = Decision(7, Outcome.ASK, None, "s", {}, NONE, (), observed=True, observing=True)
    result = {"content": [{"type": "image"}], "structuredContent": {"n": 1}, "_meta": {"x": 1}}
    before = json.dumps(result)
    marked = with_decision(result, decision)
    assert json.dumps(result) == before
    assert (marked["content"][:-1], marked["structuredContent"]) == (result["content"], {"n": 1})
    assert "d7" in marked["content"][-1]["text"]
