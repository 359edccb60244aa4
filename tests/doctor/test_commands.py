"""Every command is known for what it could do, and those that could approve or loosen are really run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import click
import pytest

from rule_of_two.cli.main import cli
from rule_of_two.doctor import commands, state
from rule_of_two.doctor.commands import OWN_CONFIGURATION, POWERS, Power
from rule_of_two.doctor.examine import running_probe
from rule_of_two.doctor.finding import Area, Finding, Result
from rule_of_two.doctor.probe import Order, Renewed
from tests.doctor.samples import NOBODY, Patient, acting_as, as_root, one


def _leaves(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from _leaves(command, (*path, name))
        else:
            yield " ".join((*path, name))


def test_every_command_is_classified() -> None:
    assert sorted(_leaves(cli)) == sorted(POWERS)


def _attempts(patient: Patient, *approvers: str) -> tuple[tuple[Finding, ...], Renewed]:
    with running_probe(Order(str(patient.file), str(patient.state)), None) as running:
        found = commands.attempts(patient.brief(running.probe, approvers=approvers))
        return found, running.end()


def test_every_command_that_is_to_be_tried_is_tried(patient: Patient) -> None:
    found, renewed = _attempts(patient)
    named = " ".join(finding.attempt for finding in found)
    assert [name for name, power in POWERS.items() if power is Power.TRIED and f"`{name}`" not in named] == []
    writing = " ".join(finding.attempt for finding in state.attempts(patient.brief()))
    assert "`manifest pin --accept`" in writing
    succeeded = {finding.attempt for finding in found if finding.result is Result.SUCCEEDED}
    assert succeeded == {
        "run `session drop`, unsigned",
        "run `session freeze`, unsigned",
        "run `session new`, unsigned",
        OWN_CONFIGURATION,
    }
    assert one(found, "run `console` without a terminal").result is Result.FAILED
    assert renewed.sessions == (False, True, True)


def test_where_an_approver_is_enrolled_no_command_does_anything_unsigned(patient: Patient) -> None:
    patient.enrol("alice")
    found, renewed = _attempts(patient, "alice")
    open_ = {finding.attempt for finding in found if finding.open}
    assert open_ == {OWN_CONFIGURATION}
    assert renewed.sessions == (False, False, False)
    finding = commands.renewed_by_own_configuration(one(found, OWN_CONFIGURATION), accepted=renewed.sessions[2])
    assert finding.result is Result.FAILED
    assert "no gateway goes on" in finding.evidence


@pytest.mark.parametrize("result", list(Result))
def test_a_session_that_a_gateway_accepts_stays_found(result: Result) -> None:
    finding = Finding(attempt=OWN_CONFIGURATION, area=Area.APPROVE, result=result, evidence="")
    assert commands.renewed_by_own_configuration(finding, accepted=True) == finding


def test_what_was_not_tried_stays_so_whatever_the_gateway_accepts() -> None:
    finding = Finding(attempt=OWN_CONFIGURATION, area=Area.APPROVE, result=Result.UNTRIED, evidence="")
    assert commands.renewed_by_own_configuration(finding, accepted=False) == finding


@as_root
def test_who_cannot_run_our_interpreter_could_bring_another_if_the_state_is_open(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = patient.folder / "private"
    private.mkdir(mode=0o700)
    program = private / "python"
    program.symlink_to("/bin/true")
    monkeypatch.setattr(commands, "PYTHON", (str(program), "-m"))
    probe = replace(patient.brief().probe, folder=str(patient.folder))
    with acting_as(NOBODY):
        closed = commands.attempts(patient.brief(probe))
    patient.folder.chmod(0o777)
    with acting_as(NOBODY):
        opened = commands.attempts(patient.brief(probe))
    assert {finding.result for finding in closed} == {Result.FAILED}
    assert {finding.result for finding in opened} == {Result.UNTRIED}
