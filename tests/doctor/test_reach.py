"""Which files a process could change, tried as somebody who may do nothing; nothing is changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rule_of_two.doctor.brief import Owned
from rule_of_two.doctor.finding import Area, Result
from rule_of_two.doctor.reach import attempt, way_to_change
from tests.doctor.samples import NOBODY, Patient, acting_as, as_root

pytestmark = as_root


@pytest.fixture
def file(patient: Patient) -> Path:
    patient.file.chmod(0o644)
    return patient.file


def way(path: Path) -> str | None:
    with acting_as(NOBODY):
        return way_to_change(path)


def test_nothing_is_changed_by_looking(file: Path) -> None:
    file.chmod(0o666)
    file.parent.chmod(0o777)
    (file.parent / "state").mkdir()

    def snapshot() -> dict[Path, tuple[int, bytes]]:
        files = [path for path in file.parent.rglob("*") if path.is_file()]
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    before = snapshot()
    assert way(file.parent) is not None
    assert way(file.parent / "state" / "state.db") is not None
    assert snapshot() == before
    assert sorted(path.name for path in file.parent.iterdir()) == ["rule-of-two.yaml", "state"]


def test_what_others_may_only_read_is_out_of_reach(file: Path) -> None:
    assert way(file) is None
    assert way(file.parent) is None


def test_a_file_that_others_may_write_is_not(file: Path) -> None:
    file.chmod(0o666)
    assert way(file) == f"{file} can be written"
    assert way(file.parent) == f"{file} can be written"


def test_a_read_only_file_of_ones_own_can_be_made_writable(file: Path) -> None:
    os.chown(file, NOBODY, NOBODY)
    file.chmod(0o400)
    assert way(file) == f"{file} belongs to this user"


def test_a_file_in_a_folder_that_others_may_write_can_be_replaced(file: Path) -> None:
    file.parent.chmod(0o777)
    assert way(file) == f"{file.parent} can be written, so {file.name} in it can be made or replaced"


def test_in_a_folder_such_as_tmp_files_of_others_stay_and_new_ones_can_be_made(file: Path) -> None:
    file.parent.chmod(0o1777)
    assert way(file) is None
    assert way(file.with_name("new")) is not None


def test_a_private_folder_within_one_that_others_may_write_can_be_moved_away(patient: Patient) -> None:
    (patient.folder / "open" / "private").mkdir(parents=True)
    (patient.folder / "open").chmod(0o777)
    (patient.folder / "open" / "private").chmod(0o700)
    found = way(patient.folder / "open" / "private" / "state.db")
    assert found is not None
    assert "so private in it" in found


def test_what_a_link_leads_to_counts(file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to(file)
    assert way(link) is None
    file.chmod(0o666)
    assert way(link) == f"{file} can be written"


def test_a_file_that_is_not_there_in_a_closed_folder_is_out_of_reach(file: Path) -> None:
    assert way(file.with_name("missing")) is None
    assert way(Path("/root/x/y")) is None


def test_an_attempt_says_what_it_found_and_how_it_is_closed(file: Path) -> None:
    owned = Owned(what="the configuration", paths=(str(file),), close="close it")
    with acting_as(NOBODY):
        closed = attempt(owned)
    file.chmod(0o666)
    with acting_as(NOBODY):
        opened = attempt(owned)
    assert (closed.result, closed.close, closed.area) == (Result.FAILED, "", Area.REACH)
    assert (opened.result, opened.close) == (Result.SUCCEEDED, "close it")
    assert str(file) in opened.evidence
