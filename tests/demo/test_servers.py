"""Finding the real servers: given ones, npx and uvx, or one sentence with the next step."""

from __future__ import annotations

import shlex
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.demo.servers import PACKAGES, find_servers
from rule_of_two.errors import ConfigurationError
from scripts.servers import SERVERS


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def program(folder: Path, name: str) -> str:
    (folder / name).write_text("#!/bin/sh\n")
    (folder / name).chmod(0o755)
    return str(folder / name)


def test_given_commands_are_split_as_a_shell_does(programs: Path) -> None:
    ours = program(programs, "my server")
    servers = find_servers([f"filesystem={shlex.join([ours, '--x', 'a b'])}", f"fetch={sys.executable} -m f"])
    assert servers.filesystem == (ours, "--x", "a b")
    assert servers.fetch == (sys.executable, "-m", "f")


def test_what_is_not_given_comes_from_npx_and_uvx_in_the_versions_of_the_manifests(programs: Path) -> None:
    npx, uvx = program(programs, "npx"), program(programs, "uvx")
    servers = find_servers([])
    assert servers.filesystem == (npx, "-y", PACKAGES["filesystem"])
    assert servers.fetch[0] == uvx
    assert PACKAGES["fetch"] in servers.fetch


def test_the_versions_are_those_that_the_scripts_install() -> None:
    npm, pypi = SERVERS["filesystem"], SERVERS["fetch"]
    assert {"filesystem": f"{npm.package}@{npm.version}", "fetch": f"{pypi.package}=={pypi.version}"} == PACKAGES


def test_without_a_runner_one_sentence_names_the_next_step(programs: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"npx is not installed: run scripts/demo .* or give --server filesystem="
    ):
        find_servers([])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fech=x", "write NAME=COMMAND, where NAME is filesystem or fetch"),
        ("fetch", "there is no program ''"),
        ("fetch=", "there is no program ''"),
        ("fetch=/nowhere/fetch --x", "there is no program '/nowhere/fetch'"),
        ("fetch='x", "cannot be read"),
    ],
)
def test_a_server_that_cannot_be_understood_is_one_sentence(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        find_servers([text])


@given(st.text().map("fetch={}".format) | st.text())
def test_any_text_is_a_server_or_is_refused(text: str) -> None:
    servers = None
    with suppress(ConfigurationError):
        servers = find_servers([f"filesystem={shlex.quote(sys.executable)}", text])
    assert servers is None or servers.fetch
