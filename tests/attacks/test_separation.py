"""Whose session it is: each person, tenant, client and workspace has its own, whatever a client says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.http_clients import HttpClient, behind_http, clients
from tests.harness import DECISION, INITIALIZE, Gateway, House, outcome
from tests.wire.httpserver_host import message_of

ASK = ("ask", "approval_required")
ALLOW = ("allow", None)


async def _both(gateway: Gateway) -> str:
    """Have it see A and B. Returns its session."""
    await gateway.call("rec__read_untrusted")
    session: str = (await gateway.call("rec__read_private"))["_meta"][DECISION]["session"]
    return session


@pytest.mark.parametrize("boundary", ["connection", "human"])
@pytest.mark.parametrize("principal", [{"user": "bob"}, {"tenant": "other"}, {"user": "", "tenant": "locallocal"}])
async def test_on_stdio_each_person_and_tenant_has_a_session_of_their_own(
    house: House, boundary: str, principal: dict[str, str]
) -> None:
    house.settings["sessions"] = {"boundary": boundary}
    async with house.gateway() as ours:
        session = await _both(ours)
        house.settings["principal"] = principal
        async with house.gateway() as theirs:
            result = await theirs.call("rec__send")
            assert outcome(result) == ALLOW
            assert result["_meta"][DECISION]["session"] != session
        assert outcome(await ours.call("rec__send")) == ASK


@pytest.mark.parametrize("principal", [{"user": "bob"}, {"tenant": "other"}])
async def test_over_http_each_person_tenant_and_token_has_a_session_of_its_own(
    house: House, principal: dict[str, str]
) -> None:
    with behind_http(house) as url:
        async with clients(house, url, "one", "two") as (one, two):
            for tool in ("read_untrusted", "read_private"):
                assert outcome((await one.call(f"rec__{tool}"))["result"]) == ALLOW
            assert outcome((await one.call("rec__send"))["result"]) == ASK
            assert outcome((await two.call("rec__send"))["result"]) == ALLOW
        house.settings["principal"] = principal
        with behind_http(house) as other:
            async with clients(house, other, "one") as (stranger,):
                assert outcome((await stranger.call("rec__send"))["result"]) == ALLOW


async def test_a_person_who_comes_back_over_http_finds_what_the_client_held(house: House) -> None:
    for first in (True, False):
        with behind_http(house) as url:
            async with clients(house, url, "one") as (client,):  # with another token, of the same name
                if first:
                    for tool in ("read_untrusted", "read_private"):
                        assert outcome((await client.call(f"rec__{tool}"))["result"]) == ALLOW
                assert outcome((await client.call("rec__send"))["result"]) == ASK


async def test_another_workspace_is_another_session_and_roots_are_none(house: House, tmp_path: Path) -> None:
    async with house.gateway() as here:
        await _both(here)
        elsewhere = House(tmp_path / "elsewhere")
        elsewhere.folder.mkdir()
        command = [*house.command("serve")]
        async with elsewhere.gateway(command=command) as there:
            assert outcome(await there.call("rec__send")) == ALLOW
        async with house.gateway(initialize=False) as again:
            await again.initialize(roots={})
            again.answers["roots/list"] = {"result": {"roots": [{"uri": "file:///elsewhere"}]}}
            assert outcome(await again.call("rec__send")) == ASK


async def test_a_second_initialize_starts_nothing_clean(house: House) -> None:
    async with house.gateway() as gateway:
        session = await _both(gateway)
        renamed = {**INITIALIZE, "clientInfo": {"name": "another client", "version": "2"}}
        await gateway.request("initialize", renamed)
        await gateway.notify("notifications/initialized")
        result = await gateway.call("rec__send")
        assert (outcome(result), result["_meta"][DECISION]["session"]) == (ASK, session)


@pytest.mark.parametrize("name", ["cursor", "claude-desktop", "rule-of-two"])
async def test_what_a_client_calls_itself_changes_nothing(house: House, name: str) -> None:
    async with house.gateway() as one, house.gateway(initialize=False) as other:
        await _both(one)
        await other.request("initialize", {**INITIALIZE, "clientInfo": {"name": name, "version": "1"}})
        await other.notify("notifications/initialized")
        assert outcome(await other.call("rec__send")) == ASK


async def test_another_session_id_over_http_starts_nothing_clean(house: House) -> None:
    with behind_http(house) as url:
        async with clients(house, url, "one") as (client,):
            first = await client.open()
            for tool in ("read_untrusted", "read_private"):
                assert await _legacy(client, first, tool) == ALLOW
            second = await client.open()
            assert second != first
            assert await _legacy(client, second, "send") == ASK
            made_up = await client.legacy("made-up", "tools/call", {"name": "rec__send", "arguments": {}})
            assert made_up.status_code == 404
            twice = await client.legacy(second, "initialize", INITIALIZE)
            assert "send" not in json.dumps(house.sent())
            assert twice.status_code == 200
            assert await _legacy(client, second, "send") == ASK


async def _legacy(client: HttpClient, session: str, tool: str) -> tuple[str, str | None]:
    params: dict[str, Any] = {"name": f"rec__{tool}", "arguments": {}}
    return outcome(message_of(await client.legacy(session, "tools/call", params))["result"])
