"""Every command is known for what it could do, and those that could approve or loosen are really run."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click
import pytest

from rule_of_two.cli.main import cli
from rule_of_two.doctor import commands, state
from rule_of_two.doctor.commands import OWN_CONFIGURATION, POWERS, Power
from rule_of_two.doctor.examine import running_probe
from rule_of_two.doctor.finding import Finding, Result
from rule_of_two.doctor.probe import Renewed
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
    with running_probe(patient.order, None) as running:
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
    assert renewed.sessions == (False, True, True, False)


def test_where_an_approver_is_enrolled_no_command_does_anything_unsigned(patient: Patient) -> None:
    patient.enrol("alice")
    found, renewed = _attempts(patient, "alice")
    open_ = {finding.attempt for finding in found if finding.open}
    assert open_ == {OWN_CONFIGURATION}
    assert renewed.sessions == (False, False, False, False)


@as_root
def test_a_command_that_this_user_cannot_run_is_left_to_the_other_attempts(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = patient.folder / "private"
    private.mkdir(mode=0o700)
    (private / "python").symlink_to("/bin/true")
    monkeypatch.setattr(commands, "PYTHON", (str(private / "python"), "-m"))
    with acting_as(NOBODY):
        found = commands.attempts(patient.brief())
    assert {finding.result for finding in found} == {Result.FAILED}
    assert {finding.evidence.partition(";")[0] for finding in found} == {"this user cannot run it"}


@pytest.mark.parametrize("code", [3, -9, 139])
def test_a_command_that_broke_off_is_not_tried_which_counts_as_open(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    end = f"import os; os.kill(os.getpid(), {-code})" if code < 0 else f"raise SystemExit({code})"
    (patient.folder / "broken.py").write_text(end)
    monkeypatch.setattr(commands, "PYTHON", (sys.executable, str(patient.folder / "broken.py")))
    assert {finding.result for finding in commands.attempts(patient.brief())} == {Result.UNTRIED}
