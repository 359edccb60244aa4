"""A run that is cut off, races with another or finds the file changed: nothing is lost, and the next run ends it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rule_of_two import replacing
from rule_of_two.installation import backups, uninstall
from tests.installation.conftest import Home
from tests.installation.samples import CURSOR

pytestmark = pytest.mark.usefixtures("ring")

FILE = ".cursor/mcp.json"
KILLED = """
import os, signal, sys
from rule_of_two import replacing
from rule_of_two.installation import backups, install, uninstall
left = int(sys.argv.pop(1))
write = replacing.replace_file
def cut_off(*given, **more):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    write(*given, **more)
for module in (backups, install, uninstall):
    module.replace_file = cut_off
from rule_of_two.cli.main import main
main()
"""


def _process(home: Home, *arguments: str, before: tuple[str, ...]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, *before, *arguments],
        env={**os.environ, "HOME": str(home.folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("writes", [0, 1, 2, 3])
def test_an_install_that_is_killed_between_two_writes_is_ended_by_the_next(home: Home, writes: int) -> None:
    text = CURSOR.replace("abcdef123456", "${env:SECRET}")
    file = home.write(FILE, text)
    with _process(home, str(writes), "install", "cursor", before=("-c", KILLED)) as killed:
        killed.communicate(timeout=50)
    assert killed.returncode == -9
    assert file.read_text() == text
    home.done("install", "cursor")
    assert set(home.loaded().servers) == {"files", "tracker"}
    assert "nothing was changed" in home.done("install", "cursor")
    home.done("uninstall", "cursor")
    assert file.read_text() == text


@pytest.mark.parametrize("fails", [1, 2])
def test_an_uninstall_that_is_cut_off_is_ended_by_the_next(
    home: Home, fails: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = home.write(FILE, CURSOR)
    home.done("install", "cursor")
    left, write = fails, replacing.replace_file

    def cut_off(path: Path, before: bytes | None, after: bytes) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise KeyboardInterrupt
        write(path, before, after)

    with monkeypatch.context() as patched:
        patched.setattr(uninstall, "replace_file", cut_off)
        assert home.run("uninstall", "cursor")[0] == 130
    home.done("uninstall", "cursor")
    assert file.read_text() == CURSOR
    assert all(server.clients == () for server in home.loaded().servers.values())
    assert home.run("uninstall", "cursor")[0] == 1


@pytest.mark.parametrize("what", ["client", "configuration"])
def test_a_file_that_is_changed_between_reading_and_writing_is_not_written(
    home: Home, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = home.write(FILE, CURSOR)
    home.config.parent.mkdir(parents=True)
    home.config.write_text("version: 1\nmcpServers: {}\n")
    touched = file if what == "client" else home.config
    theirs = touched.read_text() + "\n"
    keep = backups.Backups.keep

    def meanwhile(*given: object) -> Path | None:
        touched.write_text(theirs)
        return keep(*given)  # type: ignore[arg-type]  # whatever it was given

    monkeypatch.setattr(backups.Backups, "keep", meanwhile)
    code, _, error = home.run("install", "cursor")
    assert (code, "was changed meanwhile" in error) == (2, True)
    assert touched.read_text() == theirs
    assert file.read_text().startswith(CURSOR)
    monkeypatch.undo()
    monkeypatch.setenv("HOME", str(home.folder))
    home.done("install", "cursor")
    home.done("uninstall", "cursor")
    assert file.read_text() == (theirs if what == "client" else CURSOR)


def test_two_installs_at_once_do_what_one_does(home: Home) -> None:
    text = CURSOR.replace("abcdef123456", "${env:SECRET}")
    file = home.write(FILE, text)
    racing = [_process(home, "install", "cursor", before=("-m", "rule_of_two")) for _ in range(3)]
    ended = [(one.communicate(timeout=50), one.returncode) for one in racing]
    assert [code for _, code in ended] == [0, 0, 0]
    assert set(home.loaded().servers) == {"files", "tracker"}
    home.done("uninstall", "cursor")
    assert file.read_text() == text


def test_another_run_that_does_not_end_is_said(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.write(FILE, CURSOR)
    monkeypatch.setattr(backups, "_WAIT", 0.1)
    with backups.Backups(home.state).locked():
        code, _, error = home.run("install", "cursor")
    assert (code, "under way" in error) == (2, True)


def test_an_entry_that_was_taken_out_by_hand_is_put_in_again_and_the_older_backup_stays(home: Home) -> None:
    file = home.write(FILE, CURSOR)
    home.done("install", "cursor")
    file.write_text('{"mcpServers": {"a": {"command": "x"}}}')
    home.done("install", "cursor")
    assert sorted(path.read_text() for path in home.state.rglob("1.before")) == sorted(
        [CURSOR, '{"mcpServers": {"a": {"command": "x"}}}']
    )
    home.done("uninstall", "cursor")
    assert file.read_text() == '{"mcpServers": {"a": {"command": "x"}}}'
