"""The key's file, and becoming somebody else."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

from rule_of_two.doctor import user
from rule_of_two.doctor.finding import Area, Result
from tests.approvals.samples import bare_key
from tests.doctor.samples import NOBODY, Patient, acting_as, as_root


def test_a_key_that_can_be_read_can_be_guessed_offline(patient: Patient) -> None:
    patient.enrol("alice")
    found = user.key(patient.key)
    assert (found.result, found.area) == (Result.SUCCEEDED, Area.REACH)
    assert "guessed" in found.evidence
    assert "others may read" not in found.evidence


def test_a_key_that_others_may_read_is_named_with_what_to_do(patient: Patient) -> None:
    patient.enrol("alice")
    patient.key.chmod(0o644)
    found = user.key(patient.key)
    assert "others may read it" in found.evidence
    assert found.close.startswith("`chmod 600` it")


def test_a_key_without_a_passphrase_is_named(patient: Patient) -> None:
    patient.key.write_bytes(bare_key())
    assert "has no passphrase" in user.key(patient.key).evidence
    patient.key.write_text("nonsense")
    assert "no key that can be used" in user.key(patient.key).evidence


@as_root
def test_a_key_that_is_kept_or_not_there_cannot_be_read(patient: Patient) -> None:
    assert user.key(patient.key).result is Result.FAILED
    patient.enrol("alice")
    with acting_as(NOBODY):
        assert user.key(patient.key).result is Result.FAILED


@as_root
def test_root_may_be_anybody_and_nobody_may_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user, "_ENGINES", ())
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert user.root().result is Result.SUCCEEDED
    with acting_as(NOBODY):
        assert user.root().result is Result.FAILED


@pytest.mark.parametrize(("code", "result"), [(0, Result.SUCCEEDED), (1, Result.FAILED)])
def test_sudo_without_a_password_is_a_way(
    code: int, result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sudo = tmp_path / "sudo"
    sudo.write_text(f"#!/bin/sh\n[ \"$1 $2\" = '-n true' ] || exit 3\nexit {code}\n")
    sudo.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(user, "_ENGINES", ())
    monkeypatch.setattr(os, "geteuid", lambda: NOBODY)
    assert user.root().result is result


def test_an_engine_that_runs_as_root_is_a_way(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    path = patient.folder / "docker.sock"
    monkeypatch.setattr(os, "geteuid", lambda: NOBODY)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(user, "_ENGINES", (path,))
    assert user.root().result is Result.FAILED
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        found = user.root()
    assert found.result is Result.SUCCEEDED
    assert str(path) in found.evidence
