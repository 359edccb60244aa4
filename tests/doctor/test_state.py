"""Rows that a forger would write, in the real files; every one is rolled back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from rule_of_two.doctor import state
from rule_of_two.doctor.examine import running_probe
from rule_of_two.doctor.finding import Area, Finding, Result
from tests.doctor.samples import NOBODY, Patient, acting_as, as_root


def _rows(patient: Patient) -> list[tuple[int, ...]]:
    counted = []
    for name, tables in (("state.db", ("receipts", "grants", "sessions", "pins")), ("journal.db", ("entries",))):
        with closing(sqlite3.connect(patient.state / name)) as db:
            counted.append(tuple(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables))  # noqa: S608
    return counted


def _attempts(patient: Patient) -> tuple[Finding, ...]:
    """Those at the real state, without the one at the probe's."""
    return tuple(one for one in state.attempts(patient.brief()) if one.attempt != state.FORGED_SESSION)


def _tried(patient: Patient) -> tuple[Finding, ...]:
    with acting_as(NOBODY):
        return _attempts(patient)


@pytest.mark.parametrize("enrolled", [True, False])
def test_a_session_that_nobody_signed_is_clean_only_where_nobody_is_enrolled(patient: Patient, enrolled: bool) -> None:
    if enrolled:
        patient.enrol("alice")
    with running_probe(patient.order, None) as running:
        found = state.forged(Path(running.probe.folder, "state.db"), running.probe.sessions[3])
        renewed = running.end()
    assert (found.result, found.area) == (Result.SUCCEEDED, Area.APPROVE)
    assert renewed.sessions == (False, False, False, not enrolled)


def test_a_state_that_cannot_be_opened_gets_no_forged_session(tmp_path: Path) -> None:
    assert state.forged(tmp_path / "state.db", "s").result is Result.FAILED
    assert list(tmp_path.iterdir()) == []


def test_whoever_may_write_the_state_can_forge_rows_and_none_stays(patient: Patient) -> None:
    patient.begin()
    names = sorted(path.name for path in patient.state.iterdir())
    found = _attempts(patient)
    assert {one.result for one in found} == {Result.SUCCEEDED}
    assert {one.area for one in found} == {Area.REACH}
    assert all(one.close for one in found)
    assert _rows(patient) == [(0, 0, 0, 0), (0,)]
    assert sorted(path.name for path in patient.state.iterdir()) == names


@as_root
def test_a_state_of_mode_0777_can_be_written_by_everybody_and_one_of_0700_by_nobody_else(patient: Patient) -> None:
    patient.begin()
    patient.state.chmod(0o700)
    assert {one.result for one in _tried(patient)} == {Result.FAILED}
    patient.state.chmod(0o777)
    for file in patient.state.iterdir():
        file.chmod(0o666)
    assert {one.result for one in _tried(patient)} == {Result.SUCCEEDED}
    assert _rows(patient) == [(0, 0, 0, 0), (0,)]


@as_root
def test_a_state_that_others_may_only_read_cannot_be_written(patient: Patient) -> None:
    patient.begin()
    patient.state.chmod(0o755)
    for file in patient.state.iterdir():
        file.chmod(0o644)
    found = _tried(patient)
    assert {one.result for one in found} == {Result.FAILED}
    assert all("cannot be written" in one.evidence for one in found)


@as_root
def test_a_state_that_is_not_there_yet_can_be_made_where_its_folder_is_open(patient: Patient) -> None:
    patient.state.mkdir()
    patient.state.chmod(0o755)
    assert {one.result for one in _tried(patient)} == {Result.FAILED}
    patient.state.chmod(0o777)
    assert {one.result for one in _tried(patient)} == {Result.SUCCEEDED}
    assert list(patient.state.iterdir()) == []


def test_a_file_that_is_no_state_is_not_tried_which_counts_as_open(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    file.write_text("no database, whatever its name says" * 100)
    assert state.written(file, "forge", "DELETE FROM receipts").result is Result.UNTRIED


def test_a_state_that_is_busy_is_not_tried(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "_BUSY_SECONDS", 0.01)
    patient.begin()
    with closing(sqlite3.connect(patient.state / "state.db", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        found = state.written(patient.state / "state.db", "forge", "DELETE FROM receipts")
    assert found.result is Result.UNTRIED
    assert found.open
