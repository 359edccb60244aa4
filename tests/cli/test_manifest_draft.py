"""`rule-of-two manifest draft`: from a running server, a command and a saved list; and judged in a real terminal."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from rule_of_two.cli.main import main
from rule_of_two.manifests.load import load_manifest
from rule_of_two.model import ALL, labels_in
from tests.harness import UPSTREAMS, House
from tests.terminal import terminal

LISTED = {
    "tools": [
        {"name": "list_issues", "inputSchema": {"type": "object", "properties": {}}},
        {"name": "send_mail", "inputSchema": {"type": "object", "properties": {"to": {"type": "string"}}}},
        {"name": "get_user", "inputSchema": {"type": "object", "properties": {}}},
        {"name": "get_team", "inputSchema": {"type": "object", "properties": {}}},
    ]
}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    file = tmp_path / "crm.json"
    file.write_text(json.dumps(LISTED))
    return file


def run(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> tuple[str, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    assert ended.value.code == code, said.err
    return said.out, said.err


def test_from_a_saved_list_to_a_new_file_and_never_over_one(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "crm.yaml"
    _, told = run(capsys, "manifest", "draft", "--from", saved, "--to", tmp_path)
    assert f"4 tools drafted in {file}; all are [A][B][C]. 3 suggestions to look at." in told
    drafted = file.read_text()
    assert {spec.labels for spec in load_manifest(file).tools.values()} == {ALL}
    _, told = run(capsys, "manifest", "draft", "--from", saved, "--to", file, code=2)
    assert "is there already, and is not overwritten" in told
    (tmp_path / "link.yaml").symlink_to(tmp_path / "nowhere")
    run(capsys, "manifest", "draft", "--from", saved, "--to", tmp_path / "link.yaml", code=2)
    assert file.read_text() == drafted
    assert not (tmp_path / "nowhere").exists()
    run(capsys, "manifest", "lint", file)


def test_as_text_and_as_json(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, _ = run(capsys, "manifest", "draft", "--from", saved, "--name", "other")
    assert "server: other\n" in text
    facts: dict[str, Any] = json.loads(run(capsys, "--json", "manifest", "draft", "--from", saved)[0])
    assert facts["suggestions"]["list_issues"]["labels"] == ["A", "B"]
    assert facts["suggestions"]["send_mail"]["targets"] == {"recipient": ["/to"]}
    assert "server: crm\n" in facts["manifest"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "name a server, or give one of"),
        (["--from", "x.json", "--url", "https://a.example"], "name a server, or give one of"),
        (["--from", "nowhere.json"], "cannot be read"),
        (["npx", "x"], "write -- before a command"),
        (["--env", "A=b", "files"], "--env is for -- COMMAND"),
        (["--env", "NOT_SET_ANYWHERE", "--", "npx"], "the variable is not set"),
    ],
)
def test_what_is_not_understood(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert says in run(capsys, "manifest", "draft", *arguments, code=2)[1]


@pytest.mark.parametrize("content", ["", "{", "[1", '{"tools": 1}', "null", '"x"'])
def test_a_file_that_is_no_list_is_one_sentence(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.json").write_text(content)
    _, told = run(capsys, "manifest", "draft", "--from", tmp_path / "x.json", code=2)
    assert len(told.strip().splitlines()) == 1


def test_of_a_server_of_the_configuration_and_of_a_command(house: House) -> None:
    facts = json.loads(house.run("--json", "manifest", "draft", "rec"))
    assert facts["suggestions"]["send"]["labels"] == ["A", "B", "C"]
    assert "note://a" in facts["manifest"]
    assert "prompts:\n  advise:" in facts["manifest"]
    assert "MCP 20" in facts["manifest"]
    command = ("--", sys.executable, str(UPSTREAMS / "recorder.py"), str(house.folder / "other.jsonl"))
    assert "  read_private:" in house.run("manifest", "draft", "--name", "mine", *command)
    assert "has no server 'nobody'" in house.run("manifest", "draft", "nobody", code=2)


SHOUTING = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    sizes = {"big": 10**6, "get_x": 9}
    tools = [{"name": name, "description": "x" * size, "inputSchema": {}} for name, size in sizes.items()]
    result = {"tools": tools}
    if asked["method"] == "initialize":
        info = {"name": "evil\\x1b[2J\\nlabels: []", "version": "1"}
        result = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": info}
    if "id" in asked:
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
"""


def test_what_is_too_large_to_be_taken_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server = tmp_path / "shouting.py"
    server.write_text(SHOUTING)
    text, _ = run(capsys, "--state", tmp_path / "state", "manifest", "draft", "--", sys.executable, server)
    assert "offers more than is taken of one server; 1 is left out" in text
    assert "  get_x:" in text
    assert 'source: "evil\\\\u{1b}[2J' in text


def test_review_needs_a_terminal(saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, told = run(capsys, "manifest", "draft", "--review", "--from", saved, "--to", tmp_path / "x.yaml", code=2)
    assert "--review asks in a terminal" in told
    assert not (tmp_path / "x.yaml").exists()


@pytest.mark.terminal
@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
def test_a_person_judges_tool_by_tool(saved: Path, tmp_path: Path) -> None:
    file = tmp_path / "crm.yaml"
    with terminal(["manifest", "draft", "--review", "--from", str(saved), "--to", str(file)]) as person:
        person.until("1/4  list_issues")
        person.until("your answer [n]:")
        person.press(b"x\r")
        person.until("'x' is not one of")
        person.press(b"y\r")
        shown = person.when(lambda text: "2/4" in text and "your answer" in text[text.index("2/4") :], "the second")
        assert "y take it" not in shown[shown.index("2/4") :]
        person.press(b"e\r")
        person.until("labels (such as AB")
        person.press(b"D\r")
        person.until("write A, B and C")
        person.press(b"ac\r")
        person.until("why:")
        person.press(b"only to me\r")
        person.when(lambda text: "3/4" in text and "your answer" in text[text.index("3/4") :], "the third")
        person.press(b"\r")
        person.when(lambda text: "4/4" in text and "your answer" in text[text.index("4/4") :], "the fourth")
        person.press(b"r\r")
        person.until("drafted in")
        assert person.end() == 0
    labels = {name: spec.labels for name, spec in load_manifest(file).tools.items()}
    assert labels == {"list_issues": labels_in("AB"), "send_mail": labels_in("AC"), "get_user": ALL, "get_team": ALL}
    text = file.read_text()
    assert "labels: [A, C] # only to me" in text
    assert "; taken on 20" in text


@pytest.mark.terminal
@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
def test_who_breaks_off_writes_nothing(saved: Path, tmp_path: Path) -> None:
    file = tmp_path / "crm.yaml"
    with terminal(["manifest", "draft", "--review", "--from", str(saved), "--to", str(file)]) as person:
        person.until("your answer [n]:")
        person.press(b"y\r")
        person.when(lambda text: "2/4" in text and "your answer" in text[text.index("2/4") :], "the second")
        person.press(b"q\r")
        assert person.end() == 130
    assert not file.exists()
