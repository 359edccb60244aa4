"""``scripts/servers.py``: what it installs and what it says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import servers
from scripts.servers import (
    CONFORMANCE,
    INSPECTOR,
    SERVERS,
    InstallError,
    Server,
    install_all,
    install_node,
    installed,
    main,
)
from tests.servers import real_server

NEXT_STEP = "check the network or proxy and try again"
SCRIPT = Path(servers.__file__)


def test_a_server_that_is_not_there_fails_a_test_with_the_way_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.servers.installed", lambda _name: None)
    with pytest.raises(AssertionError, match=r"run `python scripts/servers\.py fetch`"):
        real_server("fetch")


def test_a_stamp_of_another_version_or_without_its_program_is_none(tmp_path: Path) -> None:
    home = tmp_path / "fetch"
    home.mkdir()
    assert installed("fetch", tmp_path) is None
    for text in ("", "[]", "{}", json.dumps({"pin": "older", "command": [sys.executable]})):
        (home / "installed.json").write_text(text)
        assert installed("fetch", tmp_path) is None
    for command, found in (([sys.executable], [sys.executable]), ([str(home / "gone")], None)):
        (home / "installed.json").write_text(json.dumps({"pin": SERVERS["fetch"].pin, "command": command}))
        assert installed("fetch", tmp_path) == found


def test_what_is_installed_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "time"
    home.mkdir()
    (home / "installed.json").write_text(json.dumps({"pin": SERVERS["time"].pin, "command": [sys.executable]}))
    monkeypatch.setattr(servers, "CACHE", tmp_path)
    assert main(["time", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"time": [sys.executable]}
    assert printed.err == f"servers: time {SERVERS['time'].version} is there\n"


def test_what_is_no_server_is_installed_only_where_it_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = {"time": SERVERS["time"]} | INSPECTOR | CONFORMANCE
    for name, server in everything.items():
        (tmp_path / name).mkdir()
        stamp = {"pin": server.pin, "command": [sys.executable, name]}
        (tmp_path / name / "installed.json").write_text(json.dumps(stamp))
    monkeypatch.setattr(servers, "CACHE", tmp_path)
    for options, names in (([], set()), (["--inspector"], {"inspector"}), (["--conformance"], {"conformance"})):
        assert main(["time", "--json", *options]) == 0
        assert set(json.loads(capsys.readouterr().out)) == {"time"} | names
    assert installed("conformance", tmp_path) == [sys.executable, "conformance"]


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    result = subprocess.run([sys.executable, SCRIPT, "nothing"], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "no server is named nothing; known are everything" in result.stderr


def test_every_version_is_pinned() -> None:
    for server in (SERVERS | INSPECTOR | CONFORMANCE).values():
        assert re.fullmatch(r"\d+(\.\d+)+(-alpha\.\d+)?", server.version)
        assert server.version in server.pin


@pytest.mark.real
def test_a_registry_that_cannot_be_reached_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_server("time")
    nowhere = "http://127.0.0.1:9/"
    (tmp_path / "node").symlink_to(servers.CACHE / "node")
    monkeypatch.setenv("npm_config_registry", nowhere)
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm-cache"))
    monkeypatch.setenv("PIP_INDEX_URL", nowhere)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_RETRIES", "1")
    wanted = {name: SERVERS[name] for name in ("time", "memory")}
    commands, errors = install_all(wanted, tmp_path)
    assert commands == {}
    assert sorted(errors) == [
        f"memory: the npm registry cannot be reached to install @modelcontextprotocol/server-memory; {NEXT_STEP}",
        f"time: PyPI cannot be reached to install mcp-server-time; {NEXT_STEP}",
    ]


@pytest.mark.real
def test_a_package_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    real_server("time")
    (tmp_path / "node").symlink_to(servers.CACHE / "node")
    commands, (error,) = install_all({"time": Server("pypi", "mcp-server-time", "0.0.0")}, tmp_path)
    assert commands == {}
    assert error.startswith("time: mcp-server-time could not be installed from PyPI: ERROR: No matching distribution")


def test_a_broken_environment_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(InstallError, match="the environment node could not be installed from Python's venv"):
        install_node(tmp_path)
