"""Over HTTP everybody is somebody: what one client was given is nothing to another, and leaving washes nothing."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import pytest

from tests.attacks.http_clients import HttpClient, behind_http, clients
from tests.attacks.puppets import again, calls, puppet
from tests.harness import House, outcome
from tests.wire.httpserver_host import message_of


@dataclass(frozen=True)
class Shared:
    """One gateway for all tests of this file. Each has clients of its own, so none sees what another did."""

    house: House
    url: str

    def clients(self, *names: str) -> AbstractAsyncContextManager[list[HttpClient]]:
        return clients(self.house, self.url, *names)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    house = House(tmp_path_factory.mktemp("shared"))
    house.servers = {"p": puppet(house)}
    with behind_http(house) as url:
        yield Shared(house, url)


async def test_a_state_is_good_for_the_client_that_it_was_given_to_and_once(shared: Shared) -> None:
    async with shared.clients("owner", "thief") as (owner, thief):
        required = (await owner.call("p__ask"))["result"]
        stolen = await thief.call("p__ask", **again(required))
        assert stolen["error"]["data"]["code"] == "bad_request"
        reply = await owner.call("p__ask", **again(required))
        assert "accept" in reply["result"]["content"][0]["text"]
        second = await owner.call("p__ask", **again(required))
        assert second["error"]["data"]["code"] == "bad_request"


async def test_of_two_answers_to_one_held_call_one_counts(shared: Shared) -> None:
    async with shared.clients("hasty") as (client,):
        required = (await client.call("p__ask"))["result"]
        answers = [{"action": "accept", "content": {"number": number}} for number in range(5)]
        before = _answers(shared.house)
        replies = await asyncio.gather(*(client.call("p__ask", **again(required, one)) for one in answers))
        assert len([one for one in replies if "result" in one]) == 1
        assert len([one for one in replies if "error" in one and one["error"]["data"]["code"] == "bad_request"]) == 4
        assert _answers(shared.house) == before + 1  # and the upstream got no other


async def test_a_session_of_another_client_does_not_exist(shared: Shared) -> None:
    async with shared.clients("at-home", "stranger") as (owner, stranger):
        session = await owner.open()
        listened = await stranger.http.get(stranger.url, headers={**stranger.headers, "mcp-session-id": session})
        assert listened.status_code == 404
        assert (await stranger.legacy(session, "tools/list")).status_code == 404
        assert await stranger.delete(session) == 404
        assert (await owner.legacy(session, "ping")).status_code == 200


async def test_a_token_that_was_revoked_is_refused_at_once(shared: Shared) -> None:
    async with shared.clients("trusted", "revoked") as (trusted, revoked):
        session = await revoked.open()
        assert (await revoked.legacy(session, "ping")).status_code == 200
        assert (await revoked.post("tools/list")).status_code == 200
        await asyncio.to_thread(subprocess.run, shared.house.command("token", "revoke", "revoked"), check=True)
        assert (await revoked.post("tools/list")).status_code == 401
        assert (await revoked.legacy(session, "ping")).status_code == 401
        assert (await trusted.post("tools/list")).status_code == 200


async def test_ending_a_session_over_http_washes_nothing(shared: Shared) -> None:
    async with shared.clients("leaving", "innocent") as (leaving, innocent):
        session = await leaving.open()
        for tool in ("read_untrusted", "read_private"):
            assert await _call(leaving, session, tool) == ("allow", None)
        assert await leaving.delete(session) in {200, 202, 204}
        assert (await leaving.legacy(session, "ping")).status_code == 404
        assert await _call(leaving, await leaving.open(), "send") == ("ask", "approval_required")
        assert outcome((await leaving.call("p__send"))["result"]) == ("ask", "approval_required")  # in either era
        assert await _call(innocent, await innocent.open(), "send") == ("allow", None)  # who has seen nothing of it
    sent = [one["name"] for one in calls(shared.house)]
    assert [name for name in sent if name != "ask"] == ["read_untrusted", "read_private", "send"]


def _answers(house: House) -> int:
    """How many answers to its questions the upstream was sent."""
    return len([one for one in house.messages("p") if "method" not in one])


async def _call(client: HttpClient, session: str, tool: str) -> tuple[str, str | None]:
    response = await client.legacy(session, "tools/call", {"name": f"p__{tool}", "arguments": {}})
    return outcome(message_of(response)["result"])
