"""The gateway that is there to be attacked: nothing of it stays, however it ends."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from rule_of_two.doctor.examine import running_probe
from rule_of_two.doctor.probe import Order
from rule_of_two.errors import ConfigurationError
from tests.doctor.samples import Patient


def test_it_takes_everything_away_that_it_made_folders_too(patient: Patient) -> None:
    before = patient.files()
    deep = Order(str(patient.file), str(patient.folder / "a" / "b"))
    with running_probe(deep, None) as running:
        assert Path(running.probe.endpoint).is_socket()
        assert (Path(running.probe.folder) / "state.db").is_file()
        running.end()
    assert patient.files() == before


def test_it_leaves_the_real_state_and_journal_as_they_are(patient: Patient) -> None:
    patient.begin()
    before = {path.name: path.read_bytes() for path in patient.state.iterdir()}
    with running_probe(patient.order, None) as running:
        running.end()
    assert {path.name: path.read_bytes() for path in patient.state.iterdir() if path.is_file()} == before
    with closing(sqlite3.connect(patient.state / "state.db")) as db:
        assert db.execute("SELECT count(*) FROM sessions").fetchone() == (0,)


def test_it_takes_everything_away_when_nobody_waits_for_it_any_more(patient: Patient) -> None:
    before = patient.files()
    with running_probe(patient.order, None):
        pass
    assert patient.files() == before


def test_it_takes_everything_away_when_it_is_interrupted_with_its_doctor(patient: Patient) -> None:
    before = patient.files()
    with running_probe(patient.order, None) as running:
        os.kill(running.process.pid, signal.SIGINT)
    assert patient.files() == before


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o777])
def test_what_is_open_of_the_real_state_is_open_of_its_own(patient: Patient, mode: int) -> None:
    patient.begin()
    patient.state.chmod(mode)
    (patient.state / "state.db").chmod(mode & 0o666)
    with running_probe(patient.order, None) as running:
        folder = Path(running.probe.folder)
        assert folder.stat().st_mode & 0o777 == mode
        assert (folder / "state.db").stat().st_mode & 0o777 == mode & 0o666


def test_a_configuration_that_is_wrong_is_said_in_one_sentence(patient: Patient) -> None:
    patient.configure(policies=["nonsense"])
    with pytest.raises(ConfigurationError, match="unknown policy set 'nonsense'"), running_probe(patient.order, None):
        pass
    assert patient.files() == ["rule-of-two.yaml"]
