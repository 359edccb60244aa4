"""`rule-of-two manifest lint` and `diff`: files, folders, servers; lists from files, pins and running servers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rule_of_two.cli.main import main
from tests.harness import UPSTREAMS, House

BAD = """version: 1
server: crm
source: "by hand"
tools:
  send_mail:
    labels: [A, B] # wrong
    targets: {recipient: /too}
"""


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def run(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> str:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    assert ended.value.code == code, said.err
    return said.out + said.err


def test_findings_have_file_and_line_and_exit_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "crm.yaml"
    file.write_text(BAD)
    said = run(capsys, "manifest", "lint", file, code=1)
    assert f"{file}:6: act-without-c: send_mail is no C, and 'send' changes or sends something; add C" in said
    assert "1 manifest, 0 against a list: 2 findings" in said
    facts: dict[str, Any] = json.loads(run(capsys, "--json", "manifest", "lint", tmp_path, code=1))
    assert [one["rule"] for one in facts["findings"]] == ["act-without-c", "target-without-c"]
    assert facts["findings"][0]["line"] == 6


def test_against_a_saved_list_and_a_folder_of_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "crm.yaml").write_text(BAD.replace("[A, B]", "[A, B, C]"))
    tools = {"tools": [{"name": "send_mail", "inputSchema": {"properties": {"to": {"type": "string"}}}}]}
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "crm.json").write_text(json.dumps(tools))
    for against in (tmp_path / "lists", tmp_path / "lists" / "crm.json"):
        said = run(capsys, "manifest", "lint", tmp_path / "crm.yaml", "--against", against, code=1)
        assert "crm.yaml:7: dead-pointer: send_mail has no argument /too" in said
        assert "missing-target" in said
        assert "1 against a list: 2 findings" in said


def test_a_shipped_manifest_that_matches_the_same_server_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text('version: 1\nserver: mine\nsource: "by hand"\nmatch: {pypi: Mcp_Server.Fetch}\n')
    said = run(capsys, "manifest", "lint", file, code=1)
    assert f"{file}:4: shared-match: pypi 'mcp-server-fetch' is matched by the manifest 'fetch' too" in said


def test_all_shipped_manifests_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert ": 0 findings" in run(capsys, "manifest", "lint")
    assert "redirected-trust" in run(capsys, "manifest", "lint", "--rules")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["nowhere"], "no manifest is named 'nowhere'"), (["./x.yaml"], "no such manifest file")],
)
def test_a_name_that_leads_nowhere(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert says in run(capsys, "manifest", "lint", *arguments, code=2)


def test_a_running_server_against_its_manifest_and_then_by_what_was_accepted(house: House) -> None:
    manifest = house.folder / "recorder.yaml"
    text = (UPSTREAMS / "recorder.yaml").read_text()
    manifest.write_text(
        text.replace("  slow_untrusted", "  slower_untrusted").replace("{recipient: /to}", "{url: /ot}")
    )
    house.servers = {"rec": {**house.recorder("sent"), "manifest": str(manifest)}}
    said = house.run("manifest", "diff", "rec", code=1)
    assert "missing-tool: the server has a tool 'slow_untrusted'" in said
    assert "invented-tool: the server lists no tool 'slower_untrusted'; take it out; did you mean" in said
    assert "dead-pointer: send has no argument /ot" in said
    assert "unargued" not in said
    assert "note: a draft would add [A][B] to send" in said
    facts = json.loads(house.run("--json", "manifest", "lint", "rec", code=1))
    assert facts["held_against_a_list"] == 0
    house.run("manifest", "pin", "rec", "--accept")
    facts = json.loads(house.run("--json", "manifest", "lint", "rec", code=1))
    assert facts["held_against_a_list"] == 1
    assert "dead-pointer" in {one["rule"] for one in facts["findings"]}
    manifest.write_text(text.replace("tools:", "tools:\n  mystery: {labels: [A, B, C]}") + "# end\n")
    said = house.run("manifest", "diff", "rec", code=1)
    assert {line.split(": ")[1] for line in said.splitlines()[:-1] if line.startswith("/")} == {"missing-target"}
