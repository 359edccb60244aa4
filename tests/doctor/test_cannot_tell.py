"""What went wrong in another way than by a refusal says nothing of what could be done, so it counts as open."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from rule_of_two.doctor import commands, state
from rule_of_two.doctor.finding import Finding, Result
from tests.doctor.samples import NOBODY, Patient, acting_as, as_root


def _rows(patient: Patient) -> tuple[Finding, ...]:
    return tuple(one for one in state.attempts(patient.brief()) if one.attempt != state.FORGED_SESSION)


def test_a_state_that_is_busy_all_the_time_says_nothing_of_forged_sessions(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "_BUSY_SECONDS", 0.0)
    patient.begin()
    file = patient.state / "state.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        found = state.forged(file, "s")
    assert found.result is Result.UNTRIED
    assert found.close


def test_a_state_of_another_version_that_can_be_written_is_open(patient: Patient) -> None:
    patient.begin()
    with closing(sqlite3.connect(patient.state / "state.db", isolation_level=None)) as db:
        db.execute("DROP TABLE receipts")
        db.execute("DROP TABLE grants")
    results = {one.attempt: one.result for one in _rows(patient)}
    assert (results["forge a receipt"], results["forge a grant"]) == (Result.UNTRIED, Result.UNTRIED)
    assert results["take labels away"] is Result.SUCCEEDED


def test_a_command_that_ends_in_a_traceback_was_not_refused(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    (patient.folder / "broken.py").write_text("raise RuntimeError('a bug')")
    monkeypatch.setattr(commands, "PYTHON", (sys.executable, str(patient.folder / "broken.py")))
    assert {one.result for one in commands.attempts(patient.brief())} == {Result.UNTRIED}


@as_root
def test_a_configuration_in_a_folder_that_is_closed_to_the_agent_stops_no_attempt(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(commands, "PYTHON", ("/bin/false",))
    closed = patient.folder / "closed"
    closed.mkdir(mode=0o700)
    with acting_as(NOBODY):
        found = commands.attempts(patient.brief(config=str(closed / "rule-of-two.yaml")))
    assert {one.result for one in found} == {Result.FAILED}
