"""`audit verify` over grants, deeds and several approvers: what is genuine is good, and each forgery of it is named."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from rule_of_two.approvals.answer import Answer, GrantTerms
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.command import Command
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.approvals.question import Question
from rule_of_two.approvals.receipts import signed_command_text
from rule_of_two.records import replace
from tests.attacks.test_forged_journal import ALICE, MALLORY, Forger, causes, receipt_of, verify
from tests.harness import House, outcome
from tests.people import SEND, cautious, enrol, granted, human, tainted

BOB = ApproverKey.generate()


def _run(house: House, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(house.command(*arguments), capture_output=True, text=True, check=False)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def genuine(tmp_path_factory: pytest.TempPathFactory) -> tuple[House, Question]:
    """Alice granted two calls, both ran; then she dropped C and froze the session by command."""
    house = House(tmp_path_factory.mktemp("granted"))
    cautious(house)
    enrol(house, ("alice", ALICE))
    async with house.gateway() as gateway, human(house, key=ALICE) as person:
        question = await granted(gateway, person, 2)
        assert outcome(await gateway.call("rec__send", {"to": "bob@example.org", "body": "again"})) == ("allow", None)
        for choice in (Choice.DROP, Choice.FREEZE):
            await person.command(question.session, choice)
    assert causes(house) == []
    assert verify(house)["checked"]["by_grant"] == 1
    return house, question


@pytest.fixture
def forged(genuine: tuple[House, Question], tmp_path: Path) -> tuple[House, Forger, Question]:
    """A copy of it, to be forged."""
    original, question = genuine
    house = House(tmp_path / "copy", settings=original.settings)
    shutil.copytree(original.folder, house.folder)
    return house, Forger(house), question


def _used(forger: Forger) -> int:
    """The decision that ran on the grant."""
    number: int = next(one["seq"] for one in forger.house.journal("decision") if "grant" in one)
    return number


def _granting(forger: Forger) -> int:
    number: int = next(one["seq"] for one in forger.house.journal("decision") if "approves" in one)
    return number


def _terms(forger: Forger, question: Question, **changes: Any) -> None:
    """Alice's grant, as if she had signed other terms."""
    given = GrantTerms.of(question, uses=2, minutes=5)
    said = Answer.to(question, Choice.GRANT, approver="alice", now=datetime.now(UTC), grant=replace(given, **changes))
    forger.change(forger.entry("answer")["seq"], receipt=receipt_of(said.signed(ALICE)))


def _a_third_use(forger: Forger, question: Question) -> tuple[str, str]:
    """Written before the session was dropped, so that it is not stopped by that."""
    first = forger.entry("command")["seq"]
    forger.run("UPDATE entries SET seq = seq + 100 WHERE seq >= ?", first)
    new = forger.again(_used(forger))
    forger.run("UPDATE entries SET seq = ? WHERE seq = ?", first, new)
    return f"d{first}", "used_up"


def _a_use_with_other_targets(forger: Forger, question: Question) -> tuple[str, str]:
    forger.change(_used(forger), targets=[{"kind": "recipient", "value": "eve@evil.example"}])
    return f"d{_used(forger)}", "outside_grant"


def _a_use_with_unreadable_targets(forger: Forger, question: Question) -> tuple[str, str]:
    targets = [{"kind": "recipient", "value": "bob@example.org"}, {"kind": "recipient", "value": None}]
    forger.change(_used(forger), targets=targets)
    return f"d{_used(forger)}", "outside_grant"


def _a_use_by_another_tool(forger: Forger, question: Question) -> tuple[str, str]:
    forger.change(_used(forger), name="private_send")
    return f"d{_used(forger)}", "outside_grant"


def _a_use_with_another_pin(forger: Forger, question: Question) -> tuple[str, str]:
    forger.change(_used(forger), pin=None)
    return f"d{_used(forger)}", "outside_grant"


def _a_use_under_other_policies(forger: Forger, question: Question) -> tuple[str, str]:
    forger.change(_used(forger), policy_version="0" * 64)
    return f"d{_used(forger)}", "outside_grant"


def _a_use_in_another_session(forger: Forger, question: Question) -> tuple[str, str]:
    forger.run("UPDATE entries SET session = 's-other' WHERE seq = ?", _used(forger))
    return f"d{_used(forger)}", "outside_grant"


def _a_use_after_its_end(forger: Forger, question: Question) -> tuple[str, str]:
    late = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    forger.run("UPDATE entries SET at = ? WHERE seq = ?", late, _used(forger))
    return f"d{_used(forger)}", "outside_grant"


def _a_use_after_the_session_gained_a_label(forger: Forger, question: Question) -> tuple[str, str]:
    forger.change(_used(forger), held={"B": 1, "C": 1})
    return f"d{_used(forger)}", "lapsed"


def _a_use_before_the_call_that_was_asked_about(forger: Forger, question: Question) -> tuple[str, str]:
    forger.change(_granting(forger), outcome="deny")
    return f"d{_used(forger)}", "no_approval"


def _terms_for_another_call_than_was_asked_about(forger: Forger, question: Question) -> tuple[str, str]:
    _terms(forger, question, targets=(("recipient", "eve@evil.example"),))
    return f"d{_granting(forger)}", "outside_grant"


def _terms_for_fewer_uses(forger: Forger, question: Question) -> tuple[str, str]:
    _terms(forger, question, uses=1)
    return f"d{_used(forger)}", "used_up"


def _a_plain_yes_in_place_of_the_grant(forger: Forger, question: Question) -> tuple[str, str]:
    said = Answer.to(question, Choice.YES, approver="alice", now=datetime.now(UTC)).signed(ALICE)
    forger.change(forger.entry("answer")["seq"], answer="yes", receipt=receipt_of(said))
    return f"d{_used(forger)}", "no_approval"


def _wider_terms_than_were_signed(forger: Forger, question: Question) -> tuple[str, str]:
    answer = forger.entry("answer")
    grant = {**answer["receipt"]["grant"], "uses": 99}
    forger.change(answer["seq"], receipt__grant=grant)
    return f"#{answer['seq']}", "bad_signature"


def _an_act_after_c_was_dropped(forger: Forger, question: Question) -> tuple[str, str]:
    forger.run("DELETE FROM entries WHERE kind = 'session' AND body LIKE '%freeze%'")
    forger.run("DELETE FROM entries WHERE kind = 'command' AND body LIKE '%freeze%'")
    return f"d{forger.again(_used(forger))}", "denied"


def _an_act_long_after_a_drop_that_nothing_says_was_carried_out(forger: Forger, question: Question) -> tuple[str, str]:
    forger.run("DELETE FROM entries WHERE kind = 'session' AND body LIKE '%\"by\"%'")
    forger.run("DELETE FROM entries WHERE kind = 'command' AND body LIKE '%freeze%'")
    new = forger.again(_used(forger))
    late = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    forger.run("UPDATE entries SET at = ? WHERE seq = ?", late, new)
    return f"d{new}", "denied"


def _anything_after_a_freeze(forger: Forger, question: Question) -> tuple[str, str]:
    return f"d{forger.again(_used(forger), labels=[], grant=None)}", "denied"


def _a_repeated_command(forger: Forger, question: Question) -> tuple[str, str]:
    return f"#{forger.again(forger.entry('command')['seq'])}", "replayed"


def _a_command_for_another_session(forger: Forger, question: Question) -> tuple[str, str]:
    command = forger.entry("command")
    forger.run("UPDATE entries SET session = 's-other' WHERE seq = ?", command["seq"])
    return f"#{command['seq']}", "entry_differs"


def _a_drop_turned_into_a_new_session(forger: Forger, question: Question) -> tuple[str, str]:
    command = forger.entry("command")
    forger.change(command["seq"], command="new", receipt__choice="new")
    return f"#{command['seq']}", "bad_signature"


def _a_clean_session_by_anothers_word(forger: Forger, question: Question) -> tuple[str, str]:
    command = Command.to(question.session, Choice.NEW, approver="alice", now=datetime.now(UTC)).signed(MALLORY)
    body = {"command": "new", "by": "alice", "receipt": json.loads(signed_command_text(command))}
    forger.append("command", question.session, None, body)
    new = forger.append("session", "s-x", None, {"event": "new", "instead_of": question.session, "by": "alice"})
    return f"#{new}", "no_word"


FORGERIES = [one for name, one in list(globals().items()) if name.startswith(("_a", "_terms_", "_wider"))]


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__.strip("_"))
def test_a_forgery_is_found_and_named(
    forged: tuple[House, Forger, Question], forge: Callable[[Forger, Question], tuple[str, str]]
) -> None:
    house, forger, question = forged
    expected = forge(forger, question)
    assert expected in causes(house)


async def test_two_people_are_two_and_one_of_them_is_not(house: House) -> None:
    house.settings["policies"] = ["default", "four-eyes"]
    enrol(house, ("alice", ALICE), ("bob", BOB))
    async with (
        house.gateway() as gateway,
        human(house, key=ALICE) as alice,
        human(house, key=BOB, name="bob") as bob,
    ):
        await tainted(gateway)
        waiting = gateway.start("tools/call", SEND)
        alice.give(await alice.question())
        bob.give(await bob.question())
        assert outcome((await waiting)["result"]) == ("allow", None)
    facts = verify(house)
    assert (facts["good"], facts["checked"]["signed"]) == (True, 2)
    forger = Forger(house)
    decision = _granting(forger)
    second = forger.entry("answer", 1)["seq"]
    forger.run("UPDATE entries SET body = ? WHERE seq = ?", forger.row(forger.entry("answer")["seq"])[4], second)
    found = [(one["name"], one["cause"]) for one in verify(house)["findings"]]
    chain = [("journal", "unguarded"), (f"#{second}", "changed")]
    assert found == [*chain, (f"#{second}", "replayed"), (f"d{decision}", "no_approval")]


async def test_a_key_that_is_not_enrolled_any_more_can_be_given_in_a_file(house: House) -> None:
    enrol(house, ("alice", ALICE))
    async with house.gateway() as gateway, human(house, key=ALICE) as person:
        await tainted(gateway)
        waiting = gateway.start("tools/call", SEND)
        person.give(await person.question())
        await waiting
    enrol(house, ("bob", BOB))
    assert [one["cause"] for one in verify(house)["findings"]] == ["unknown_key", "no_approval"]
    former = house.folder / "former.yaml"
    former.write_text(f"- {{name: alice, key: {ALICE.public.line}}}\n")
    assert verify(house, "--approvers", str(former))["good"]


@pytest.mark.parametrize("text", ["name: alice", "- {name: alice}", "- {name: alice, key: ssh-ed25519 AAAA}", "- x"])
def test_a_file_of_approvers_that_is_none_is_refused(house: House, text: str) -> None:
    former = house.folder / "former.yaml"
    former.write_text(text)
    done = _run(house, "audit", "verify", "--approvers", str(former))
    assert (done.returncode, done.stdout) == (2, "")
    assert "former.yaml" in done.stderr


async def test_unsigned_answers_are_told_as_advisory(house: House) -> None:
    async with house.gateway() as gateway, human(house) as person:
        await tainted(gateway)
        waiting = gateway.start("tools/call", SEND)
        person.give(await person.question())
        result = (await waiting)["result"]
    facts = verify(house)
    assert (facts["good"], facts["not_checked"]["unsigned"]) == (True, 1)
    assert facts["on_unsigned"] == [result["_meta"]["rule-of-two/decision"]["id"]]
    shown = _run(house, "audit", "verify").stdout
    assert "Not checked: 1 unsigned answers or commands: advisory" in shown
    assert f"Calls that rest on unsigned answers: {facts['on_unsigned'][0]}." in shown


async def test_a_new_session_by_a_signed_word_and_a_read_after_a_drop_are_good(house: House) -> None:
    enrol(house, ("alice", ALICE))
    async with house.gateway() as gateway, human(house, key=ALICE) as person:
        await gateway.call("rec__private_send", {"to": "bob@example.org"})
        waiting = gateway.start("tools/call", {"name": "rec__read_untrusted", "arguments": {}})
        question = await person.question()
        person.give(question, Choice.DROP)
        assert outcome((await waiting)["result"]) == ("allow", None)
        await person.command(question.session, Choice.NEW)
        assert outcome(await gateway.call("rec__send", SEND["arguments"])) == ("allow", None)
    facts = verify(house)
    assert (facts["good"], facts["checked"]["signed"], facts["checked"]["commands"]) == (True, 2, 1)


async def test_what_is_masked_is_counted_as_not_recomputed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "hunter2-hunter2")
    house.servers = {"rec": {**house.recorder("sent"), "env": {"TOKEN": "${env:TOKEN}"}}}
    enrol(house, ("alice", ALICE))
    async with house.gateway() as gateway, human(house, key=ALICE) as person:
        await tainted(gateway)
        waiting = gateway.start("tools/call", {"name": "rec__send", "arguments": {"body": "hunter2-hunter2"}})
        person.give(await person.question())
        assert outcome((await waiting)["result"]) == ("allow", None)
    facts = verify(house)
    assert (facts["good"], facts["not_checked"]["digests_masked"], facts["checked"]["digests"]) == (True, 1, 0)


def test_where_there_is_no_journal_nothing_is_called_good(house: House) -> None:
    done = _run(house, "audit", "verify")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no journal" in done.stderr
