"""`rule-of-two init`: a key under a passphrase, and a configuration that names who may approve."""

from __future__ import annotations

import io
import json
import os
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rule_of_two.approvals.keys import ApproverKey, PublicKey, approver_of, unlock
from rule_of_two.cli.main import main
from rule_of_two.gateway.config import load_config

pytestmark = pytest.mark.usefixtures("quick_keys")

PASSPHRASE = "correct horse"  # noqa: S105  # of keys that a test makes

Init = Callable[..., tuple[int, str, str]]


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "own" / "approver.key"
    monkeypatch.setenv("RULE_OF_TWO_KEY", str(path))
    return path


@pytest.fixture
def file(tmp_path: Path, key: Path) -> Path:
    return tmp_path / "own" / "rule-of-two.yaml"


@pytest.fixture
def init(file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Init:
    """Run it with a passphrase on stdin; exit code, stdout, stderr."""

    def run(*arguments: str, before: tuple[str, ...] = (), stdin: str = f"{PASSPHRASE}\n") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as stop:
            main(["--config", str(file), *before, "init", *arguments])
        printed = capsys.readouterr()
        return int(stop.value.code or 0), printed.out, printed.err

    return run


def signed(init: Init, *more: str, **options: Any) -> tuple[int, str, str]:
    return init("--passphrase-stdin", "--name", "alice", *more, **options)


def test_a_key_and_a_private_configuration_that_enrols_it_are_made(init: Init, file: Path, key: Path) -> None:
    code, said, _ = signed(init, "--client", "claude-code")
    assert code == 0
    config = load_config(file)
    (approver,) = config.approvals.approvers
    assert (approver.name, config.client, config.servers) == ("alice", "claude-code", {})
    assert unlock(key, PASSPHRASE).public.line == approver.key
    assert approver_of(key) == "alice"
    assert [path.stat().st_mode & 0o777 for path in (file, key)] == [0o600, 0o600]
    assert "Next: 1." in said
    assert PASSPHRASE not in said + file.read_text()


def test_a_second_time_changes_nothing_and_says_so(init: Init, file: Path, key: Path) -> None:
    signed(init)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (file, key)}
    code, said, _ = init("--passphrase-stdin")
    assert (code, said) == (0, "Everything is there already; nothing was changed.\n")
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (file, key)} == before
    assert sorted(path.name for path in file.parent.iterdir()) == [
        "approver.key", "approver.key.pub", "rule-of-two.yaml",
    ]  # fmt: skip


WRITTEN = """\
# mine
version: 1
mcpServers:
    files: {command: npx, args: [-y, "@modelcontextprotocol/server-filesystem", /srv]}   # the documents
    crm:
        url: 'https://crm.example/mcp'   # ours

client: generic
"""


def test_an_approver_is_added_below_and_every_byte_before_stays(init: Init, file: Path) -> None:
    file.parent.mkdir()
    file.write_text(WRITTEN)
    file.chmod(0o644)
    code, said, _ = signed(init)
    assert code == 0
    assert file.read_text().startswith(WRITTEN)
    assert [one.name for one in load_config(file).approvals.approvers] == ["alice"]
    assert file.stat().st_mode & 0o777 == 0o644
    backup = file.with_name("rule-of-two.yaml.bak")
    assert backup.read_text() == WRITTEN
    assert str(backup) in said


BOB = ApproverKey.generate().public.line


@pytest.mark.parametrize(
    "approvals",
    [
        "approvals: {wait: 45s}   # in a hurry\n",
        "approvals:\n    # in a hurry\n    wait: 45s\n",
        f"approvals:\n  approvers:\n  # in a hurry\n  - name: bob\n    key: {BOB}\n  wait: 45s\n",
        f"approvals:\n    wait: 45s  # in a hurry\n    approvers:\n      - {{name: bob, key: {BOB}}}\n",
        "approvals: {wait: 45s}   # in a hurry\r\nclient: generic\r\n",
    ],
)
def test_an_approver_is_added_to_approvals_that_are_there_and_comments_stay(
    init: Init, file: Path, approvals: str
) -> None:
    file.parent.mkdir()
    text = f"version: 1\nmcpServers: {{}}\n{approvals}# the end\n"
    text = text.replace("\r\n", "\n").replace("\n", "\r\n") if "\r" in text else text
    file.write_bytes(text.encode())
    before = load_config(file)
    assert signed(init)[0] == 0
    after = load_config(file)
    names = [one.name for one in after.approvals.approvers]
    assert names == [*(one.name for one in before.approvals.approvers), "alice"]
    assert after.approvals.wait == 45
    written = file.read_bytes().decode()
    assert "# in a hurry" in written
    assert "# the end" in written
    assert written.count("\r\n") == (written.count("\n") if "\r" in text else 0)


def test_a_configuration_written_as_json_stays_one_that_can_be_read(init: Init, file: Path) -> None:
    file.parent.mkdir()
    file.write_text(json.dumps({"version": 1, "mcpServers": {"a": {"command": "x"}}}))
    assert signed(init)[0] == 0
    assert [one.name for one in load_config(file).approvals.approvers] == ["alice"]


def test_a_linked_configuration_stays_a_link(init: Init, file: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.yaml"
    real.write_text(WRITTEN)
    file.parent.mkdir()
    file.symlink_to(real)
    assert signed(init)[0] == 0
    assert file.is_symlink()
    assert "alice" in real.read_text()


@pytest.mark.parametrize(
    ("text", "says"),
    [("version: 1\nmcpServers: {}\nclientt: x\n", ":3: unknown key 'clientt'"), ("version: [\n", "is not valid YAML")],
)
def test_a_configuration_that_cannot_be_read_is_named_with_its_line_and_no_key_is_made(
    init: Init, file: Path, key: Path, text: str, says: str
) -> None:
    file.parent.mkdir()
    file.write_text(text)
    code, _, error = signed(init)
    assert code == 2
    assert f"{file}:" in error
    assert says in error
    assert not key.exists()


def test_a_key_that_is_there_is_enrolled_for_who_knows_its_passphrase(init: Init, file: Path, key: Path) -> None:
    made = ApproverKey.generate()
    made.save(key, PASSPHRASE, approver="carol")
    text = key.read_bytes()
    assert init("--passphrase-stdin")[0] == 0
    (approver,) = load_config(file).approvals.approvers
    assert (approver.name, approver.key) == ("carol", made.public.line)
    assert key.read_bytes() == text


def test_a_key_that_somebody_else_put_there_is_not_enrolled(init: Init, file: Path, key: Path) -> None:
    """The agent leaves a key of its own where the person's will be looked for."""
    ApproverKey.generate().save(key, "the agent's own", approver="alice")
    code, _, error = signed(init)
    assert code == 2
    assert "is not its passphrase" in error
    assert not file.exists()


def test_a_public_line_that_was_exchanged_does_not_decide_who_is_enrolled(init: Init, file: Path, key: Path) -> None:
    mine = ApproverKey.generate()
    mine.save(key, PASSPHRASE, approver="alice")
    key.with_name("approver.key.pub").write_text(f"{ApproverKey.generate().public.line} alice\n")
    assert init("--passphrase-stdin")[0] == 0
    assert [one.key for one in load_config(file).approvals.approvers] == [mine.public.line]


def test_the_name_of_another_approver_is_refused_before_a_key_is_made(init: Init, file: Path, key: Path) -> None:
    file.parent.mkdir()
    other = f"version: 1\nmcpServers: {{}}\napprovals: {{approvers: [{{name: alice, key: {BOB}}}]}}\n"
    file.write_text(other)
    code, _, error = signed(init)
    assert code == 2
    assert "'alice' is enrolled with another key" in error
    assert file.read_text() == other
    assert not key.exists()


def test_a_key_enrolled_under_another_name_is_not_enrolled_twice(init: Init, file: Path) -> None:
    signed(init)
    before = file.read_text()
    code, _, error = init("--passphrase-stdin", "--name", "mallory")
    assert code == 2
    assert "enrolled already, as 'alice'" in error
    assert file.read_text() == before


def test_a_change_while_the_passphrase_is_typed_is_not_overwritten(
    init: Init, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.parent.mkdir()
    file.write_text(WRITTEN)
    save = ApproverKey.save

    def slow(self: ApproverKey, path: Path, passphrase: str, *, approver: str) -> None:
        save(self, path, passphrase, approver=approver)
        file.write_text(f"{WRITTEN}mode: observe\n")

    monkeypatch.setattr(ApproverKey, "save", slow)
    code, _, error = signed(init)
    assert code == 2
    assert "was changed meanwhile" in error
    assert file.read_text() == f"{WRITTEN}mode: observe\n"
    assert [path.name for path in file.parent.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("name", ["", "x" * 101, "a\nb", "\x1b[2J"])
def test_a_name_that_cannot_be_shown_is_refused(init: Init, file: Path, key: Path, name: str) -> None:
    code, _, _ = init("--passphrase-stdin", "--name", name)
    assert (code, file.exists(), key.exists()) == ((2, False, False) if name else (0, True, True))


def test_a_name_of_many_letters_stays_that_name(init: Init, file: Path) -> None:
    name = "Ålice: {\"B\"} #1, 'x' – 漢"
    assert init("--passphrase-stdin", "--name", name)[0] == 0
    assert load_config(file).approvals.approvers[0].name == name


def test_a_short_passphrase_makes_nothing(init: Init, file: Path, key: Path) -> None:
    code, _, error = signed(init, stdin="short\n")
    assert code == 2
    assert "at least 8 characters" in error
    assert (file.exists(), key.exists()) == (False, False)


def test_without_a_terminal_it_says_how_to_give_the_passphrase(init: Init, file: Path) -> None:
    code, _, error = init("--name", "alice", stdin="")
    assert code == 2
    assert "--passphrase-stdin" in error
    assert not file.exists()


def test_unsigned_makes_a_configuration_that_says_it_is_advisory(init: Init, file: Path, key: Path) -> None:
    code, said, _ = init("--unsigned", stdin="")
    assert code == 0
    assert "Advisory" in said
    assert "# Advisory" in file.read_text()
    assert load_config(file).approvals.approvers == ()
    assert not key.exists()
    code, said, _ = init("--unsigned", stdin="")
    assert "nothing was changed" in said
    assert "Advisory" in said


def test_who_enrols_later_after_unsigned_is_enrolled(init: Init, file: Path) -> None:
    init("--unsigned", stdin="")
    assert signed(init)[0] == 0
    assert [one.name for one in load_config(file).approvals.approvers] == ["alice"]


def test_unsigned_goes_with_no_key(init: Init, tmp_path: Path) -> None:
    code, _, error = init("--unsigned", "--key", str(tmp_path / "k"))
    assert code == 2
    assert "--unsigned makes no key" in error


def test_scripts_are_told_in_json(init: Init, file: Path, key: Path) -> None:
    facts = json.loads(signed(init, before=("--json",))[1])
    line = PublicKey.parse(load_config(file).approvals.approvers[0].key)
    assert facts["fingerprint"] == line.fingerprint
    assert (facts["approver"], facts["key"], facts["advisory"], facts["changed"]) == ("alice", str(key), False, True)
    assert json.loads(signed(init, before=("--json",))[1])["changed"] is False


def test_a_key_at_another_place_says_what_makes_it_safe_there(init: Init, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere.key"
    assert f"Set RULE_OF_TWO_KEY={other}" in signed(init, "--key", str(other))[1]


@pytest.mark.terminal
@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
def test_a_person_is_asked_four_questions_and_no_passphrase_is_shown(tmp_path: Path) -> None:
    from tests.cli.prompts import prompts

    file, key = tmp_path / "rule-of-two.yaml", tmp_path / "approver.key"
    theirs = tmp_path / ".codex" / "config.toml"
    theirs.parent.mkdir()
    theirs.write_text('[mcp_servers.clock]\ncommand = "uvx"\nargs = ["mcp-server-time"]\n')
    state = str(tmp_path / "state")
    environment = {**os.environ, "RULE_OF_TWO_KEY": str(key), "HOME": str(tmp_path), "RULE_OF_TWO_STATE": state}
    environment.pop("XDG_CONFIG_HOME", None)
    with prompts(["--config", str(file), "init"], environment) as person:
        person.answer("Your name as an approver", "alice")
        person.answer("A passphrase for your key", "short")
        person.answer("A passphrase for your key", PASSPHRASE)
        person.answer("The same passphrase again", "another one")
        person.answer("A passphrase for your key", PASSPHRASE)
        person.answer("The same passphrase again", PASSPHRASE)
        person.answer("In which client", "")  # the only one that has servers
        person.answer("Put the gateway in front of its server", "")
        assert person.end() == 0, person.output
        assert PASSPHRASE.encode() not in person.output
    config = load_config(file)
    assert (config.client, config.approvals.approvers[0].name) == ("codex", "alice")
    assert unlock(key, PASSPHRASE).public.line == config.approvals.approvers[0].key
    assert config.servers["clock"].clients == ("codex",)
    (entry,) = tomllib.loads(theirs.read_text())["mcp_servers"].values()
    assert entry["env"] == {"RULE_OF_TWO_KEY": str(key)}
    assert entry["args"] == ["--config", str(file), "--state", state, "serve", "--client", "codex"]
