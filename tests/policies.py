"""Policies of an operator's own under a running gateway, for tests that change them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.harness import SECONDS, House

BLOCK_READS = """
@id("own.no-private")
@message("Nothing private is read.")
forbid (principal, action in Gateway::Action::"use", resource == Gateway::Tool::"rec__read_private");
"""
BLOCK_NOTHING = """
@id("own.nothing")
@message("Blocks a tool that nobody has.")
forbid (principal, action in Gateway::Action::"use", resource == Gateway::Tool::"rec__no_such_tool");
"""


def own(house: House, text: str = BLOCK_NOTHING) -> Path:
    """A folder of the operator's own beside the default set; its file."""
    folder = house.folder / "own"
    folder.mkdir(exist_ok=True)
    file = folder / "own.cedar"
    file.write_text(text)
    house.settings["policies"] = ["default", "./own"]
    return file


def events(house: House, event: str, kind: str = "policies") -> list[dict[str, Any]]:
    """What the journal says of the policies in force."""
    return [one for one in house.journal(kind) if one["event"] == event]


async def until(house: House, event: str, count: int = 1, kind: str = "policies") -> dict[str, Any]:
    """The newest event of a kind, once there are ``count``."""
    async with asyncio.timeout(SECONDS):
        while len(found := events(house, event, kind)) < count:  # noqa: ASYNC110  # another process writes it
            await asyncio.sleep(0.02)
    return found[-1]


ACME = """
import json, os, pathlib, signal, subprocess, sys, threading, time

def _file(settings):
    return json.loads(pathlib.Path(settings["file"]).read_text())

def hang(settings):
    time.sleep(3600)

def hang_in_threads(settings):
    threading.Thread(target=time.sleep, args=(3600,)).start()
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(3600)

def crash(settings):
    os.kill(os.getpid(), signal.SIGKILL)

def leave(settings):
    sys.exit(0)

def fail(settings):
    raise ValueError("the inventory says no")

def flood(settings):
    while True:
        os.write(1, b"x" * 65536)

def long(settings):
    return {"id": "x" * (20 << 20), "managed": True}

def loud(settings):
    print('{"answer": {"id": "evil", "managed": true}}', flush=True)
    return {"id": "laptop-7", "managed": False}

def no_json(settings):
    return {"id": object()}

def by_file(settings):
    return _file(settings)
"""


def installed(folder: Path) -> Path:
    """A folder for ``PYTHONPATH`` in which a package stands whose every function is a context provider."""
    names = [line.split("def ")[1].split("(")[0] for line in ACME.splitlines() if line.startswith("def ")]
    points = "".join(f"acme-{name.replace('_', '-')} = acme_providers:{name}\n" for name in names)
    info = folder / "acme_providers-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "acme_providers.py").write_text(ACME)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-providers\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[rule_of_two.context_providers]\n{points}")
    return folder
