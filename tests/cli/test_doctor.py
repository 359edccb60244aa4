"""`rule-of-two doctor`: the command line around a real examination."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pwd", reason="the doctor knows nothing of Windows yet")

from rule_of_two.cli.main import main
from rule_of_two.doctor import examine as examining
from rule_of_two.doctor.account import Account
from rule_of_two.doctor.examine import Examination
from rule_of_two.doctor.finding import Area, Finding, Result, assurance
from rule_of_two.gateway.config import key_path


def _run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    return int(stop.value.code or 0)


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, Path, Path, Account | None]]:
    """An examination that found T1 and took no time."""
    asked: list[tuple[Path, Path, Path, Account | None]] = []

    def examine(file: Path, *, state: Path, key: Path, agent: Account | None, start: bool) -> Examination:
        assert start
        asked.append((file, state, key, agent))
        reach = Finding(attempt="change it", area=Area.REACH, result=Result.SUCCEEDED, evidence="it is open")
        return Examination("me", (), (reach,), assurance((reach,), enrolled=True))

    monkeypatch.setattr(examining, "examine", examine)
    return asked


@pytest.mark.parametrize(
    ("require", "code"), [((), 0), (("--require", "T0"), 0), (("--require", "T1"), 0), (("--require", "T2"), 1)]
)
@pytest.mark.usefixtures("examined")
def test_it_exits_with_1_below_the_tier_that_is_required(require: tuple[str, ...], code: int) -> None:
    assert _run("doctor", *require) == code
    assert _run("--json", "doctor", *require) == code


@pytest.mark.usefixtures("examined")
def test_t3_is_never_reached() -> None:
    assert _run("doctor", "--require", "T3") == 1


def test_it_looks_where_the_other_commands_look(
    examined: list[tuple[Path, Path, Path, Account | None]], tmp_path: Path
) -> None:
    config, state, key = tmp_path / "c.yaml", tmp_path / "s", tmp_path / "k"
    assert _run("--config", str(config), "--state", str(state), "doctor", "--key", str(key)) == 0
    assert _run("--config", str(config), "--state", str(state), "doctor") == 0
    assert examined == [(config, state, key, None), (config, state, key_path(None), None)]


def test_only_root_can_try_as_somebody_else(
    examined: list[tuple[Path, Path, Path, Account | None]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert _run("doctor", "--agent", "4321") == 0
    assert [agent and agent.uid for *_, agent in examined] == [4321]
    assert _run("doctor", "--agent", "no such user") == 2
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert _run("doctor", "--agent", "4321") == 2
    assert "only root" in capsys.readouterr().err


def test_what_is_at_work_is_told_in_json_and_a_hostile_working_directory_is_not_run(tmp_path: Path) -> None:
    """The agent leaves a package of our name in the folder in which the doctor is started."""
    hostile = tmp_path / "workspace"
    for package in ("rule_of_two", "anyio"):
        (hostile / package).mkdir(parents=True)
        (hostile / package / "__init__.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()")
    config = tmp_path / "rule-of-two.yaml"
    config.write_text("version: 1\nmcpServers: {}\n")
    source = Path(examining.__file__).parent.parent.parent
    done = subprocess.run(
        [sys.executable, "-P", "-m", "rule_of_two", "--json", "--config", str(config), "--state", str(tmp_path / "s"),
         "doctor", "--require", "T1"],
        capture_output=True, text=True, check=False, cwd=hostile, env={**os.environ, "PYTHONPATH": str(source)},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    facts = json.loads(done.stdout)
    assert facts["tier"] == "T0"
    assert "no approver is enrolled" in facts["reasons"]
    assert not (tmp_path / "ran").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rule-of-two.yaml", "workspace"]
