"""Completion in real shells, of commands and of names that stand in the state; whatever is wrong, nothing breaks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from rule_of_two.cli.completion import VARIABLE, WHERE
from rule_of_two.cli.main import COMMANDS
from rule_of_two.gateway.mount import identity_of
from rule_of_two.store.pins import Pin, PinStore
from rule_of_two.store.state import open_state

BIN = Path(sys.executable).parent
BASH = """
source <(rule-of-two completion bash)
COMP_WORDS=({words}) COMP_CWORD={place}
$(complete -p rule-of-two | sed 's/.*-F \\([^ ]*\\).*/\\1/') rule-of-two
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def _environment(state: Path) -> dict[str, str]:
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "RULE_OF_TWO_STATE": str(state), "HOME": str(state)}


def _run(command: list[str | Path], state: Path, **also: str) -> str:
    environment = _environment(state) | also
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def _completed(state: Path, *words: str) -> list[str]:
    """What the command says to a shell that completes the last of these words."""
    asked = {"COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1), VARIABLE: "bash_complete"}
    return [line.split(",", 1)[1] for line in _run([BIN / "rule-of-two"], state, **asked).splitlines() if line]


def test_bash_completes_commands(tmp_path: Path) -> None:
    script = BASH.format(words="rule-of-two se", place=1)
    done = subprocess.run(
        ["bash", "-c", script], env=_environment(tmp_path), capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) == {name for name in COMMANDS if name.startswith("se")}


@pytest.mark.parametrize("shell", list(WHERE))
def test_each_shells_script_asks_by_the_same_variable(shell: str, tmp_path: Path) -> None:
    assert f"{VARIABLE}={shell}_complete" in _run([BIN / "rule-of-two", "completion", shell], tmp_path)


def test_sessions_are_completed_and_hostile_names_are_not(tmp_path: Path) -> None:
    state = open_state(tmp_path)
    for name in ("s-1", "s-2", "s-\x1b[2J"):
        rows = "INSERT INTO sessions (id, key, boundary, created_at) VALUES (?, ?, 'human', ?)"
        key = '{"user": "a", "tenant": "a", "client": "generic", "workspace": "w", "conversation": ""}'
        anyio.run(lambda: state.write(lambda db: db.execute(rows, (name, key, name)).rowcount))  # noqa: B023  # used at once
    state.close()
    assert _completed(tmp_path, "rule-of-two", "session", "show", "s-") == ["s-2", "s-1"]


def test_sets_of_policies_are_completed_and_files_where_none_begins_so(tmp_path: Path) -> None:
    assert _completed(tmp_path, "rule-of-two", "policy", "verify", "trust") == ["trusted-targets"]
    assert _completed(tmp_path, "rule-of-two", "policy", "verify", "./x") == ["./x"]


def test_where_nothing_can_be_read_nothing_is_completed_and_nothing_is_made(tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert _completed(state, "rule-of-two", "why", "d") == []
    assert not state.exists()
    state.mkdir()
    (state / "journal.db").write_text("no database " * 500)
    (state / "state.db").write_text("no database " * 500)
    assert _completed(state, "rule-of-two", "why", "d") == []
    assert _completed(state, "rule-of-two", "session", "show", "s") == []


def test_servers_of_the_configuration_and_what_was_accepted_of_one_are_completed(tmp_path: Path) -> None:
    (tmp_path / "rule-of-two.yaml").write_text("version: 1\nservers:\n  mail: {command: x}\n  maps: {command: y}\n")
    words = ("rule-of-two", "--config", str(tmp_path / "rule-of-two.yaml"), "manifest", "pin")
    assert _completed(tmp_path, *words, "ma") == ["mail", "maps"]
    assert _completed(tmp_path, *words, "mail", "s") == []
    assert not (tmp_path / "state.db").exists()
    state = open_state(tmp_path)
    pins = [Pin("tool", name, "d", {}, "alice", "") for name in ("send", "search", "read", "s\x1b[2J")]
    anyio.run(PinStore(state).replace, identity_of("mail", "x", (), None), pins)
    state.close()
    assert _completed(tmp_path, *words, "mail", "s") == ["send", "search"]
    assert _completed(tmp_path, *words, "mail", "send", "s") == ["search"]
    assert _completed(tmp_path, *words, "maps", "s") == []
    assert _completed(tmp_path, *words, "nothing", "s") == []
