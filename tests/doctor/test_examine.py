"""The whole examination, with real processes: each tier, and each kind of hole in a house that is separate."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from rule_of_two.doctor.account import Account
from rule_of_two.doctor.examine import Examination, examine
from rule_of_two.doctor.finding import Result
from rule_of_two.errors import ConfigurationError
from rule_of_two.model import Tier
from tests.doctor.samples import NOBODY, Patient, acting_as, as_root, one
from tests.doctor.terminals import a_console


def _examined(patient: Patient, *, agent: int | None = None) -> Examination:
    account = None if agent is None else Account.of(agent)
    return examine(patient.file, state=patient.state, key=patient.key, agent=account)


def test_where_nobody_is_enrolled_it_is_t0_and_nothing_is_left_behind(patient: Patient) -> None:
    before = patient.files()
    found = _examined(patient)
    assert found.assurance.tier is Tier.ADVISORY
    assert "no approver is enrolled" in found.assurance.reasons
    assert one(found.findings, "answer a question, unsigned").result is Result.SUCCEEDED
    assert patient.files() == before


def test_where_an_approver_is_enrolled_and_the_user_is_the_same_it_is_t1(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient.enrol("alice")
    patient.begin()
    before = {path: path.read_bytes() for path in patient.folder.rglob("*") if path.is_file()}
    found = _examined(patient)
    assert found.assurance.tier is Tier.SIGNED, found.assurance.reasons
    assert one(found.findings, "forge a receipt").result is Result.SUCCEEDED
    assert one(found.findings, "run `session new` with a configuration of one's own").result is Result.FAILED
    assert {path: path.read_bytes() for path in patient.folder.rglob("*") if path.is_file()} == before


def _separate(patient: Patient) -> None:
    patient.enrol("alice")
    patient.begin()
    patient.state.chmod(0o700)


@as_root
def test_where_the_agent_is_another_user_who_reaches_nothing_it_is_t2(patient: Patient) -> None:
    _separate(patient)
    before = patient.files()
    found = _examined(patient, agent=NOBODY)
    assert found.assurance.tier is Tier.SEPARATE, found.assurance.reasons
    assert "T3" in found.assurance.reasons[0]
    assert str(NOBODY) in found.agent
    assert patient.files() == before


def _open_state(patient: Patient) -> None:
    patient.state.chmod(0o777)
    for file in patient.state.iterdir():
        file.chmod(0o666)


def _open_configuration(patient: Patient) -> None:
    patient.file.chmod(0o666)


def _open_folder(patient: Patient) -> None:
    patient.folder.chmod(0o777)


def _open_key(patient: Patient) -> None:
    patient.key.chmod(0o644)


HOLES: tuple[tuple[Callable[[Patient], None], str], ...] = (
    (_open_state, "forge a receipt"),
    (_open_configuration, "change the configuration"),
    (_open_folder, "change the approver's key"),
    (_open_key, "read the approver's key"),
)


@as_root
@pytest.mark.parametrize(("hole", "attempt"), HOLES)
def test_one_hole_in_a_separate_house_is_found_and_it_is_t1(
    patient: Patient, hole: Callable[[Patient], None], attempt: str
) -> None:
    _separate(patient)
    hole(patient)
    found = _examined(patient, agent=NOBODY)
    finding = one(found.findings, attempt)
    assert (found.assurance.tier, finding.result) == (Tier.SIGNED, Result.SUCCEEDED), found.assurance.reasons
    assert finding.close


@as_root
@pytest.mark.parametrize("enrolled", [True, False])
def test_root_who_acts_for_the_gateways_user_sees_what_that_user_could_do(patient: Patient, enrolled: bool) -> None:
    """The gateway to be tried must trust whom the real one trusts, which is not root alone."""
    if enrolled:
        patient.enrol("alice")
    patient.begin()
    for path in (patient.folder, *patient.folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    found = _examined(patient, agent=NOBODY)
    answered = one(found.findings, "answer a question, unsigned")
    assert answered.result is (Result.FAILED if enrolled else Result.SUCCEEDED), answered
    assert found.assurance.tier is (Tier.SIGNED if enrolled else Tier.ADVISORY), found.assurance.reasons
    assert {path.stat().st_uid for path in patient.folder.rglob("*")} == {NOBODY}


@as_root
def test_a_running_console_that_the_agent_can_read_is_t0_and_one_it_cannot_read_is_not(patient: Patient) -> None:
    """The key that approves lies unlocked in its memory."""
    _separate(patient)
    with a_console(patient.folder, str(patient.state)) as console:
        own, separate = _examined(patient), _examined(patient, agent=NOBODY)
    assert own.assurance.reasons == ("read a console's memory: succeeded", *own.assurance.reasons[1:])
    assert own.assurance.tier is Tier.ADVISORY
    assert str(console.id) in one(own.findings, "read a console's memory").evidence
    assert separate.assurance.tier is Tier.SEPARATE, separate.assurance.reasons
    assert {fact.what: fact.says for fact in separate.facts}["console"] == "1 running"


def test_elicitation_that_is_turned_on_is_t0_although_somebody_is_enrolled(patient: Patient) -> None:
    key = patient.enrol("alice").public.line
    channels = {"approvers": [{"name": "alice", "key": key}], "channels": ["console", "elicitation"]}
    patient.configure(approvals=channels)
    found = _examined(patient)
    assert found.assurance.tier is Tier.ADVISORY
    assert found.assurance.reasons == ("answer an elicitation: succeeded",)


def test_a_configuration_that_is_wrong_is_named_with_its_line(patient: Patient) -> None:
    patient.file.write_text("version: 1\nmcpServers: {}\nclientt: x\n")
    with pytest.raises(ConfigurationError, match=r":3: unknown key 'clientt'"):
        _examined(patient)


@as_root
def test_who_may_not_look_is_told_how_to_run_it(patient: Patient) -> None:
    patient.begin()
    with acting_as(NOBODY), pytest.raises(ConfigurationError, match="--agent USER` as root"):
        _examined(patient)
    patient.folder.chmod(0o700)
    with acting_as(NOBODY), pytest.raises(ConfigurationError, match="--agent USER` as root"):
        _examined(patient)
