"""`rule-of-two manifest show`: labels and why, in words; as it is mounted; on a terminal of 80 columns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rule_of_two.cli.main import main
from tests.terminal import flat, terminal


def run(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> str:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    assert ended.value.code == code, said.err
    return said.out + said.err


def test_one_tool_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    shown = flat(run(capsys, "manifest", "show", "filesystem", "edit_file"))
    assert "[A][B][C]: it brings what others may have written, and it brings or reaches what is private" in shown
    assert "why A and B: the answer is a diff with the lines around; C: it writes" in shown
    assert "when dryRun is true: [A][B], shows the diff and writes nothing" in shown
    assert "path is outside of private_folders and of trusted_folders and of scratch_folders: [A][C]" in shown
    assert "reads path at /path" in shown


def test_a_known_hint_is_said_of_each_tool(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "x.yaml"
    tools = "{a: {labels: [C], known_hints: [destructiveHint]}, b: {labels: []}}"
    file.write_text(f"version: 1\nserver: x\nknown_hints: [openWorldHint]\ntools: {tools}\n")
    known = "known openWorldHint: it adds no [A] to these labels, which were chosen knowing it"
    assert known in flat(run(capsys, "manifest", "show", file, "b"))
    shown = flat(run(capsys, "manifest", "show", file, "a"))
    assert known in shown
    assert "known destructiveHint: it adds no [C]" in shown
    facts = json.loads(run(capsys, "--json", "manifest", "show", file, "b"))
    assert facts["known_hints"] == ["openWorldHint"]


def test_the_whole_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    shown = flat(run(capsys, "manifest", "show", "filesystem"))
    assert "npm @modelcontextprotocol/server-filesystem" in shown
    assert "trusted_folders: a list of absolute folders, such as [/home/me/notes]; by default none" in shown
    assert "list_allowed_directories none" in shown
    facts = json.loads(run(capsys, "--json", "manifest", "show", "fetch"))
    assert facts["server"] == "fetch"
    assert facts["explained"][0]["why"].startswith("A: a page is written by strangers")


def test_as_it_is_mounted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "rule-of-two.yaml"
    servers = {
        "docs": {"command": "mcp-server-filesystem", "parameters": {"trusted_folders": ["/srv/mine"]}},
        "bare": {"command": "something-else"},
    }
    config.write_text(json.dumps({"version": 1, "mcpServers": servers}))
    shown = flat(run(capsys, "--config", config, "manifest", "show", "docs", "read_file"))
    assert "path is inside trusted_folders (/srv/mine)" in shown
    shown = flat(run(capsys, "--config", config, "manifest", "show", "docs"))
    assert "mounted as docs" in shown
    assert "such as [/home/me/notes]; now /srv/mine; whose files" in shown
    told = run(capsys, "--config", config, "manifest", "show", "bare", code=2)
    assert "has no manifest, so everything it does is [A][B][C]; `rule-of-two manifest draft bare` writes one" in told


def test_what_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no manifest is named 'ftch'" in run(capsys, "manifest", "show", "ftch", code=2)
    assert "has no 'ftch'; did you mean 'fetch'?" in run(capsys, "manifest", "show", "fetch", "ftch", code=2)


@pytest.mark.terminal
def test_on_a_terminal_of_80_columns() -> None:
    with terminal(["manifest", "show", "sqlite"], size=(80, 60)) as person:
        assert person.end() == 0
    lines = person.text().splitlines()
    (row,) = [line for line in lines if line.startswith("write_query")]
    assert "[A][B][C]" in row
    assert "reaches query at /query" in flat(person.text())
