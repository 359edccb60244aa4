"""`why`: from the journal alone, in a few lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from rule_of_two.audit.journal import Journal, OutcomeKind
from rule_of_two.audit.why import UnknownDecision, explain, origin_of
from rule_of_two.errors import Code
from rule_of_two.model import Action, Facts, Outcome, Principal, SessionView, StoredResource, Target, Verdict, labels_in
from rule_of_two.store.journal import JournalStore

FETCH = Facts(
    Action.CALL_TOOL,
    "web",
    "fetch",
    labels_in("AC"),
    targets=(Target("url", "evil.example", "https://evil.example/x"),),
)
READ = Facts(
    Action.CALL_TOOL,
    "files",
    "read_text_file",
    labels_in("B"),
    targets=(Target("path", "/home/alice/salary.txt", "/home/alice/salary.txt"),),
    reads=(StoredResource("files", "path", "/home/alice/salary.txt"),),
    lowered_by=("filesystem: rule 1 of read_text_file (path inside trusted_folders)",),
)
SEND = Facts(
    Action.CALL_TOOL, "mail", "send_mail", labels_in("C"), targets=(Target("recipient", "eve@evil.example", "eve"),)
)
SEEN = (
    "  The session held [A] since d1 web__fetch (evil.example) 2026-11-22 10:00:00Z; "
    "[B] since d3 files__read_text_file (/home/alice/salary.txt) 2026-11-22 10:00:02Z."
)
ALLOW = Verdict(Outcome.ALLOW, None, ("default.permit",))
ASK = Verdict(Outcome.ASK, None, ("r2.ask-third-label",), ("This gives the session all three.",))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JournalStore]:
    store = JournalStore(tmp_path)
    yield store
    store.close()


@pytest.fixture
def journal(store: JournalStore) -> Journal:
    times = iter(f"2026-11-22T10:00:{second:02}.000000+00:00" for second in range(60))
    return Journal(store, lambda: next(times), policy_version=lambda: "p1", principal=Principal(), client="generic")


async def _story(journal: Journal, *, answer: str | None = "yes") -> int:
    """A fetch, a private read, and a mail that completes the set. Returns the asking decision's number."""
    journal.decision_now(FETCH, SessionView("s-1"), ALLOW)
    journal.outcome(1, "s-1", "result")
    journal.decision_now(READ, SessionView("s-1", {"A": 1, "C": 1}), ALLOW, arguments={"path": "x"})
    number = journal.decision_now(SEND, SessionView("s-1", {"A": 1}, {"B": 3}), ASK)
    await journal.question(number, "s-1", {"question": "q", "digest": "ab" * 32, "arguments": {}})
    body = {
        "question": "q",
        "answer": answer,
        "approver": "alice",
        "assurance": "advisory: unsigned",
        "reason": "expired",
    }
    await journal.answer(number, "s-1", body)
    if answer == "yes":
        again = journal.decision_now(SEND, SessionView("s-1", {"A": 1}, {"B": 3}), ALLOW, approves=number)
        journal.outcome(again, "s-1", "result")
        await journal.flush()
    return number


async def test_an_approved_call_is_explained_from_its_origins_to_its_end(store: JournalStore, journal: Journal) -> None:
    number = await _story(journal)
    assert explain(store, f"d{number}").lines() == [
        "d4 asked: mail__send_mail to eve@evil.example [C], 2026-11-22 10:00:03Z, session s-1",
        SEEN,
        "  Because [r2.ask-third-label]: This gives the session all three.",
        "  Then a person was shown exactly this call (digest abababababab…), 2026-11-22 10:00:04Z.",
        "  Then alice answered yes (advisory: unsigned), 2026-11-22 10:00:05Z.",
        "  Then it was decided again with the session's state of that moment: d7 allow, 2026-11-22 10:00:06Z.",
        "  Then it was sent and its result handed over, 2026-11-22 10:00:07Z.",
    ]


async def test_a_question_without_an_answer_says_so(store: JournalStore, journal: Journal) -> None:
    number = await _story(journal, answer=None)
    assert explain(store, str(number)).lines()[-1] == "  Then nobody answered (expired), 2026-11-22 10:00:05Z."


async def test_a_question_that_nobody_answered_was_only_to_be_shown(store: JournalStore, journal: Journal) -> None:
    lines = explain(store, str(await _story(journal, answer=None))).lines()
    assert lines[3].startswith("  Then a person was to be shown exactly this call")


async def test_a_question_of_which_nothing_more_is_known_was_only_to_be_shown(
    store: JournalStore, journal: Journal
) -> None:
    """The gateway was killed while it waited."""
    number = journal.decision_now(SEND, SessionView("s-1"), ASK)
    await journal.question(number, "s-1", {"question": "q", "digest": "ab" * 32, "arguments": {}})
    assert explain(store, str(number)).lines()[-1].startswith("  Then a person was to be shown exactly this call")


async def test_a_question_with_nobody_attached_was_shown_to_nobody(store: JournalStore, journal: Journal) -> None:
    number = journal.decision_now(SEND, SessionView("s-1"), ASK)
    await journal.question(number, "s-1", {"question": "q", "digest": "ab" * 32, "arguments": {}})
    await journal.answer(number, "s-1", {"question": "q", "answer": None, "reason": "nobody_attached"})
    lines = explain(store, str(number)).lines()
    assert lines[-1].startswith("  Then nobody answered (nobody_attached)")
    assert "shown" not in "".join(lines)


HOSTILE = "x\n  Then alice answered yes.\x1b[2K\r\u2028\u202e\u200b"


async def test_no_text_from_outside_begins_a_line_or_moves_the_cursor(store: JournalStore, journal: Journal) -> None:
    facts = Facts(
        Action.CALL_TOOL, HOSTILE, HOSTILE, labels_in("A"), targets=(Target("url", HOSTILE, ""),), lowered_by=(HOSTILE,)
    )
    verdict = Verdict(Outcome.ASK, None, (HOSTILE,), (HOSTILE,), (HOSTILE,))
    journal.decision_now(facts, SessionView("s-1"), ALLOW)
    number = journal.decision_now(facts, SessionView("s-1", {"A": 1}), verdict)
    await journal.question(number, "s-1", {"question": "q", "digest": HOSTILE, "arguments": {}})
    answer = {"answer": HOSTILE, "approver": HOSTILE, "assurance": HOSTILE}
    await journal.answer(number, "s-1", answer)
    journal.outcome(number, "s-1", "lost", HOSTILE)
    await journal.flush()
    lines = explain(store, str(number)).lines()
    assert len(lines) == 7
    assert all(line.isprintable() for line in lines)
    assert explain(store, str(number)).as_facts()["name"] == HOSTILE


@pytest.mark.parametrize("kind", get_args(OutcomeKind))
async def test_every_outcome_can_be_told(store: JournalStore, journal: Journal, kind: OutcomeKind) -> None:
    number = journal.decision_now(SEND, SessionView("s-1"), ALLOW)
    journal.outcome(number, "s-1", kind, "because")
    await journal.flush()
    assert "(because)" in explain(store, str(number)).lines()[-1]


async def test_a_lowered_label_names_the_line_that_lowered_it(store: JournalStore, journal: Journal) -> None:
    await _story(journal)
    assert (
        "  A label was lowered by filesystem: rule 1 of read_text_file (path inside trusted_folders)."
        in explain(store, "d3").lines()
    )


async def test_a_denial_names_its_code_and_errors(store: JournalStore, journal: Journal) -> None:
    verdict = Verdict(Outcome.DENY, Code.POLICY_ERROR, (), (), ("entity is missing",))
    number = journal.decision_now(SEND, SessionView("s-1", {"A": 0}), verdict)
    lines = explain(store, f"d{number}").lines()
    assert lines[0].startswith("d1 denied: mail__send_mail")
    assert "[A] since before the first call" in lines[1]
    assert lines[2] == "  Because policy_error [no policy]: entity is missing"


async def test_scripts_get_the_same_facts(store: JournalStore, journal: Journal) -> None:
    facts = explain(store, f"d{await _story(journal)}").as_facts()
    assert facts["origins"]["A"]["decision"] == "d1"
    assert [one["kind"] for one in facts["followed"]] == ["question", "answer", "decision", "outcome"]
    assert facts["policy_version"] == "p1"


async def test_the_journal_names_calls_and_digests_not_contents(store: JournalStore, journal: Journal) -> None:
    await _story(journal)
    entry = store.get(3)
    assert entry is not None
    assert "arguments" not in entry.body
    assert len(entry.body["arguments_sha256"]) == 64
    assert entry.body["reads"] == ["files:path:/home/alice/salary.txt"]


@pytest.mark.parametrize("reference", ["d99", "", "d", "d-1", "d2", "x" * 50, "d٣", "9" * 40])
async def test_what_is_no_decision_is_said_to_be_none(store: JournalStore, journal: Journal, reference: str) -> None:
    await _story(journal)
    with pytest.raises(UnknownDecision, match="no decision"):
        explain(store, reference)


def test_the_origin_of_number_zero_is_no_call(store: JournalStore) -> None:
    assert origin_of(store, 0).what == "before the first call"
