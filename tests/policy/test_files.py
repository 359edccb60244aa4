"""How files of policies are read: refused in time, or once and for all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rule_of_two.policy import files
from rule_of_two.policy.files import DISK, Memory, Snapshot


def test_the_disk_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "b.cedar").write_bytes(b"b")
    (tmp_path / "a.cedar").write_bytes(b"a")
    (tmp_path / "c.txt").write_bytes(b"c")
    assert DISK.is_folder(tmp_path)
    assert not DISK.is_file(tmp_path)
    assert [path.name for path in DISK.policies_in(tmp_path)] == ["a.cedar", "b.cedar"]
    assert DISK.read(tmp_path / "a.cedar") == b"a"


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.cedar")
    with pytest.raises(OSError, match="not a regular file"):
        DISK.read(tmp_path / "pipe.cedar")


def test_what_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LARGEST", 3)
    (tmp_path / "a").write_bytes(b"abcd")
    with pytest.raises(OSError, match="larger than"):
        DISK.read(tmp_path / "a")


def test_a_snapshot_says_the_same_for_ever_and_knows_when_the_disk_says_something_else(tmp_path: Path) -> None:
    path, missing = tmp_path / "a.cedar", tmp_path / "b.cedar"
    path.write_bytes(b"a")
    found = Snapshot()
    found.peek(path)
    found.peek(missing)
    before = (found.is_folder(tmp_path), found.is_file(path), found.policies_in(tmp_path), found.digest)
    assert found.is_current()
    path.write_bytes(b"other")
    missing.write_bytes(b"b")
    assert (found.is_folder(tmp_path), found.is_file(path), found.policies_in(tmp_path), found.digest) == before
    assert found.read(path) == b"a"
    assert found.content == {path: b"a"}
    with pytest.raises(FileNotFoundError):
        found.read(missing)
    assert not found.is_current()
    assert Snapshot().digest != found.digest


def test_a_memory_is_a_disk_of_its_own(tmp_path: Path) -> None:
    kept = Memory({tmp_path / "set" / "b.cedar": b"b", tmp_path / "set" / "a.cedar": b"a", tmp_path / "x.json": b"x"})
    assert kept.is_folder(tmp_path / "set")
    assert not kept.is_folder(tmp_path / "other")
    assert kept.is_file(tmp_path / "x.json")
    assert not kept.is_file(tmp_path / "set")
    assert [path.name for path in kept.policies_in(tmp_path / "set")] == ["a.cedar", "b.cedar"]
    assert kept.read(tmp_path / "x.json") == b"x"
    with pytest.raises(FileNotFoundError):
        kept.read(tmp_path / "y.json")
