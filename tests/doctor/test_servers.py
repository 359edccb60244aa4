"""Each server is started once: what it offers is compared with what was accepted, and nothing of it is left."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio
import pytest

from rule_of_two.doctor.fact import Fact
from rule_of_two.doctor.servers import servers
from rule_of_two.gateway.acceptance import offered_by
from rule_of_two.gateway.blueprint import Upstream, draw
from rule_of_two.gateway.config import load_config
from rule_of_two.gateway.definitions import pins_of
from rule_of_two.store.pins import PinStore
from rule_of_two.store.state import open_state
from tests.doctor.samples import Patient

UPSTREAMS = Path(__file__).parent.parent / "upstreams"


def _upstreams(patient: Patient) -> tuple[Upstream, ...]:
    return draw(load_config(patient.file), file=patient.file, state=patient.state).upstreams


def _found(patient: Patient) -> dict[str, Fact]:
    return {fact.what: fact for fact in servers(_upstreams(patient), patient.state, start=True)}


def _configure(patient: Patient, **also: object) -> None:
    script = {"command": sys.executable, "args": [str(UPSTREAMS / "notebook.py"), str(patient.folder / "notes")]}
    patient.configure(mcpServers={"notes": {**script, "manifest": str(UPSTREAMS / "notebook.yaml")}, **also})


def test_a_server_that_starts_is_said_to_and_one_that_ends_is_told_from_it(
    patient: Patient, capfd: pytest.CaptureFixture[str]
) -> None:
    ends = {"command": sys.executable, "args": ["-c", "raise SystemExit('no account')"], "manifest": "time"}
    _configure(patient, ends=ends)
    found = _found(patient)
    assert found["server notes"].good
    assert found["server notes"].says.startswith("starts and offers ")
    assert not found["server ends"].good
    assert found["server ends"].says.startswith("does not start: ")
    assert found["server ends"].says.endswith("it said last: [ends] no account")
    assert "start 'ends' by hand" in found["server ends"].next
    assert not patient.state.exists()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("changed", [False, True])
def test_what_changed_since_it_was_accepted_is_counted(patient: Patient, changed: bool) -> None:
    _configure(patient)
    (upstream,) = _upstreams(patient)

    async def accepted() -> None:
        identity, offered = await offered_by(upstream, patient.state)
        accepted = pins_of(offered[1:] if changed else offered, accepted_by="me", at="2026-01-01")
        await PinStore(database).replace(identity, accepted)

    database = open_state(patient.state)
    anyio.run(accepted)
    database.close()
    fact = _found(patient)["server notes"]
    assert fact.good is not changed
    assert ("1 definition changed since" in fact.says) is changed
    assert ("`rule-of-two manifest pin notes`" in fact.next) is changed
