"""`audit verify`: what is written into the journal with plain SQL is found and named; what is genuine is not.

Each forgery changes one thing in a journal that a real gateway wrote, with alice's key enrolled.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from rule_of_two.approvals.answer import Answer
from rule_of_two.approvals.approvers import Enrolled
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.approvals.question import Question
from rule_of_two.approvals.receipts import receipt_text
from rule_of_two.audit.verify import verify as check
from rule_of_two.gateway.witness import KeyWitness
from rule_of_two.model import Approver
from rule_of_two.records import replace
from rule_of_two.store.journal import JournalStore
from tests.harness import House, outcome
from tests.people import enrol, human, tainted

ALICE, MALLORY = ApproverKey.generate(), ApproverKey.generate()
PRIVATE_SEND: dict[str, Any] = {"name": "rec__private_send", "arguments": {"to": "bob@example.org", "cents": 100.0}}


def verify(house: House, *arguments: str) -> dict[str, Any]:
    """What `audit verify` finds; its exit code agrees with it."""
    done = subprocess.run(house.command("--json", "audit", "verify", *arguments), capture_output=True, check=False)
    facts: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if facts["good"] else 1), done.stderr
    return facts


def causes(house: House) -> list[tuple[str, str]]:
    """Name and cause of each finding, with alice's key at hand."""
    witness = KeyWitness([Enrolled(Approver("alice", "alice", "local", signed=True), ALICE.public)])
    with contextlib.closing(JournalStore(house.state)) as store:
        return [(one.where, one.cause) for one in check(store.everything(), witness).findings.found]


class Forger:
    """Writes the journal's file as an attacker would: nothing of ours stands in the way."""

    def __init__(self, house: House) -> None:
        self.path = house.state / "journal.db"
        self.house = house

    def run(self, statement: str, *values: object) -> int:
        with contextlib.closing(sqlite3.connect(self.path)) as db, db:
            db.execute("DROP TRIGGER IF EXISTS entries_no_update")
            db.execute("DROP TRIGGER IF EXISTS entries_no_delete")
            return db.execute(statement, values).lastrowid or 0

    def entry(self, kind: str, index: int = 0) -> dict[str, Any]:
        return self.house.journal(kind)[index]

    def row(self, number: int) -> tuple[Any, ...]:
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            query = "SELECT at, kind, session, decision, body FROM entries WHERE seq = ?"
            row: tuple[Any, ...] = db.execute(query, (number,)).fetchone()
        return row

    def change(self, number: int, **members: Any) -> None:
        """Change members of an entry's body; those of `receipt` by `receipt__name`."""
        body = json.loads(self.row(number)[4])
        for name, value in members.items():
            outer, _, inner = name.partition("__")
            if inner:
                body[outer][inner] = value
            else:
                body[outer] = value
        self.run("UPDATE entries SET body = ? WHERE seq = ?", json.dumps(body), number)

    def append(self, kind: str, session: str | None, decision: int | None, body: object, at: str | None = None) -> int:
        at = at or datetime.now(UTC).isoformat()
        text = body if isinstance(body, (str, bytes)) else json.dumps(body)
        statement = "INSERT INTO entries (at, kind, session, decision, body) VALUES (?, ?, ?, ?, ?)"
        return self.run(statement, at, kind, session, decision, text)

    def again(self, number: int, **members: Any) -> int:
        """Append a copy of an entry, changed."""
        at, kind, session, decision, text = self.row(number)
        new = self.append(kind, session, decision, text, at)
        self.change(new, **members)
        return new


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def genuine(tmp_path_factory: pytest.TempPathFactory) -> tuple[House, Question]:
    """A journal in which alice said yes to one call, and it ran."""
    house = House(tmp_path_factory.mktemp("genuine"))
    enrol(house, ("alice", ALICE))
    async with house.gateway() as gateway, human(house, key=ALICE) as person:
        await tainted(gateway)
        waiting = gateway.start("tools/call", PRIVATE_SEND)
        question = await person.question()
        person.give(question)
        assert outcome((await waiting)["result"]) == ("allow", None)
    assert causes(house) == []
    return house, question


@pytest.fixture
def approved(genuine: tuple[House, Question], tmp_path: Path) -> tuple[House, Forger, Question]:
    """A copy of it, to be forged."""
    original, question = genuine
    house = House(tmp_path / "copy", settings=original.settings)
    shutil.copytree(original.folder, house.folder)
    return house, Forger(house), question


Approved = tuple[House, Forger, Question]


def _ran(forger: Forger) -> int:
    """The decision that ran on the yes."""
    number: int = next(one["seq"] for one in forger.house.journal("decision") if "approves" in one)
    return number


def receipt_of(answer: Answer) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(receipt_text(answer))
    return value


def test_a_genuine_journal_is_good_and_says_what_was_checked(approved: Approved) -> None:
    house, _, _ = approved
    facts = verify(house)
    checked = facts["checked"]
    assert (checked["questions"], checked["answers"], checked["signed"]) == (1, 1, 1)
    assert (checked["digests"], checked["by_people"], checked["by_grant"]) == (1, 1, 0)
    assert set(facts["not_checked"].values()) == {0}
    shown = subprocess.run(house.command("audit", "verify"), capture_output=True, text=True, check=True).stdout
    assert "Nothing is wrong." in shown
    assert "1 verified with the enrolled key" in shown


Forgery = Callable[[Forger, Question], tuple[str, str]]


def _an_answer_by_another_key(forger: Forger, question: Question) -> tuple[str, str]:
    answer = forger.entry("answer")
    said = Answer.to(question, Choice.YES, approver="alice", now=datetime.now(UTC)).signed(MALLORY)
    forger.change(answer["seq"], receipt=receipt_of(said))
    return f"#{answer['seq']}", "unknown_key"


def _an_answer_by_another_key_with_her_fingerprint(forger: Forger, question: Question) -> tuple[str, str]:
    answer = forger.entry("answer")
    said = Answer.to(question, Choice.YES, approver="alice", now=datetime.now(UTC)).signed(MALLORY)
    forger.change(answer["seq"], receipt=receipt_of(replace(said, key=ALICE.public.fingerprint)))
    return f"#{answer['seq']}", "bad_signature"


def _an_answer_without_a_signature(forger: Forger, question: Question) -> tuple[str, str]:
    answer = forger.entry("answer")
    forger.change(answer["seq"], receipt__signature=None, receipt__key=None)
    return f"#{answer['seq']}", "unsigned"


def _an_answer_without_a_receipt(forger: Forger, question: Question) -> tuple[str, str]:
    answer = forger.entry("answer")
    body = json.loads(forger.row(answer["seq"])[4])
    del body["receipt"]
    forger.run("UPDATE entries SET body = ? WHERE seq = ?", json.dumps(body), answer["seq"])
    return f"#{answer['seq']}", "unsigned"


def _an_answer_as_if_through_the_client(forger: Forger, question: Question) -> tuple[str, str]:
    answer = forger.entry("answer")
    forger.change(answer["seq"], receipt__signature=None, receipt__key=None, receipt__channel="elicitation")
    return f"#{answer['seq']}", "unsigned"


def _an_answer_in_another_name(forger: Forger, question: Question) -> tuple[str, str]:
    answer = forger.entry("answer")
    forger.change(answer["seq"], approver="root", receipt__approver="root")
    return f"#{answer['seq']}", "bad_signature"


def _a_no_turned_into_a_yes(forger: Forger, question: Question) -> tuple[str, str]:
    answer = forger.entry("answer")
    no = Answer.to(question, Choice.NO, approver="alice", now=datetime.now(UTC)).signed(ALICE)
    forger.change(answer["seq"], receipt=receipt_of(replace(no, verdict=Choice.YES)))
    return f"#{answer['seq']}", "bad_signature"


def _a_no_shown_as_a_yes(forger: Forger, question: Question) -> tuple[str, str]:
    answer = forger.entry("answer")
    no = Answer.to(question, Choice.NO, approver="alice", now=datetime.now(UTC)).signed(ALICE)
    forger.change(answer["seq"], receipt=receipt_of(no))
    return f"#{answer['seq']}", "entry_differs"


def _an_unreadable_receipt(forger: Forger, question: Question) -> tuple[str, str]:
    answer = forger.entry("answer")
    forger.change(answer["seq"], receipt={"signature": ["x"]})
    return f"#{answer['seq']}", "unreadable"


def _an_answer_to_nothing(forger: Forger, question: Question) -> tuple[str, str]:
    other = replace(question, id="00" * 8)
    said = Answer.to(other, Choice.YES, approver="alice", now=datetime.now(UTC)).signed(ALICE)
    new = forger.again(forger.entry("answer")["seq"], question=other.id, receipt=receipt_of(said))
    return f"#{new}", "unknown_question"


def _a_replayed_answer(forger: Forger, question: Question) -> tuple[str, str]:
    return f"#{forger.again(forger.entry('answer')['seq'])}", "replayed"


def _an_answer_that_came_too_late(forger: Forger, question: Question) -> tuple[str, str]:
    answer = forger.entry("answer")
    late = (question.expires_at + timedelta(minutes=1)).isoformat()
    forger.run("UPDATE entries SET at = ? WHERE seq = ?", late, answer["seq"])
    return f"#{answer['seq']}", "expired"


def _an_answer_of_another_session(forger: Forger, question: Question) -> tuple[str, str]:
    answer = forger.entry("answer")
    forger.run("UPDATE entries SET session = 's-other' WHERE seq = ?", answer["seq"])
    return f"#{answer['seq']}", "other_session"


def _an_answer_signed_for_another_session(forger: Forger, question: Question) -> tuple[str, str]:
    answer = forger.entry("answer")
    said = Answer.to(question, Choice.YES, approver="alice", now=datetime.now(UTC))
    forger.change(answer["seq"], receipt=receipt_of(replace(said, session="s-other").signed(ALICE)))
    return f"#{answer['seq']}", "other_session"


def _an_answer_moved_to_another_decision(forger: Forger, question: Question) -> tuple[str, str]:
    answer = forger.entry("answer")
    forger.run("UPDATE entries SET decision = 1 WHERE seq = ?", answer["seq"])
    return f"#{answer['seq']}", "other_call"


def _an_answer_for_something_else(forger: Forger, question: Question) -> tuple[str, str]:
    answer = forger.entry("answer")
    other = replace(question, arguments_json=question.arguments_json.replace("bob", "eve"))
    said = Answer.to(other, Choice.YES, approver="alice", now=datetime.now(UTC)).signed(ALICE)
    forger.change(answer["seq"], receipt=receipt_of(said), digest=said.digest)
    return f"#{answer['seq']}", "other_call"


def _a_question_with_other_arguments(forger: Forger, question: Question) -> tuple[str, str]:
    asked = forger.entry("question")
    forger.change(asked["seq"], arguments__to="carol@example.org")
    return f"#{asked['seq']}", "digest"


def _a_question_with_members_that_no_question_has(forger: Forger, question: Question) -> tuple[str, str]:
    asked = forger.entry("question")
    forger.change(asked["seq"], nonce=7)
    return f"#{asked['seq']}", "digest"


def _a_question_asked_twice(forger: Forger, question: Question) -> tuple[str, str]:
    return f"#{forger.again(forger.entry('question')['seq'])}", "repeated"


def _a_question_that_joins_nothing(forger: Forger, question: Question) -> tuple[str, str]:
    body = {"question": "nothing", "digest": question.digest, "joins": 1}
    return f"#{forger.append('question', question.session, 99, body)}", "unknown_question"


def _a_call_with_other_arguments(forger: Forger, question: Question) -> tuple[str, str]:
    forger.change(_ran(forger), arguments_sha256="0" * 64)
    return f"d{_ran(forger)}", "other_call"


def _a_call_of_another_session(forger: Forger, question: Question) -> tuple[str, str]:
    forger.run("UPDATE entries SET session = 's-other' WHERE seq = ?", _ran(forger))
    return f"d{_ran(forger)}", "other_call"


def _a_call_of_another_tool(forger: Forger, question: Question) -> tuple[str, str]:
    forger.change(_ran(forger), name="everything_at_once")
    return f"d{_ran(forger)}", "other_call"


def _a_call_at_another_server(forger: Forger, question: Question) -> tuple[str, str]:
    forger.change(_ran(forger), upstream="evil")
    return f"d{_ran(forger)}", "other_call"


def _a_call_of_another_action(forger: Forger, question: Question) -> tuple[str, str]:
    forger.change(_ran(forger), action="read_resource")
    return f"d{_ran(forger)}", "other_call"


def _a_call_with_another_pin(forger: Forger, question: Question) -> tuple[str, str]:
    forger.change(_ran(forger), pin="0" * 64)
    return f"d{_ran(forger)}", "other_call"


def _a_call_under_another_policy_version(forger: Forger, question: Question) -> tuple[str, str]:
    forger.change(_ran(forger), policy_version="0" * 64)
    return f"d{_ran(forger)}", "other_call"


def _a_call_after_its_yes_had_expired(forger: Forger, question: Question) -> tuple[str, str]:
    late = (question.expires_at + timedelta(minutes=1)).isoformat()
    forger.run("UPDATE entries SET at = ? WHERE seq = ?", late, _ran(forger))
    return f"d{_ran(forger)}", "expired"


def _a_second_call_on_the_yes(forger: Forger, question: Question) -> tuple[str, str]:
    return f"d{forger.again(_ran(forger))}", "used_twice"


def _a_call_in_a_session_that_held_more_than_was_shown(forger: Forger, question: Question) -> tuple[str, str]:
    forger.change(_ran(forger), held={"A": 1, "B": 1, "C": 1})
    return f"d{_ran(forger)}", "other_labels"


def _a_call_without_a_yes(forger: Forger, question: Question) -> tuple[str, str]:
    forger.run("DELETE FROM entries WHERE kind = 'answer'")
    return f"d{_ran(forger)}", "no_approval"


def _a_call_that_needed_two(forger: Forger, question: Question) -> tuple[str, str]:
    forger.change(forger.entry("question")["seq"], needs=2)
    return f"d{_ran(forger)}", "no_approval"


def _a_call_after_a_no(forger: Forger, question: Question) -> tuple[str, str]:
    no = Answer.to(question, Choice.NO, approver="alice", now=datetime.now(UTC)).signed(ALICE)
    forger.change(forger.entry("answer")["seq"], answer="no", receipt=receipt_of(no))
    return f"d{_ran(forger)}", "no_approval"


def _a_call_on_a_question_that_was_not_asked(forger: Forger, question: Question) -> tuple[str, str]:
    forger.change(_ran(forger), approves=1)
    return f"d{_ran(forger)}", "no_approval"


def _a_completing_call_that_nobody_was_asked_about(forger: Forger, question: Question) -> tuple[str, str]:
    body = json.loads(forger.row(_ran(forger))[4])
    del body["approves"]
    return f"d{forger.append('decision', question.session, None, body)}", "no_approval"


def _a_grant_that_nobody_gave(forger: Forger, question: Question) -> tuple[str, str]:
    body = json.loads(forger.row(_ran(forger))[4])
    del body["approves"]
    body["grant"] = question.id
    return f"d{forger.append('decision', question.session, None, body)}", "no_approval"


def _a_clean_session_without_a_word(forger: Forger, question: Question) -> tuple[str, str]:
    body = {"event": "new", "instead_of": question.session, "by": "alice"}
    return f"#{forger.append('session', 's-new', None, body)}", "no_word"


def _a_call_after_a_freeze(forger: Forger, question: Question) -> tuple[str, str]:
    forger.append("session", question.session, None, {"event": "freeze", "by": "alice"})
    body = json.loads(forger.row(forger.entry("decision")["seq"])[4])
    return f"d{forger.append('decision', question.session, None, body)}", "denied"


def _a_decision_that_is_none(forger: Forger, question: Question) -> tuple[str, str]:
    return f"d{forger.append('decision', question.session, None, {'outcome': 'allow'})}", "unreadable"


def _a_command_without_a_receipt(forger: Forger, question: Question) -> tuple[str, str]:
    return f"#{forger.append('command', question.session, None, {'command': 'new', 'by': 'alice'})}", "unreadable"


def _a_line_that_is_no_json(forger: Forger, question: Question) -> tuple[str, str]:
    number = forger.append("decision", question.session, None, b"\xff\x00")
    return f"#{number}", "unreadable"


FORGERIES = [value for name, value in list(globals().items()) if name.startswith(("_a_", "_an_"))]


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__.strip("_"))
def test_a_forgery_is_found_and_named(approved: Approved, forge: Forgery) -> None:
    house, forger, question = approved
    expected = forge(forger, question)
    assert expected in causes(house)
