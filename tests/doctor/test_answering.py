"""Answers and commands through the socket of a real desk with a real judge."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.doctor import answering
from rule_of_two.doctor.brief import Brief, Probe
from rule_of_two.doctor.examine import running_probe
from rule_of_two.doctor.finding import Area, Finding, Result
from rule_of_two.doctor.probe import Order
from tests.approvals.samples import bare_key
from tests.doctor.samples import NOBODY, Patient, acting_as, as_root, one

UNSIGNED = "answer a question, unsigned"
OWN_KEY = "answer a question, signed with a key of one's own"
THEIR_KEY = "answer a question, signed with the approver's key"
COMMAND = "start a clean session through the socket, unsigned"


def _attempts(patient: Patient, *approvers: str) -> tuple[Finding, ...]:
    with running_probe(patient.order, None) as running:
        return answering.attempts(patient.brief(running.probe, approvers=approvers))


def _results(found: tuple[Finding, ...]) -> list[Result]:
    assert {finding.area for finding in found} == {Area.APPROVE}
    return [one(found, attempt).result for attempt in (UNSIGNED, OWN_KEY, THEIR_KEY, COMMAND)]


YES, NO = Result.SUCCEEDED, Result.FAILED


def test_where_nobody_is_enrolled_whoever_reaches_the_socket_approves(patient: Patient) -> None:
    assert _results(_attempts(patient)) == [YES, YES, NO, YES]


def test_where_an_approver_is_enrolled_only_the_key_in_use_approves(patient: Patient) -> None:
    patient.enrol("alice")
    found = _attempts(patient, "alice")
    assert _results(found) == [NO, NO, NO, NO]
    assert "signed answers only" in one(found, UNSIGNED).evidence
    assert "does not know your key" in one(found, OWN_KEY).evidence


def test_a_key_without_a_passphrase_signs_for_whoever_reads_it(patient: Patient) -> None:
    key = Ed25519PrivateKey.generate()
    patient.key.write_bytes(bare_key(key))
    lines = {"alice": ApproverKey.generate().public.line, "bob": ApproverKey(key).public.line}
    approvers = [{"name": name, "key": line} for name, line in lines.items()]
    patient.configure(approvals={"approvers": approvers})
    assert _results(_attempts(patient, *lines)) == [NO, NO, YES, NO]


def test_a_policy_that_wants_signatures_refuses_without_approvers_too(patient: Patient) -> None:
    (patient.folder / "signed.cedar").write_text(
        '@id("own.signed-only")\n@message("only signed")\nforbid (principal is Gateway::Approver, action, resource)\n'
        "unless { principal.signed };\n"
    )
    patient.configure(policies=["default", "./signed.cedar"])
    assert _results(_attempts(patient)) == [NO, NO, NO, NO]


def test_over_a_loopback_port_the_token_of_the_folder_is_used(patient: Patient) -> None:
    deep = patient.folder / ("d" * 60) / ("e" * 60)
    with running_probe(Order(str(patient.file), str(deep)), None) as running:
        assert running.probe.endpoint.endswith(".json")
        assert set(json.loads(Path(running.probe.endpoint).read_text())) == {"port", "token"}
        found = answering.attempts(patient.brief(running.probe))
    assert _results(found) == [YES, YES, NO, YES]


@as_root
def test_another_user_reaches_no_socket_in_a_private_folder(patient: Patient) -> None:
    with running_probe(patient.order, None) as running:
        brief = patient.brief(running.probe)
        with acting_as(NOBODY):
            found = answering.attempts(brief)
    assert _results(found) == [NO, NO, NO, NO]
    assert "cannot be reached" in one(found, UNSIGNED).evidence


@as_root
def test_another_user_who_reaches_the_socket_is_not_trusted(patient: Patient) -> None:
    """As if somebody had opened the folders: the gateway asks the kernel who is there."""
    with running_probe(patient.order, None) as running:
        socket = Path(running.probe.endpoint)
        for path, mode in ((patient.state, 0o755), (socket.parent, 0o755), (socket, 0o777)):
            path.chmod(mode)
        brief = patient.brief(running.probe)
        with acting_as(NOBODY):
            found = answering.attempts(brief)
    assert _results(found) == [NO, NO, NO, NO]
    assert "closed the connection" in one(found, UNSIGNED).evidence


def test_a_gateway_that_says_nonsense_is_not_tried_which_counts_as_open(patient: Patient) -> None:
    import socket
    import threading

    path = patient.folder / "x.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def talk() -> None:
            for _ in range(3):
                peer, _ = listener.accept()
                with peer:
                    peer.recv(65536)
                    peer.sendall(b"nonsense\n")

        talking = threading.Thread(target=talk)
        talking.start()
        with running_probe(patient.order, None) as running:
            brief: Brief = patient.brief(_elsewhere(running.probe, path))
            found = answering.attempts(brief)
        talking.join()
    assert _results(found) == [Result.UNTRIED, Result.UNTRIED, NO, Result.UNTRIED]


def _elsewhere(probe: Probe, path: Path) -> Probe:
    return Probe(
        process=os.getpid(), endpoint=str(path), folder=probe.folder, sessions=probe.sessions, takes_elicitation=False
    )


def test_no_secret_is_in_what_is_found(patient: Patient) -> None:
    patient.enrol("alice")
    found = _attempts(patient, "alice")
    text = patient.key.read_text()
    assert not any(line and line in repr(found) for line in text.splitlines())


@pytest.mark.parametrize("turned_on", [True, False])
def test_the_judge_says_whether_a_yes_through_the_client_would_count(patient: Patient, turned_on: bool) -> None:
    patient.enrol("alice")
    if not turned_on:
        (patient.folder / "own.cedar").write_text(
            '@id("own.console-only")\n@message("only the console")\n'
            'forbid (principal is Gateway::Approver, action == Gateway::Action::"approve_call", resource)\n'
            'unless { context.channel == "console" };\n'
        )
        settings = json.loads(patient.file.read_text())
        patient.configure(**{**settings, "policies": ["default", "./own.cedar"]})
    with running_probe(patient.order, None) as running:
        assert running.probe.takes_elicitation is turned_on


def test_a_gateway_that_is_gone_is_not_tried_which_counts_as_open(patient: Patient) -> None:
    with running_probe(patient.order, None) as running:
        probe = running.probe
    assert _results(answering.attempts(patient.brief(probe))) == [Result.UNTRIED, Result.UNTRIED, NO, Result.UNTRIED]
