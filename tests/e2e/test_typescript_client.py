"""The TypeScript SDK's client lists and calls everything through the gateway, in both eras, over stdio and HTTP."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.conftest import FIXTURE, ROOT
from tests.e2e.through import command, serving, wrapped
from tests.servers import real_server

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]
MANIFEST = "./tests/conformance/fixture.yaml"
STDIO = (*FIXTURE, "--stdio")
SCRIPT = Path(__file__).with_name("typescript_client.mjs")


def _client(*arguments: str) -> dict[str, Any]:
    node, inspector = real_server("inspector")[:2]
    packages = next(parent for parent in Path(inspector).parents if parent.name == "node_modules")
    package = packages / "@modelcontextprotocol" / "client"
    done = subprocess.run(
        [node, str(SCRIPT), str(package), *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=dict(os.environ),
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def _check(seen: dict[str, Any], version: str) -> None:
    assert seen["version"] == version
    assert {"test_simple_text", "test_sampling"} <= set(seen["tools"])
    assert "test_prompt_with_arguments" in seen["prompts"]
    assert "test://static-text" in seen["resources"]
    assert seen["templates"]
    assert seen["simple"] == "This is a simple text response for testing."
    assert "image" in seen["mixed"]
    assert seen["steps"] == [0, 50, 100]
    assert "action=accept" in seen["elicited"]
    assert "Paris" in seen["sampled"]
    assert seen["prompt"] == 1
    assert seen["text"]
    assert seen["messages"] == ["The server 'fixture' asks: Who?"]


@pytest.mark.parametrize(("era", "version"), [("legacy", "2025-11-25"), ("modern", "2026-07-28")])
def test_over_stdio(tmp_path: Path, era: str, version: str) -> None:
    arguments = ["wrap", "--manifest", MANIFEST, "--policies", "default", "--policies", "sampling", "--", *STDIO]
    _check(_client(era, "stdio", *command(tmp_path, *arguments)), version)


@pytest.mark.parametrize(("era", "version"), [("legacy", "2025-11-25"), ("modern", "2026-07-28")])
def test_over_http(tmp_path: Path, era: str, version: str) -> None:
    with serving(tmp_path, *wrapped(STDIO, MANIFEST, "default", "sampling"), cwd=ROOT) as gateway:
        _check(_client(era, "http", gateway.url, gateway.token), version)
