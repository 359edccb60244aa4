"""The stages of ``scripts/test`` that run beside each other: what failed is named, and nothing is hidden."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BEFORE = 'set -euo pipefail; step() { printf "\\n== %s\\n" "$*" >&2; }; . scripts/stages.sh; '

pytestmark = pytest.mark.skipif(sys.platform == "win32" or shutil.which("bash") is None, reason="it is a bash script")


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", BEFORE + script],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=30,
    )  # fmt: skip


def test_stages_that_pass_are_printed_whole_in_the_order_in_which_they_were_begun(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "second-is-done")

    done = run(
        f'first() {{ cat {tmp_path}/second-is-done; echo one; echo "to stderr" >&2; }}\n'
        f"second() {{ echo two; echo >{tmp_path}/second-is-done; }}\n"
        "begin 'the first' first; begin 'the second' second; finish; echo 'and on'"
    )

    assert done.returncode == 0
    assert [line for line in done.stdout.splitlines() if line] == [
        "== the first", "one", "to stderr", "== the second", "two", "and on",
    ]  # fmt: skip


def test_a_stage_that_fails_is_named_at_the_end_and_ends_the_script_after_all_have_ended() -> None:
    done = run(
        "broken() { echo before; false; echo after; }\n"
        "begin broken broken; begin 'well behaved' echo fine; begin other bash -c 'exit 7'; finish; echo 'and on'"
    )

    assert done.returncode == 1
    assert [line for line in done.stdout.splitlines() if line] == [
        "== broken", "before", "== well behaved", "fine", "== other",
        "== failed: broken (exit code 1)", "== failed: other (exit code 7)",
    ]  # fmt: skip


def test_a_stage_that_was_begun_later_is_not_taken_for_one_before() -> None:
    done = run("begin first echo one; finish; begin second echo two; finish")

    assert [line for line in done.stdout.splitlines() if line] == ["== first", "one", "== second", "two"]


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_script_that_is_ended_leaves_nothing_running_behind(tmp_path: Path, end: signal.Signals) -> None:
    os.mkfifo(tmp_path / "fifo")
    reading, writing = os.pipe()
    with subprocess.Popen(
        ["bash", "-c", BEFORE + f"begin nested bash -c 'echo >&{writing}; read <>{tmp_path}/fifo'; finish"],
        cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)}, pass_fds=(writing,),
    ) as process:  # fmt: skip
        os.close(writing)
        assert os.read(reading, 1) == b"\n"
        os.kill(process.pid, end)
        assert process.wait(30) != 0

    assert os.read(reading, 1) == b"", "whoever still runs would keep it open: the test would wait"
    os.close(reading)
    assert [path.name for path in tmp_path.iterdir()] == ["fifo"]
