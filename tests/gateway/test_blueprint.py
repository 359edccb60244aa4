"""A configuration becomes something that can be started, or one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rule_of_two.errors import ConfigurationError, PolicyError
from rule_of_two.gateway.blueprint import Blueprint, draw
from rule_of_two.gateway.config import Config
from rule_of_two.gateway.mount import identity_of
from rule_of_two.model import ALL, Action, label_text


def _draw(folder: Path, servers: dict[str, Any], **more: Any) -> Blueprint:
    config = Config.model_validate({"version": 1, "mcpServers": servers, **more})
    return draw(config, file=folder / "rule-of-two.yaml", state=folder / "state")


def test_a_server_is_recognised_by_its_command_or_counts_as_everything(tmp_path: Path) -> None:
    known = {"command": "uvx", "args": ["mcp-server-time"]}
    blueprint = _draw(
        tmp_path, {"clock": known, "other": {"command": "/opt/thing"}, "off": {**known, "disabled": True}}
    )
    clock, other = blueprint.upstreams
    assert (clock.recognised, other.recognised) == (True, False)
    assert clock.manifest.tool("get_current_time", {"timezone": "Etc/UTC"}).labels == frozenset()
    assert sorted(other.manifest.tool("anything", {}).labels) == ["A", "B", "C"]


def test_references_work_in_everything_that_a_server_is_started_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"KEY": "s3cret-value", "HERE": str(tmp_path), "RUN": "uvx", "HOST": "mcp.example"}.items():
        monkeypatch.setenv(name, value)
    blueprint = _draw(
        tmp_path,
        {
            "a": {"command": "${env:RUN}", "args": ["mcp-server-time", "--k=${env:KEY}"], "cwd": "${env:HERE}"},
            "b": {"url": "https://${env:HOST}/mcp?k=${env:KEY}"},
        },
    )
    started, reached = (one.launch for one in blueprint.upstreams)
    assert (started.command, started.args, started.cwd) == ("uvx", ("mcp-server-time", "--k=s3cret-value"), tmp_path)
    assert reached.url == "https://mcp.example/mcp?k=s3cret-value"
    # A folder that is there is no secret: its name is shown to who is asked.
    assert set(blueprint.secrets) == {"s3cret-value", "mcp.example"}


def test_what_was_accepted_of_a_server_stays_so_when_its_secret_is_renewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = {"a": {"command": "x", "args": ["--key", "${env:KEY}"]}, "b": {"url": "https://x.example/?k=${env:KEY}"}}
    found = []
    for key in ("s3cret-value", "another-value"):
        monkeypatch.setenv("KEY", key)
        found.append([identity_of(one.name, *one.launch.as_written) for one in _draw(tmp_path, servers).upstreams])
    config = Config.model_validate({"version": 1, "mcpServers": servers})
    by_block = [identity_of(name, one.command, one.args, one.url) for name, one in config.servers.items()]
    assert found == [by_block, by_block]


def test_what_is_recognised_is_what_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value from outside cannot make another program pass for one that is known."""
    monkeypatch.setenv("TAIL", "../../../evil.js")
    monkeypatch.setenv("PACKAGE", "mcp-server-time")
    evil = "/x/node_modules/@modelcontextprotocol/server-memory/${env:TAIL}"
    blueprint = _draw(
        tmp_path,
        {"evil": {"command": "node", "args": [evil]}, "clock": {"command": "uvx", "args": ["${env:PACKAGE}"]}},
    )
    assert [one.recognised for one in blueprint.upstreams] == [False, True]


def test_names_in_the_file_are_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thing.yaml").write_text(
        "version: 1\nserver: thing\nsource: its documentation\nmatch: {command: thing}\ntools: {go: {labels: [C]}}\n"
    )
    by_path = _draw(tmp_path, {"a": {"command": "x", "manifest": "./mine/thing.yaml"}})
    by_folder = _draw(tmp_path, {"a": {"command": "/opt/thing"}}, manifests=["mine"])
    for blueprint in (by_path, by_folder):
        assert blueprint.upstreams[0].manifest.tool("go", {}).labels == {"C"}
        assert blueprint.upstreams[0].recognised


def test_what_comes_from_outside_the_file_is_known_as_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "s3cret-value")
    blueprint = _draw(tmp_path, {"a": {"command": "x", "env": {"T": "${env:TOKEN}", "PLAIN": "visible"}}})
    assert blueprint.secrets == ("s3cret-value",)
    assert blueprint.upstreams[0].launch.env["T"] == "s3cret-value"


def test_where_nobody_ever_answers_the_principal_is_not_interactive(tmp_path: Path) -> None:
    assert _draw(tmp_path, {}).principal.interactive
    assert not _draw(tmp_path, {}, approvals={"unattended": "deny"}).principal.interactive


def test_only_an_upstream_that_the_operator_names_is_a_label_authority(tmp_path: Path) -> None:
    (tmp_path / "forge.yaml").write_text(
        "version: 1\nserver: forge\ntools: {read: {labels: [A, B], result: {from: meta, labels: /ifc, author: /by}}}\n"
    )
    server = {"command": "x", "manifest": "./forge.yaml"}
    drawn = _draw(
        tmp_path,
        {
            "a": server,
            "b": {**server, "label_authority": True},
            "c": {**server, "parameters": {"trusted_authors": ["ann"]}},
        },
    )
    result = {"content": [], "_meta": {"ifc": {"integrity": "trusted", "confidentiality": "public"}, "by": "ann"}}
    labels = []
    for upstream in drawn.upstreams:
        reader = upstream.manifest.result_of(Action.CALL_TOOL, "read")
        assert reader is not None
        labels.append(label_text(reader.read(result, ALL).labels))
    assert labels == ["[A][B]", "none", "[B]"]
    assert len({upstream.manifest.digest for upstream in drawn.upstreams}) == 3


def test_our_own_files_are_protected(tmp_path: Path) -> None:
    (tmp_path / "rule-of-two.yaml").write_text("")
    assert {tmp_path / "state", tmp_path / "rule-of-two.yaml"} <= set(_draw(tmp_path, {}).protected)


@pytest.mark.parametrize(
    ("server", "says"),
    [
        ({"command": "x", "parameters": {"trusted_folders": []}}, "no manifest is: name one"),
        ({"command": "x", "label_authority": True}, "label_authority' is given, but no manifest is: name one"),
        ({"command": "x", "manifest": "time", "parameters": {"odd": 1}}, "mcpServers.a"),
        ({"command": "x", "manifest": "nonsense"}, "nonsense"),
        ({"command": "x", "env": {"T": "${env:NOT_SET_ANYWHERE}"}}, "mcpServers.a.env.T"),
    ],
)
def test_a_mistake_names_the_server_and_the_next_step(tmp_path: Path, server: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        _draw(tmp_path, {"a": server})


def test_policies_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="default"):
        _draw(tmp_path, {}, policies=["defualt"])
