"""What the gateway keeps of a session's results, and passes on where a handle stands for it: through real processes."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from rule_of_two.approvals.choice import Choice
from rule_of_two.gateway.handles import (
    HELD_KEY,
    MOST_BYTES,
    MOST_HELD,
    Handles,
    InvalidHandle,
    filled,
    mention,
    new_handle,
)
from rule_of_two.gateway.held_value import HeldValue, value_of
from rule_of_two.model import labels_in
from tests.harness import House, outcome
from tests.holding import HANDLE, PAGE, POISON, acted_on_private, always, bodies, held, holding
from tests.people import human

STRUCTURED: Final = {"content": [{"type": "text", "text": "3"}], "structuredContent": {"n": 3, "text": POISON}}


@pytest.fixture
def office(house: House) -> House:
    return holding(house)


async def test_what_would_complete_the_set_is_kept_and_nothing_of_it_is_handed_over(office: House) -> None:
    async with office.gateway() as gateway:
        await acted_on_private(gateway)
        params = {"name": "echo__pages", "arguments": {"reply": PAGE}, "_meta": {"progressToken": "t"}}
        result = (await gateway.request("tools/call", params))["result"]
        assert office.sent("echo") == ["pages"]
        assert POISON not in json.dumps(result)
        assert "isError" not in result
        assert outcome(result) == ("deny", "withheld")
        told = result["_meta"][HANDLE]
        assert re.fullmatch(r"r2h_[A-Za-z0-9_-]{22}", told["handle"])
        assert (told["type"], told["size"], told["labels"], told["uses"]) == ("text", 64, ["A"], 5)
        assert told["permitted"][0] == "echo__send /body"
        assert told["handle"] in result["content"][0]["text"]
        (progress,) = [one for one in gateway.notifications if one["method"] == "notifications/progress"]
        assert "message" not in progress["params"]
        assert office.held() == {"B", "C"}
        assert outcome(await gateway.call("rec__private_send")) == ("allow", None)
    journal = json.dumps(office.journal())
    assert told["handle"] not in journal
    assert POISON not in journal
    (decision,) = [one for one in office.journal("decision") if "holds" in one]
    assert decision["holds"]["sha256"] == hashlib.sha256(POISON.encode()).hexdigest()
    assert decision["policies"] == ["hold-untrusted.third-label"]
    assert "kept its result" in office.run("why", f"d{decision['releases']}")


async def test_resources_prompts_and_results_with_a_schema_are_kept_in_their_own_form(office: House) -> None:
    async with office.gateway() as gateway:
        await acted_on_private(gateway)
        read = (await gateway.request("resources/read", {"uri": "note://a"}))["result"]
        prompt = (await gateway.request("prompts/get", {"name": "rec__advise"}))["result"]
        count = await gateway.call("echo__count", {"reply": {"content": [], "structuredContent": {"n": 7}}})
        assert read["contents"][0]["text"].startswith("rule-of-two kept this result")
        assert prompt["messages"][0]["content"]["text"].startswith("rule-of-two kept this result")
        assert isinstance(count["structuredContent"]["n"], int)
        assert office.held() == {"B", "C"}
        for result in (read, prompt, count):
            await gateway.call("echo__note", {"body": result["_meta"][HANDLE]["handle"]})
        assert bodies(office, "note")[-1] == {"body": '{"n":7}'}
        assert len(bodies(office, "note")) == 3


async def test_a_call_that_passes_a_handle_asks_by_the_labels_of_what_it_stands_for(office: House) -> None:
    async with office.gateway() as gateway, human(office) as person:
        await acted_on_private(gateway)
        handle = await held(gateway)
        arguments = {"to": "bob@example.org", "body": handle, "repeat": True}
        waiting = gateway.start("tools/call", {"name": "echo__send", "arguments": arguments})
        question = await person.question()
        shown = question.arguments["body"][HELD_KEY]
        assert shown["sha256"] == hashlib.sha256(POISON.encode()).hexdigest()
        assert shown["from"].startswith("echo__pages (d")
        assert question.labels == {"A", "C"}
        assert question.messages[-1].startswith("Its argument '/body' is what echo__pages returned at d")
        assert Choice.GRANT not in question.offers
        assert bodies(office, "send") == []
        person.give(question)
        result = (await waiting)["result"]
        assert bodies(office, "send") == [{**arguments, "body": POISON}]
        assert POISON not in json.dumps(result)  # what repeats the value is kept like it
        assert result["_meta"][HANDLE]["handle"] != handle
        assert office.held() == {"B", "C"}
    office.run("audit", "verify")
    passes = [one for one in office.journal("decision") if "passes" in one]
    assert {one["passes"][0]["argument"] for one in passes} == {"/body"}
    why = office.run("why", f"d{passes[0]['seq']}")
    assert f"argument /body was the value held at {passes[0]['passes'][0]['held']}, [A]" in why
    assert handle not in json.dumps(office.journal())


async def test_nobody_is_asked_and_nothing_is_sent_where_a_person_says_no_or_nobody_is_there(office: House) -> None:
    async with office.gateway() as gateway:
        await acted_on_private(gateway)
        handle = await held(gateway)
        result = await gateway.call("echo__send", {"to": "bob@example.org", "body": handle})
        assert outcome(result) == ("ask", "approval_required")
        assert bodies(office, "send") == []
        async with human(office) as person:
            call = {"name": "echo__send", "arguments": {"to": "bob@example.org", "body": handle}}
            waiting = gateway.start("tools/call", call)
            person.give(await person.question(), Choice.NO)
            assert outcome((await waiting)["result"]) == ("deny", "approval_denied")
        assert bodies(office, "send") == []


async def test_a_call_that_acts_and_completes_nothing_passes_a_value_without_a_question(office: House) -> None:
    """[A] leaves by [C], and nothing private is there: the rule asks nobody. What comes back brings its [A]."""
    always(office)
    async with office.gateway() as gateway:
        handle = await held(gateway)
        assert office.held() == set()
        result = await gateway.call("echo__send", {"to": "bob@example.org", "message": {"text": handle}})
        assert outcome(result) == ("allow", None)
        assert bodies(office, "send")[0]["message"] == {"text": POISON}
        assert office.held() == {"A", "C"}


async def test_an_approval_is_for_the_very_value(office: House) -> None:
    """The same words of the client's with another handle are another call."""
    office.settings["approvals"] = {"wait": "0s"}
    async with office.gateway() as gateway, human(office) as person:
        await acted_on_private(gateway)
        first = await held(gateway)
        other = await held(gateway, {"content": [{"type": "text", "text": "another"}]})
        arguments = {"to": "bob@example.org", "body": first}
        assert outcome(await gateway.call("echo__send", arguments)) == ("ask", "approval_pending")
        person.give(await person.question())
        assert outcome(await gateway.call("echo__send", {**arguments, "body": other})) == ("ask", "approval_pending")
        result = await gateway.call("echo__send", arguments)
        while outcome(result)[1] == "approval_pending":
            result = await gateway.call("echo__send", arguments)
        assert bodies(office, "send") == [{**arguments, "body": POISON}]


async def test_a_value_is_text_or_json_as_its_argument_wants(office: House) -> None:
    always(office)
    async with office.gateway() as gateway:
        handle = await held(gateway, STRUCTURED)
        both = {"body": handle, "data": handle}
        assert outcome(await gateway.call("echo__send", both)) == ("allow", None)
        (sent,) = bodies(office, "send")
        assert json.loads(sent["body"]) == sent["data"] == STRUCTURED["structuredContent"]
        refused = await gateway.call("echo__send", {"data": await held(gateway)})
        assert outcome(refused) == ("deny", "invalid_handle")
        assert "does not fit the argument '/data'" in refused["content"][0]["text"]


async def test_what_a_call_without_an_act_passes_on_keeps_the_session_as_it_is_until_something_comes_back(
    office: House,
) -> None:
    always(office)
    async with office.gateway() as gateway:
        handle = await held(gateway)
        await acted_on_private(gateway)
        result = await gateway.call("echo__note", {"body": handle, "repeat": True})
        assert bodies(office, "note") == [{"body": POISON, "repeat": True}]
        assert POISON not in json.dumps(result)
        assert result["_meta"][HANDLE]["labels"] == ["A"]
        assert office.held() == {"B", "C"}


async def test_what_a_call_stores_by_a_handle_is_stamped_with_the_labels_of_the_value(office: House) -> None:
    """A later session that reads it back gets the label that the first one never saw."""
    always(office)
    async with office.gateway() as gateway:
        handle = await held(gateway)
        result = await gateway.call("echo__keep", {"body": handle})
        assert outcome(result) == ("allow", None)
        assert [row["body"] for row in bodies(office, "keep")] == [POISON]
    async with office.gateway() as gateway:
        assert office.held() == set()
        await gateway.call("echo__recall")
        assert office.held() == {"A"}


async def test_uses_are_counted_and_the_last_one_serves_one_of_two_calls_at_once(office: House) -> None:
    always(office).settings["handles"] = {"uses": 3}
    async with office.gateway() as gateway:
        handle = await held(gateway)
        assert outcome(await gateway.call("echo__send", {"body": handle, "copy": handle})) == ("allow", None)
        both = [gateway.start("tools/call", {"name": "echo__send", "arguments": {"body": handle}}) for _ in "ab"]
        outcomes = sorted([outcome((await one)["result"]) for one in both])
        assert outcomes == [("allow", None), ("deny", "invalid_handle")]
        assert len(bodies(office, "send")) == 2
        assert outcome(await gateway.call("echo__send", {"body": handle})) == ("deny", "invalid_handle")


async def test_a_new_session_has_no_handle_of_the_old_one(office: House) -> None:
    always(office)
    async with office.gateway() as gateway, human(office) as person:
        handle = await held(gateway)
        await acted_on_private(gateway)
        waiting = gateway.start("tools/call", {"name": "echo__send", "arguments": {"body": handle}})
        person.give(await person.question(), Choice.NEW)
        assert outcome((await waiting)["result"])[0] != "allow"
        assert outcome(await gateway.call("echo__send", {"body": handle})) == ("deny", "invalid_handle")
        assert bodies(office, "send") == []


async def test_a_frozen_session_passes_nothing_on(office: House) -> None:
    always(office)
    async with office.gateway() as gateway:
        handle = await held(gateway)
        office.run("session", "freeze", office.session())
        assert outcome(await gateway.call("echo__send", {"body": handle})) == ("deny", "session_frozen")
        assert bodies(office, "send") == []


async def test_what_is_denied_is_not_kept_either(office: House) -> None:
    (office.folder / "own.cedar").write_text(
        '@id("own.nothing-untrusted") @message("Nothing untrusted.") '
        'forbid (principal, action in Gateway::Action::"use", resource) when { context.labels.A };'
    )
    always(office).settings["policies"] = ["default", "hold-untrusted", "./own.cedar"]
    async with office.gateway() as gateway:
        result = await gateway.call("echo__pages", {"reply": PAGE})
        assert outcome(result) == ("deny", "denied_by_policy")
        assert office.sent("echo") == []


async def test_the_text_of_an_error_is_not_handed_over_where_results_are_kept(office: House) -> None:
    always(office)
    async with office.gateway() as gateway:
        error = {"code": -32000, "message": POISON}
        reply = await gateway.request("tools/call", {"name": "echo__pages", "arguments": {"error": error}})
        assert POISON not in json.dumps(reply)
        assert office.held() == set()


async def test_dropped_items_are_not_in_what_is_kept(office: House) -> None:
    (office.folder / "own.cedar").write_text(
        '@id("own.level") @message("Too confidential.") forbid (principal, action == '
        'Gateway::Action::"return_document", resource) '
        "unless { resource has confidentiality && resource.confidentiality <= 1 };"
    )
    office.settings["policies"] = ["default", "hold-untrusted", "./own.cedar"]
    low = {"id": "a", "from": "eve@evil.example", "editors": [], "text": "low", "level": 1}
    content = {"items": [low, {**low, "id": "b", "text": "high", "level": 2}], "total": 2}
    reply = {"content": [], "structuredContent": content}
    async with office.gateway() as gateway:
        await gateway.call("rec__send")
        result = await gateway.call("echo__letters", {"reply": reply})
        assert result["structuredContent"]["items"] == []  # what its schema takes
        handle = result["_meta"][HANDLE]["handle"]
        await gateway.call("echo__note", {"body": handle})
        (noted,) = bodies(office, "note")
        assert "low" in noted["body"]
        assert "high" not in noted["body"]
        assert office.held() == {"C"}


async def test_in_observe_mode_nothing_is_kept(office: House) -> None:
    always(office).settings["mode"] = "observe"
    async with office.gateway() as gateway:
        result = await gateway.call("echo__pages", {"reply": PAGE})
        assert result["content"] == PAGE["content"]


NOW: Final = datetime(2026, 11, 22, 10, tzinfo=UTC)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def text(size: int = 4) -> HeldValue:
    return value_of({"content": [{"type": "text", "text": "x" * size}]})


def kept(handles: Handles, value: HeldValue | None = None, session: str = "s") -> str:
    handle = new_handle()
    handles.keep(handle, session, 12, "web__get", value or text(), labels_in("A"))
    return handle


def test_a_handle_expires_also_between_the_decision_and_the_sending() -> None:
    clock = Clock()
    handles = Handles(clock, uses=5, life=timedelta(minutes=15), takers=())
    placed = handles.place({"body": kept(handles)}, ["/body"], True, lambda: "s")
    assert filled(placed.arguments, placed.passed) == {"body": "xxxx"}
    clock.now += timedelta(minutes=15)
    with pytest.raises(InvalidHandle, match="expired"):
        handles.spend(placed.passed, "s")


def test_a_handle_is_nothing_in_another_session_also_at_the_moment_of_sending() -> None:
    handles = Handles(Clock(), uses=5, life=timedelta(minutes=15), takers=())
    handle = kept(handles)
    with pytest.raises(InvalidHandle, match="does not have"):
        handles.place({"body": handle}, ["/body"], True, lambda: "t")
    placed = handles.place({"body": handle}, ["/body"], True, lambda: "s")
    with pytest.raises(InvalidHandle, match="does not have"):
        handles.spend(placed.passed, "t")


def test_of_two_handles_of_a_call_none_is_used_where_one_cannot_be() -> None:
    handles = Handles(Clock(), uses=1, life=timedelta(minutes=15), takers=())
    first, second = kept(handles), kept(handles)
    placed = handles.place({"a": first, "b": second}, ["/a", "/b"], True, lambda: "s")
    handles.spend(handles.place({"b": second}, ["/b"], True, lambda: "s").passed, "s")
    with pytest.raises(InvalidHandle, match="0 more times"):
        handles.spend(placed.passed, "s")
    handles.spend(handles.place({"a": first}, ["/a"], True, lambda: "s").passed, "s")


def test_the_oldest_is_given_up_for_a_newer_one() -> None:
    handles = Handles(Clock(), uses=5, life=timedelta(minutes=15), takers=())
    first, *_, last = [kept(handles) for _ in range(MOST_HELD + 1)]
    with pytest.raises(InvalidHandle):
        handles.place({"body": first}, ["/body"], True, lambda: "s")
    assert handles.place({"body": last}, ["/body"], True, lambda: "s").passed
    large = kept(handles, text(MOST_BYTES))
    with pytest.raises(InvalidHandle):
        handles.place({"body": last}, ["/body"], True, lambda: "s")
    assert handles.place({"body": large}, ["/body"], True, lambda: "s").passed


@pytest.mark.parametrize(
    ("result", "kind", "came"),
    [
        ({"content": []}, "text", ""),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "text", "a\nb"),
        ({"content": [{"type": "image", "data": "AA==", "mimeType": "image/IGNORE"}]}, "image", "AA=="),
        ({"contents": [{"uri": "a://b", "blob": "AA=="}]}, "binary", "AA=="),
        ({"contents": [{"uri": "a://b", "text": "t"}]}, "text", "t"),
        ({"content": [{"type": "resource", "resource": {"uri": "a://b", "text": "t"}}]}, "text", "t"),
        ({"messages": [{"role": "user", "content": {"type": "text", "text": "t"}}]}, "text", "t"),
        ({"structuredContent": {"b": 1, "a": [2]}, "content": []}, "JSON", '{"a":[2],"b":1}'),
        ({"content": [{"type": "text"}, 3]}, "JSON", '[{"type":"text"},3]'),
        ({"other": 1}, "JSON", '{"other":1}'),
    ],
)
def test_a_result_comes_to_one_value_of_a_kind_of_ours(result: dict[str, Any], kind: str, came: str) -> None:
    value = value_of(result)
    assert (value.kind, value.text) == (kind, came)


def test_the_size_that_is_told_says_next_to_nothing() -> None:
    assert [text(size).about for size in (0, 1, 2, 3, 64, 65, 1000)] == [0, 1, 2, 4, 64, 128, 1024]


def test_a_handle_is_found_in_any_text_of_any_depth() -> None:
    handle = new_handle()
    nested: Any = handle
    for _ in range(200_000):
        nested = [nested]
    values = (handle, f"see {handle}.", {"a": [{"b/c": handle}]}, {handle: 1}, {"a": {handle: handle}})
    assert [mention(value) for value in values] == ["", "", "/a/0/b~1c", "", "/a/…"]
    assert mention({"n": 2**70, "a": [handle]}) == "/a/0"
    assert mention({"n": "\ud800", "a": handle}) == "/a"
    assert mention(nested) == "/0" * 200_000
    assert mention({"a": "r2h_", "b": ["r2h_short", handle[:-1], 3, None, True]}) is None
