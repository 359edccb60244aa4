"""What is set up, and what of it does not work."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing

from rule_of_two.doctor.fact import Fact
from rule_of_two.doctor.setup import facts
from rule_of_two.gateway.config import load_config
from tests.doctor.samples import Patient


def _facts(patient: Patient, *, start: bool = False) -> dict[str, Fact]:
    config = load_config(patient.file) if patient.file.exists() else None
    return {fact.what: fact for fact in facts(config, patient.file, patient.state, start=start)}


def test_servers_are_looked_for_and_matched_with_manifests(patient: Patient) -> None:
    patient.configure(
        mcpServers={
            "clock": {"command": "uvx", "args": ["mcp-server-time"], "env": {"PATH": ""}},
            "here": {"command": sys.executable, "manifest": "time"},
            "far": {"url": "https://mcp.example/mcp"},
        }
    )
    found = _facts(patient)
    assert (found["server clock"].good, found["server clock"].says) == (False, "its command 'uvx' was not found")
    assert (found["server here"].good, found["server here"].says) == (True, "its command was found")
    assert not found["server far"].good
    assert "no manifest names it" in found["server far"].says


def test_without_a_configuration_the_next_step_is_named(patient: Patient) -> None:
    patient.file.unlink()
    found = _facts(patient)
    assert not found["configuration"].good
    assert "`rule-of-two init`" in found["configuration"].next


def test_what_would_keep_a_gateway_from_starting_is_said(patient: Patient) -> None:
    patient.configure(mcpServers={"a": {"command": "x", "env": {"T": "${env:NOT_SET_ANYWHERE}"}}})
    found = _facts(patient)
    assert not found["a gateway"].good
    assert "NOT_SET_ANYWHERE" in found["a gateway"].says
    assert "server a" not in found


def test_approvers_are_named_and_nobody_is_called_advisory(patient: Patient) -> None:
    assert "advisory" in _facts(patient)["approvers"].says
    patient.enrol("alice", "bob")
    assert _facts(patient)["approvers"] == Fact("approvers", good=True, says="alice, bob")


def test_the_state_is_looked_at_and_not_made(patient: Patient) -> None:
    found = _facts(patient)
    assert found["state"].good
    assert found["sessions"].says == "there was none yet"
    assert not patient.state.exists()
    patient.begin()
    with closing(sqlite3.connect(patient.state / "state.db")) as db, db:
        db.execute("INSERT INTO sessions (id, key, boundary, created_at) VALUES ('s', '{}', 'human', '')")
    patient.state.chmod(0o750)
    found = _facts(patient)
    assert found["sessions"].says == "1 open"
    assert not found["state"].good
    assert found["state"].next == f"keep others out: `chmod 700 {patient.state}`"


def test_a_state_that_cannot_be_read_is_said(patient: Patient) -> None:
    patient.state.mkdir()
    (patient.state / "state.db").write_text("nonsense" * 1000)
    assert not _facts(patient)["sessions"].good


def test_no_secret_is_told(patient: Patient) -> None:
    patient.configure(mcpServers={"a": {"command": "x", "args": ["--token", "s3cret"], "env": {"T": "s3cret"}}})
    assert "s3cret" not in repr(_facts(patient))
