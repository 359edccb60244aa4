"""The journal's end against what was signed of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from rule_of_two.doctor.journal import journal
from tests.doctor.samples import Patient
from tests.harness import House


def test_before_there_is_one_and_before_anything_was_signed(patient: Patient) -> None:
    assert journal(patient.state).says == "there is none yet"
    assert not patient.state.exists()
    patient.begin()
    before = {path: path.read_bytes() for path in patient.state.iterdir() if path.suffix == ".db"}
    assert journal(patient.state).good
    assert "none of them signed yet" in journal(patient.state).says
    assert {path: path.read_bytes() for path in before} == before


async def test_one_that_was_cut_is_found(house: House) -> None:
    async with house.gateway() as gateway:
        await gateway.call("rec__neutral")
    found = journal(house.state)
    assert found.good
    assert "signed up to #" in found.says
    with closing(sqlite3.connect(house.state / "journal.db")) as db, db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        db.execute("DELETE FROM entries WHERE seq = (SELECT max(seq) FROM entries)")
    cut = journal(house.state)
    assert not cut.good
    assert "ends before #" in cut.says
    assert "`rule-of-two audit verify`" in cut.next


def test_one_that_cannot_be_read_is_said(patient: Patient) -> None:
    patient.begin()
    (patient.state / "journal.db").write_bytes(b"nonsense " * 2000)
    assert not journal(patient.state).good
