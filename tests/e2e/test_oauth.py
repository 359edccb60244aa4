"""An upstream that wants OAuth, through a whole gateway: a human authorizes once, and tokens outlive the process."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import House, outcome
from tests.wire.http_endpoints import real_server

pytestmark = pytest.mark.timeout(120)
BROWSER = """
import sys, urllib.request
with open(sys.argv[1], "a") as log:
    log.write("opened\\n")
urllib.request.urlopen(sys.argv[2], timeout=20).read()
"""


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a real server of the SDK's, which is its own authorization server."""
    with real_server("oauth_upstream.py", "json") as url:
        yield url


@pytest.fixture
def house(tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> House:
    """Whose browser says yes to everything, and whose machine has no keyring."""
    script = tmp_path / "browser.py"
    script.write_text(BROWSER)
    monkeypatch.setenv("BROWSER", f"{sys.executable} {script} {tmp_path / 'opened'} %s")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    return House(tmp_path, servers={"crm": {"url": f"{server}/mcp", "auth": "oauth"}}, settings={"mode": "observe"})


def _asked(server: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{server}/counts", timeout=10) as reply:  # noqa: S310  # loopback
        counts: dict[str, Any] = json.load(reply)
    return counts


async def _echo(house: House) -> str:
    async with house.gateway() as gateway:
        while not (await gateway.request("tools/list"))["result"]["tools"]:
            await gateway.request("ping")
        result = await gateway.call("crm__echo", {"text": "hello"})
        assert outcome(result)[0] == "ask"  # no manifest names it: observe mode lets it pass
        text: str = result["content"][0]["text"]
        return text


async def test_a_human_authorizes_once_and_the_next_gateway_asks_nobody(house: House, server: str) -> None:
    assert await _echo(house) == "hello"
    assert _asked(server)["authorize"] == 1
    assert await _echo(house) == "hello"
    assert _asked(server)["authorize"] == 1
    assert (house.folder / "opened").read_text() == "opened\n"


async def test_tokens_are_kept_where_only_this_user_reads_them(house: House) -> None:
    await _echo(house)
    (kept,) = (house.state / "oauth").iterdir()
    assert kept.stat().st_mode & 0o077 == 0
    tokens = json.loads(kept.read_text())["tokens"]
    for secret in (tokens["access_token"], tokens["refresh_token"]):
        assert secret not in json.dumps(house.journal())
