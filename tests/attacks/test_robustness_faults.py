"""Upstreams that never come up: none takes the others down, and all see only what their block names."""

from __future__ import annotations

import json
import os
import sys

import pytest

from tests.attacks.robust import PROC, faulty
from tests.harness import UPSTREAMS, House, outcome


def _starts(house: House) -> int:
    path = house.folder / "faulty.starts"
    return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.mark.parametrize("fault", ["crash", "crash-on-list", "garbage"])
async def test_an_upstream_that_never_comes_up_leaves_the_others_alone(house: House, fault: str) -> None:
    house.servers = {"faulty": faulty(house, fault), "rec": house.recorder("rec")}
    async with house.gateway() as gateway:
        tools = (await gateway.request("tools/list"))["result"]["tools"]
        assert {tool["name"].split("__")[0] for tool in tools} == {"rec"}
        wanted = 1 if fault == "garbage" else 3
        while _starts(house) < wanted:
            assert outcome(await gateway.call("rec__neutral")) == ("allow", None)
        assert outcome(await gateway.call("faulty__steady")) == ("deny", "unknown_tool")
        assert outcome(await gateway.call("rec__neutral")) == ("allow", None)
    assert "Traceback" not in gateway.stderr
    assert gateway.stderr.count("'faulty' is unavailable") <= 1
    assert gateway.process.returncode == 0


async def test_the_operator_hears_that_an_upstream_went_and_that_it_is_back(house: House) -> None:
    house.servers = {"faulty": faulty(house)}
    async with house.gateway() as gateway:
        await gateway.call("faulty__plain")
        assert outcome(await gateway.call("faulty__steady")) == ("allow", None)
        while "available again" not in gateway.stderr:
            await gateway.request("ping")
    said = [entry["message"] for entry in house.journal("upstream")]
    assert said == [
        "the server 'faulty' is unavailable: it exited with status 3",
        "the server 'faulty' is available again",
    ]


async def test_an_upstream_sees_its_block_and_nothing_else_of_our_environment(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUR_SECRET", "not for upstreams")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not for upstreams")
    monkeypatch.setenv("LD_PRELOAD_OF_OURS", "not for upstreams")
    monkeypatch.setenv("FOR_THE_BLOCK", "what the block names")
    monkeypatch.setenv("LANG", "C.UTF-8")
    house.servers = {
        "faulty": {**faulty(house), "env": {"OF_THE_BLOCK": "${env:FOR_THE_BLOCK}", "PYTHONHASHSEED": "1"}}
    }
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("faulty__steady")) == ("allow", None)
    seen = json.loads((house.folder / "faulty.environ").read_text())
    assert seen["OF_THE_BLOCK"] == "what the block names"
    assert seen["PATH"] == os.environ["PATH"]
    assert not [name for name, value in seen.items() if value == "not for upstreams"]
    base = {"HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TEMP", "TMP", "USER"}
    of_the_interpreter = {"LC_CTYPE", "__CF_USER_TEXT_ENCODING"}
    assert set(seen) <= base | of_the_interpreter | {"OF_THE_BLOCK", "PYTHONHASHSEED"}


@PROC
async def test_an_upstream_inherits_no_file_of_ours(house: House) -> None:
    script = house.folder / "files.py"
    listing = house.folder / "files.json"
    script.write_text(
        "import json, os, pathlib, runpy, sys\n"
        "found = {fd: os.readlink(f'/proc/self/fd/{fd}') for fd in os.listdir('/proc/self/fd')"
        " if os.path.exists(f'/proc/self/fd/{fd}')}\n"
        f"pathlib.Path({str(listing)!r}).write_text(json.dumps(found))\n"
        f"sys.argv = {[str(UPSTREAMS / 'faulty.py'), str(house.folder / 'faulty.jsonl')]!r}\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    house.servers = {"faulty": {**faulty(house), "command": sys.executable, "args": [str(script)]}}
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("faulty__steady")) == ("allow", None)
    found = json.loads(listing.read_text())
    assert {name for name in found if int(name) > 2 and "/fd" not in found[name]} == set()
