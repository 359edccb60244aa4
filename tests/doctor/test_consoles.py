"""Ways into a console: a process in a real pseudo-terminal that is called as one, and a real tmux."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rule_of_two.doctor import consoles, processes
from rule_of_two.doctor.finding import Area, Result
from rule_of_two.doctor.processes import Process
from rule_of_two.doctor.typing_into import _may_everything, can_type, kernel_takes_keys
from tests.doctor.samples import NOBODY, Patient, acting_as, as_root, one
from tests.doctor.terminals import a_console

pytestmark = [
    pytest.mark.terminal,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of processes in /proc"),
]

READ, TYPE, TMUX = "read a console's memory", "type into a console's terminal", "send keys to a console through tmux"


@pytest.mark.parametrize("spelled", ["the-state", "./x/../the-state", "{folder}/the-state", "link"])
def test_a_console_of_this_state_is_found_with_its_terminal(tmp_path: Path, spelled: str) -> None:
    state = tmp_path / "the-state"
    for folder in (state, tmp_path / "x"):
        folder.mkdir()
    (tmp_path / "link").symlink_to(state)
    with a_console(tmp_path, spelled.format(folder=tmp_path)) as console:
        assert console in processes.consoles(state)
        assert console not in processes.consoles(tmp_path / "x")
        assert console.terminal_path is not None
        assert console.terminal_path.is_char_device()
    assert console not in processes.consoles(state)


def test_a_console_that_names_no_state_belongs_to_its_environments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RULE_OF_TWO_STATE", str(tmp_path / "mine"))
    with a_console(tmp_path, None) as console:
        assert console in processes.consoles(tmp_path / "mine")
        assert console not in processes.consoles(tmp_path / "other")
    monkeypatch.delenv("RULE_OF_TWO_STATE")
    with a_console(tmp_path, None) as console:
        assert console in processes.consoles(tmp_path / "other")


@pytest.mark.parametrize(
    ("words", "is_one"),
    [
        (["/usr/bin/rule-of-two", "console"], True),
        (["python3", "/opt/bin/rule-of-two", "--state", "x", "console"], True),
        (["python3", "-m", "rule_of_two", "console"], True),
        (["python3", "/lib/rule_of_two/__main__.py", "console"], True),
        (["/usr/bin/rule-of-two", "serve"], False),
        (["vi", "console"], False),
        (["vi", "my-rule-of-two-notes", "console"], False),
    ],
)
def test_a_console_is_known_by_its_command_line(words: list[str], is_one: bool) -> None:
    assert processes.is_console(words) is is_one


@as_root
def test_the_memory_of_a_console_can_be_read_by_root_and_not_by_somebody_else(tmp_path: Path) -> None:
    with a_console(tmp_path) as console:
        mine = consoles.memory([console], Area.APPROVE)
        with acting_as(NOBODY):
            theirs = consoles.memory([console], Area.APPROVE)
    assert (mine.result, theirs.result) == (Result.SUCCEEDED, Result.FAILED)
    assert "unlocked key" in mine.evidence
    assert mine.close


@as_root
def test_the_same_user_cannot_read_a_console_that_forbids_it() -> None:
    """What the console does to keep its key: not even its own user may look, but for root."""
    shown = subprocess.run(
        [sys.executable, "-c", _SAME_USER], capture_output=True, text=True, check=True
    ).stdout.split()
    assert shown[-2:] == ["succeeded", "failed"]


_SAME_USER = f"""
import os, pty, subprocess, sys
sys.path.insert(0, {str(Path(__file__).parent.parent.parent / "src")!r})
from rule_of_two.doctor.consoles import memory
from rule_of_two.doctor.finding import Area
from rule_of_two.doctor.processes import Process

def child(undumpable):
    pid = os.fork()
    if pid == 0:
        import ctypes, time
        os.setresuid({NOBODY}, {NOBODY}, {NOBODY})
        ctypes.CDLL(None).prctl(4, 0 if undumpable else 1, 0, 0, 0)
        os.write(write, b"x")
        os.read(hold, 1)
        os._exit(0)
    os.read(read, 1)
    return pid

import ctypes
read, write = os.pipe()
hold, release = os.pipe()
children = [child(False), child(True)]
os.setresuid({NOBODY}, {NOBODY}, {NOBODY})
for pid in children:
    print(memory([Process(pid, 0)], Area.APPROVE).result)
os.write(release, b"xx")
"""


def test_where_no_console_runs_a_process_of_the_gateways_user_stands_in(
    patient: Patient,
) -> None:
    found = consoles.attempts(patient.brief())
    assert [finding.attempt for finding in found] == [READ]
    assert found[0].area is Area.REACH
    assert "no console runs" in found[0].evidence


def test_a_system_that_does_not_tell_of_processes_counts_as_open(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(consoles, "PROC", tmp_path)
    (found,) = consoles.attempts(patient.brief())
    assert found.result is Result.UNTRIED


@as_root
def test_a_terminal_that_can_be_written_shows_a_false_screen_and_takes_no_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consoles, "can_type", lambda path, *, shared: False)
    with a_console(tmp_path) as console:
        mine = consoles.terminal([console])
        with acting_as(NOBODY):
            theirs = consoles.terminal([console])
    assert (mine.result, mine.area) == (Result.SUCCEEDED, Area.REACH)
    assert "false screen" in mine.evidence
    assert (theirs.result, theirs.area) == (Result.FAILED, Area.APPROVE)


@as_root
def test_keys_can_be_typed_where_the_kernel_takes_them_from_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rule_of_two.doctor.typing_into.kernel_takes_keys", lambda: True)
    with a_console(tmp_path) as console:
        shared = can_type(console.terminal_path, shared=True)
        with acting_as(NOBODY):
            closed = can_type(console.terminal_path, shared=True)
            apart = can_type(console.terminal_path, shared=False)
        monkeypatch.setattr("rule_of_two.doctor.typing_into._may_everything", lambda: True)
        found = consoles.terminal([console])
    assert (shared, closed, apart) == (True, False, False)
    assert (found.result, found.area) == (Result.SUCCEEDED, Area.APPROVE)
    assert "TIOCSTI" in found.evidence


def test_whether_the_kernel_takes_keys_is_tried_on_a_terminal_of_ones_own() -> None:
    legacy = Path("/proc/sys/dev/tty/legacy_tiocsti")
    if not legacy.exists():
        pytest.skip("this kernel has no switch for it, so what it does is not known")
    assert kernel_takes_keys() is (legacy.read_text().strip() == "1" or _may_everything())


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_a_console_in_a_pane_of_a_reachable_tmux_takes_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMUX_TMPDIR", str(tmp_path))
    monkeypatch.delenv("TMUX", raising=False)
    script = tmp_path / "rule-of-two"
    script.write_text("import sys; sys.stdin.read()")
    subprocess.run(["tmux", "new-session", "-d", f"{sys.executable} {script} console"], check=True)
    try:
        shown = subprocess.run(
            ["tmux", "list-panes", "-a", "-F", "#{pane_tty}"], capture_output=True, text=True, check=True
        ).stdout.strip()
        device = Path(shown).stat().st_rdev
        console = Process(1, device)
        found = consoles.multiplexer([console], consoles.tmux_sockets())
        outside = consoles.multiplexer([Process(1, os.makedev(136, 99999))], consoles.tmux_sockets())
        unreachable = consoles.multiplexer([console], [tmp_path / "no-such-socket"])
    finally:
        subprocess.run(["tmux", "kill-server"], check=True)
    assert (found.result, found.area) == (Result.SUCCEEDED, Area.APPROVE)
    assert (outside.result, unreachable.result) == (Result.FAILED, Result.FAILED)


@as_root
def test_all_ways_are_tried_where_a_console_runs(tmp_path: Path, patient: Patient) -> None:
    with a_console(tmp_path) as console:
        found = consoles.attempts(patient.brief(consoles=(console.id,)))
    assert [finding.attempt for finding in found] == [READ, TYPE, TMUX]
    assert one(found, READ).result is Result.SUCCEEDED
