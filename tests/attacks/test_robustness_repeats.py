"""A call that was lost with its connection is sent once more where that is safe, and nowhere else."""

from __future__ import annotations

import asyncio

import pytest

from tests.attacks.puppets import mark
from tests.attacks.robust import faulty
from tests.harness import DECISION, House, outcome


@pytest.fixture
def shaky(house: House) -> House:
    house.servers = {"faulty": faulty(house)}
    return house


async def test_a_tool_that_is_idempotent_by_its_accepted_definition_is_called_once_more(shaky: House) -> None:
    async with shaky.gateway() as gateway:
        result = await gateway.call("faulty__repeatable")
        assert outcome(result) == ("allow", None)
        assert result["content"][0]["text"] == "done: repeatable"
    assert shaky.sent("faulty") == ["repeatable", "repeatable"]
    first, second = [entry for entry in shaky.journal("decision") if entry["action"] == "call_tool"]
    assert second["seq"] > first["seq"]
    assert result["_meta"][DECISION]["id"] == f"d{second['seq']}"
    assert [entry["outcome"] for entry in shaky.journal("outcome")] == ["lost", "result"]
    assert [one for one in shaky.journal("upstream") if "faulty__repeatable was lost" in one["message"]]
    assert shaky.held() == {"A"}


async def test_resources_and_prompts_are_read_once_more(shaky: House) -> None:
    async with shaky.gateway() as gateway:
        read = await gateway.request("resources/read", {"uri": "note://a"})
        assert read["result"]["contents"][0]["text"] == "done"
        assert "result" in await gateway.request("prompts/get", {"name": "faulty__advise"})
    assert shaky.sent("faulty") == ["note://a", "note://a", "advise", "advise"]


@pytest.mark.parametrize("tool", ["repeatable_send", "read_only", "truthy", "plain"])
async def test_what_acts_or_does_not_say_that_it_is_idempotent_is_never_sent_twice(shaky: House, tool: str) -> None:
    """C; ``readOnlyHint`` alone; a hint that is not ``true``; no hint."""
    async with shaky.gateway() as gateway:
        result = await gateway.call(f"faulty__{tool}")
        assert outcome(result) == ("deny", "upstream_unavailable")
        assert "Nothing was sent" not in result["content"][0]["text"]
        assert outcome(await gateway.call("faulty__steady")) == ("allow", None)
    assert shaky.sent("faulty") == [tool, "steady"]


async def test_a_call_that_is_lost_again_is_not_sent_a_third_time(shaky: House) -> None:
    async with shaky.gateway() as gateway:
        result = await gateway.call("faulty__always_lost")
        assert outcome(result) == ("deny", "upstream_unavailable")
        assert "Nothing was sent" not in result["content"][0]["text"]
        assert outcome(await gateway.call("faulty__steady")) == ("allow", None)
    assert shaky.sent("faulty") == ["always_lost", "always_lost", "steady"]


async def test_a_tool_that_comes_back_with_another_definition_is_not_called_once_more(shaky: House) -> None:
    async with shaky.gateway() as gateway:
        assert outcome(await gateway.call("faulty__redefined")) == ("deny", "upstream_unavailable")
        assert outcome(await gateway.call("faulty__redefined")) == ("deny", "definition_changed")
    assert shaky.sent("faulty") == ["redefined"]


async def test_a_definition_that_nobody_accepted_says_nothing_of_repeating(shaky: House) -> None:
    shaky.settings["pins"] = {"first_use": "ask"}
    async with shaky.gateway() as gateway:
        assert outcome(await gateway.call("faulty__repeatable")) == ("deny", "upstream_unavailable")
    assert shaky.sent("faulty") == ["repeatable"]


async def test_the_second_time_is_decided_with_the_session_as_it_is_then(shaky: House) -> None:
    gate = shaky.folder / "gate"
    async with shaky.gateway() as gateway:
        call = gateway.start("tools/call", {"name": "faulty__gated", "arguments": {"until": str(gate)}})
        while "gated" not in shaky.sent("faulty"):
            await gateway.request("ping")
        mark(shaky, "frozen")
        gate.touch()
        result = (await asyncio.wait_for(call, 30))["result"]
        assert outcome(result) == ("deny", "session_frozen")
        assert "Nothing was sent" not in result["content"][0]["text"]
    assert shaky.sent("faulty") == ["gated"]


async def test_progress_does_not_begin_anew(shaky: House) -> None:
    """The specification wants it to grow; what was handed over cannot be taken back."""
    async with shaky.gateway() as gateway:
        result = await gateway.call("faulty__progressing", _meta={"progressToken": "t"})
        assert outcome(result) == ("allow", None)
        assert len([one for one in gateway.notifications if one["method"] == "notifications/progress"]) == 1
    assert shaky.sent("faulty") == ["progressing", "progressing"]


async def test_a_client_that_gives_up_while_its_call_waits_is_not_repeated(shaky: House) -> None:
    gate = shaky.folder / "gate"
    script = shaky.folder / "gone.py"
    script.write_text(
        f"import runpy, sys, pathlib\nif pathlib.Path({str(gate)!r}).exists(): sys.exit(9)\n"
        f"runpy.run_path({shaky.servers['faulty']['args'][0]!r}, run_name='__main__')\n"
    )
    shaky.servers["faulty"]["args"][0] = str(script)
    async with shaky.gateway() as gateway:
        gateway.start("tools/call", {"name": "faulty__gated", "arguments": {"until": str(gate)}})
        number = gateway.last_id
        while "gated" not in shaky.sent("faulty"):
            await gateway.request("ping")
        gate.touch()
        while not [entry for entry in shaky.journal("outcome") if entry["outcome"] == "lost"]:
            await gateway.request("ping")
        await gateway.notify("notifications/cancelled", {"requestId": number})
        await gateway.request("ping")
    assert shaky.sent("faulty") == ["gated"]
    assert not gateway.unmatched
