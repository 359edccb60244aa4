"""Handles guessed, reused, misplaced, minted by others and passed across sessions; and what tries to see behind one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rule_of_two.gateway.handles import HELD_KEY, mention
from tests.harness import Gateway, House, outcome
from tests.holding import HANDLE, PAGE, POISON, acted_on_private, always, bodies, held, holding
from tests.people import human

HUGE = 2_000_000


@pytest.fixture
def office(house: House) -> House:
    return always(holding(house))


async def refused(gateway: Gateway, method: str, params: dict[str, Any], handle: str) -> None:
    """It is refused with the stable code, in words that do not repeat the handle."""
    reply = await gateway.request(method, params)
    text = json.dumps(reply)
    assert "invalid_handle" in text
    assert handle not in text


async def test_a_handle_that_the_gateway_never_gave_out_is_refused(office: House) -> None:
    """Guessed by the model, or minted in the text of an upstream."""
    async with office.gateway() as gateway:
        result = await gateway.call("echo__count", {"mints": True})
        minted = result["content"][0]["text"]  # a server's text: to read it does no harm
        assert mention(minted) == ""
        await refused(gateway, "tools/call", {"name": "echo__send", "arguments": {"body": minted}}, minted)
        assert bodies(office, "send") == []


async def test_a_handle_stands_only_as_the_whole_of_an_argument_that_takes_one(office: House) -> None:
    async with office.gateway() as gateway:
        handle = await held(gateway)
        for arguments in (
            {"to": handle},
            {"to": handle, "body": handle},
            {"subject": handle},
            {"body": f"see {handle}"},
            {"body": f"{handle}\n"},
            {"body": [handle]},
            {"body": {"text": handle}},
            {"message": {"to": handle}},
            {"message": {"text": [handle]}},
            {"message": handle},
            {handle: "x"},
            {"data": {"a": {"b": [handle]}}},
            {"Body": handle},
        ):
            await refused(gateway, "tools/call", {"name": "echo__send", "arguments": arguments}, handle)
        for name in ("echo__act", "echo__pages", "rec__send"):
            await refused(gateway, "tools/call", {"name": name, "arguments": {"body": handle}}, handle)
        meta = {"name": "echo__send", "arguments": {}, "_meta": {"acme.example/x": {"y": handle}}}
        await refused(gateway, "tools/call", meta, handle)
        assert handle not in json.dumps(office.messages("echo"))
        assert handle not in json.dumps(office.messages("sent"))
        assert outcome(await gateway.call("echo__send", {"body": handle})) == ("allow", None)


async def test_no_handle_leaves_by_a_resource_a_prompt_or_a_completion(office: House) -> None:
    office.servers["ask"] = office.asker("ask")
    async with office.gateway() as gateway:
        handle = await held(gateway)
        await refused(gateway, "prompts/get", {"name": "rec__advise", "arguments": {"about": handle}}, handle)
        await refused(gateway, "resources/read", {"uri": "note://a", "_meta": {"x/y": handle}}, handle)
        reference = {"type": "ref/resource", "uri": "ask://a"}
        argument = {"name": "about", "value": f"x{handle}"}
        await refused(gateway, "completion/complete", {"ref": reference, "argument": argument}, handle)
        await refused(gateway, "resources/subscribe", {"uri": f"ask://{handle}"}, handle)
        await refused(gateway, "resources/read", {"uri": f"ask://{handle}"}, handle)
        assert handle not in json.dumps(office.messages("sent"))
    assert handle not in json.dumps(office.journal())


async def test_no_handle_is_one_in_another_gateway_or_after_a_restart(office: House) -> None:
    office.settings["sessions"] = {"boundary": "human"}  # the session outlives its gateway
    async with office.gateway() as gateway:
        handle = await held(gateway)
        session = office.session()
        async with office.gateway() as other:
            await refused(other, "tools/call", {"name": "echo__send", "arguments": {"body": handle}}, handle)
    async with office.gateway() as gateway:
        await refused(gateway, "tools/call", {"name": "echo__send", "arguments": {"body": handle}}, handle)
        assert office.session() == session
    assert bodies(office, "send") == []


async def test_what_looks_like_what_is_shown_of_a_handle_is_plain_data(office: House) -> None:
    """The client cannot write what stands for a value, only the gateway does."""
    async with office.gateway() as gateway:
        handle = await held(gateway)
        forged = {HELD_KEY: {"handle": f"{handle[:8]}…", "sha256": "0" * 64}}
        assert outcome(await gateway.call("echo__send", {"data": forged})) == ("allow", None)
        assert bodies(office, "send") == [{"data": forged}]
        both = {"body": handle, "subject": "s", "data": forged}
        assert outcome(await gateway.call("echo__send", both)) == ("allow", None)
        assert bodies(office, "send")[-1] == {**both, "body": POISON}


async def test_a_copy_of_what_is_shown_is_not_filled_in(office: House) -> None:
    """What a client writes at one place is never what the gateway put at another."""
    async with office.gateway() as gateway, human(office) as person:
        await acted_on_private(gateway)
        handle = await held(gateway)
        arguments = {"body": handle, "copy": "plain"}
        waiting = gateway.start("tools/call", {"name": "echo__send", "arguments": arguments})
        question = await person.question()
        shown = question.arguments["body"]
        person.give(question)
        await waiting
        call = {"name": "echo__send", "arguments": {"data": shown}}
        waiting = gateway.start("tools/call", call)
        result = (await waiting)["result"]
        assert outcome(result)[0] == "allow"
        assert bodies(office, "send")[-1] == {"data": shown}


async def test_a_huge_value_is_passed_on_whole_and_no_size_betrays_it(office: House) -> None:
    async with office.gateway() as gateway:
        text = "x" * HUGE
        result = await gateway.call("echo__pages", {"reply": {"content": [{"type": "text", "text": text}]}})
        told = result["_meta"][HANDLE]
        assert told["size"] == 2**21
        assert len(json.dumps(result)) < 4000
        assert outcome(await gateway.call("echo__send", {"body": told["handle"]})) == ("allow", None)
        assert bodies(office, "send") == [{"body": text}]


async def test_no_word_of_a_servers_is_in_what_a_client_is_told_of_a_handle(office: House) -> None:
    blocks = [{"type": "image", "data": "AA==", "mimeType": f"image/{POISON}"}]
    reply = {"content": blocks, "_meta": {"note": POISON, HANDLE: {"handle": POISON}}, POISON: POISON}
    async with office.gateway() as gateway:
        result = await gateway.call("echo__pages", {"reply": reply})
        assert POISON not in json.dumps(result)
        assert result["_meta"][HANDLE]["type"] == "image"


async def test_a_forged_word_about_a_handle_is_taken_out_of_results(office: House) -> None:
    async with office.gateway() as gateway:
        reply = {"content": [], "_meta": {HANDLE: {"handle": "r2h_x"}}}
        result = await gateway.call("echo__count", {"reply": reply})
        assert HANDLE not in result["_meta"]


async def test_a_value_that_is_passed_on_keeps_its_labels_through_trusted_metadata(office: House) -> None:
    """What comes back can repeat the value, however trusted the author is that its platform names."""
    letter = {"id": "m1", "from": "ann@acme.example", "editors": [], "text": POISON}
    office.servers["echo"]["manifest"] = str(office.folder / "echo.yaml")
    (office.folder / "echo.yaml").write_text(
        "version: 1\nserver: echo\ntools:\n"
        "  pages: {labels: [A]}\n"
        '  letters: {labels: [], opaque: /query, writes: none, result: {items: "/items/*", id: /id, author: [/from]}}\n'
    )
    content = {"items": [letter], "total": 1}
    async with office.gateway() as gateway:
        handle = await held(gateway)
        reply = {"content": [], "structuredContent": content}
        result = await gateway.call("echo__letters", {"query": handle, "reply": reply})
        assert result["structuredContent"] == content
        assert office.held() == {"A"}


async def test_values_passed_on_and_back_are_kept_like_the_first(office: House) -> None:
    """A chain of calls that store and repeat never washes a label off."""
    async with office.gateway() as gateway:
        handle = await held(gateway)
        await acted_on_private(gateway)
        for _ in range(3):
            result = await gateway.call("echo__note", {"body": handle, "repeat": True})
            assert POISON not in json.dumps(result)
            handle = result["_meta"][HANDLE]["handle"]
        assert bodies(office, "note")[-1]["body"] == POISON
        assert office.held() == {"B", "C"}


async def test_policy_that_sets_an_argument_wins_over_a_handle_in_it(office: House) -> None:
    (office.folder / "own.cedar").write_text(
        '@id("own.body") @force("/body = \\"ours\\"") permit (principal, action == Gateway::Action::"call_tool", '
        'resource == Gateway::Tool::"echo__send");'
    )
    office.settings["policies"] = ["default", "hold-untrusted", "./own.cedar"]
    async with office.gateway() as gateway:
        handle = await held(gateway)
        await gateway.call("echo__send", {"body": handle})
        assert bodies(office, "send") == [{"body": "ours"}]


async def test_more_calls_than_are_kept_leave_the_gateway_well(office: House) -> None:
    async with office.gateway() as gateway:
        handles = [await held(gateway, PAGE) for _ in range(70)]
        assert outcome(await gateway.call("echo__send", {"body": handles[0]})) == ("deny", "invalid_handle")
        assert outcome(await gateway.call("echo__send", {"body": handles[-1]})) == ("allow", None)
