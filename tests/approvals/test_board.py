"""What the console knows, and the keys that count: only for the question that is on screen and has been read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rule_of_two.approvals.answer import Refusal, Unanswered
from rule_of_two.approvals.board import Board
from rule_of_two.approvals.choice import APPROVING, REFUSING, Choice
from rule_of_two.approvals.items import Deed, Item, Ordered, Said
from rule_of_two.approvals.keypad import MINUTES, USES, Keypad
from rule_of_two.approvals.messages import (
    PROTOCOL,
    Asked,
    Done,
    Ended,
    GatewayHello,
    Refused,
    Sessions,
    SessionStatus,
    Waits,
)
from rule_of_two.approvals.question import Question
from rule_of_two.approvals.question_list import Face
from rule_of_two.approvals.rest import SETTLE_SECONDS
from rule_of_two.approvals.spans import line_text
from rule_of_two.model import Target, Tier
from tests.approvals import samples
from tests.approvals.samples import NOW, WAIT, a_release

READY = 100 + SETTLE_SECONDS
EVERY = tuple(choice for choice in Choice if choice is not Choice.WITHOUT)
CONFIRMED = (Choice.DROP, Choice.GRANT, Choice.NEW)


def a_question(**members: Any) -> Question:
    """One that lives long enough for every test."""
    return samples.a_question(**{"wait": timedelta(hours=9), **members})


def asked(board: Board, question: Question, gateway: str = "g1") -> None:
    board.hear(gateway, Asked(question=question))


def on_screen(board: Board, *, read: bool = True, at: float = 100) -> Item:
    """The selected question, painted at ``at``."""
    assert board.selected is not None
    board.painted(board.showing, at)
    board.selected.read = read
    return board.selected


def press(board: Board, choice: Choice = Choice.YES, at: float = READY, late: float = 0) -> Deed | None:
    """``late``: by how many seconds the wall clock has moved more than the monotonic one."""
    return Keypad(board).press(choice, at=at, now=NOW + timedelta(seconds=at - READY + late))


def said(board: Board) -> str:
    """What the console says."""
    return " ".join(map(line_text, board.words))


@pytest.fixture
def board() -> Board:
    board = Board()
    board.hear("g1", GatewayHello(protocol=PROTOCOL, gateway="g1"))
    return board


@pytest.mark.parametrize("choice", [Choice.YES, Choice.NO, Choice.FREEZE])
def test_a_key_answers_the_question_on_screen(board: Board, choice: Choice) -> None:
    question = a_question(offers=EVERY)
    asked(board, question)
    item = on_screen(board)
    assert press(board, choice) == Said(item, choice)
    assert item.question is question
    assert item.sent is choice


def test_without_a_question_a_key_does_nothing(board: Board) -> None:
    assert press(board) is None
    board.select(1)
    board.turn(Face.WHY)
    assert board.face is Face.QUESTION


def test_how_a_question_ended_stays_on_screen_when_a_key_was_meant_for_it(board: Board) -> None:
    question = a_question()
    asked(board, question)
    on_screen(board)
    board.hear("g1", Ended(question_id=question.id, verdict=Choice.YES, approver="alice"))
    ended = said(board)
    for _ in range(2):
        assert press(board, Choice.NO) is None
        assert said(board) == f"{ended} Nothing is shown that this key could act on."
    asked(board, a_question())
    board.hear("g1", None)
    assert ended not in said(board)


@pytest.mark.parametrize("choice", Choice)
def test_a_key_just_after_a_question_appeared_is_ignored_with_a_hint(board: Board, choice: Choice) -> None:
    asked(board, a_question(offers=EVERY))
    on_screen(board)
    assert press(board, choice, at=READY - 0.01) is None
    assert "only just appeared" in said(board)


def test_a_key_before_the_question_was_painted_is_ignored(board: Board) -> None:
    asked(board, a_question())
    assert press(board, at=10_000) is None


def test_a_key_meant_for_a_question_that_has_just_gone_does_not_answer_the_next(board: Board) -> None:
    first, second = a_question(), a_question(now=NOW + timedelta(seconds=1))
    asked(board, first)
    asked(board, second)
    item = on_screen(board)
    assert item.question is first
    board.hear("g1", Ended(question_id=first.id, unanswered=Unanswered.WITHDRAWN))
    assert press(board, at=READY) is None
    item = on_screen(board, at=200)
    assert press(board, at=200.5) is None
    assert item.question is second
    assert press(board, at=202) == Said(item, Choice.YES)


def test_a_key_held_down_never_answers_the_next_question(board: Board) -> None:
    asked(board, a_question())
    on_screen(board)
    for repeat in range(100):
        assert press(board, at=100.1 + repeat / 30) is None


def test_painting_again_does_not_start_the_wait_anew(board: Board) -> None:
    asked(board, a_question())
    item = on_screen(board)
    board.painted(board.showing, 100.6)
    assert press(board, at=READY) == Said(item, Choice.YES)


def test_painting_a_question_that_is_no_longer_selected_counts_for_nothing(board: Board) -> None:
    first = a_question()
    asked(board, first)
    asked(board, a_question(now=NOW + timedelta(seconds=1)))
    gone = board.showing
    board.hear("g1", Ended(question_id=first.id, unanswered=Unanswered.EXPIRED))
    board.painted(gone, 200)
    assert press(board, at=300) is None


@pytest.mark.parametrize("choice", sorted(APPROVING))
def test_what_approves_needs_the_arguments_to_have_been_read(board: Board, choice: Choice) -> None:
    asked(board, a_question(offers=EVERY))
    on_screen(board, read=False)
    assert press(board, choice) is None
    assert board.confirmation.of is None
    assert "Read the arguments to their end" in said(board)


@pytest.mark.parametrize("choice", sorted(REFUSING))
def test_what_refuses_needs_no_reading(board: Board, choice: Choice) -> None:
    asked(board, a_question(offers=EVERY) if choice in EVERY else a_release(wait=timedelta(hours=9)))
    item = on_screen(board, read=False)
    assert press(board, choice) == Said(item, choice)


def test_an_answer_is_sent_once(board: Board) -> None:
    asked(board, a_question())
    on_screen(board)
    assert press(board, Choice.NO) is not None
    assert press(board, Choice.YES) is None
    assert "on its way" in said(board)


def test_an_expired_question_cannot_be_answered(board: Board) -> None:
    asked(board, a_question(wait=WAIT))
    on_screen(board)
    assert Keypad(board).press(Choice.YES, at=READY, now=NOW + WAIT) is None
    assert "expired" in said(board)


def test_a_refused_answer_is_told_and_may_be_given_again(board: Board) -> None:
    question = a_question()
    asked(board, question)
    item = on_screen(board)
    press(board)
    board.hear("g1", Refused(question_id=question.id, reason=Refusal.DIGEST_MISMATCH))
    assert "Nothing was approved" in said(board)
    assert press(board, at=READY + 5) == Said(item, Choice.YES)


def test_an_answer_that_could_not_be_sent_approved_nothing(board: Board) -> None:
    asked(board, a_question())
    item = on_screen(board)
    deed = press(board)
    assert deed is not None
    Keypad(board).not_sent(deed)
    assert item.sent is None
    assert "nothing was approved" in said(board)


def test_questions_of_all_gateways_are_listed_oldest_first_and_the_one_on_screen_stays(board: Board) -> None:
    late, early = a_question(now=NOW + timedelta(seconds=9)), a_question()
    asked(board, late, "g1")
    shown = board.selected
    asked(board, early, "g2")
    assert [item.question for item in board.items] == [early, late]
    assert board.selected is shown


def test_only_a_new_question_rings(board: Board) -> None:
    question = a_question()
    assert board.hear("g1", Asked(question=question))
    assert not board.hear("g1", Sessions(sessions=()))
    assert not board.hear("g1", Ended(question_id=question.id, unanswered=Unanswered.EXPIRED))
    assert not board.hear("g1", None)


def test_selecting_goes_round_and_shows_the_question_itself(board: Board) -> None:
    questions = [a_question(now=NOW + timedelta(seconds=number)) for number in range(3)]
    for question in questions:
        asked(board, question)
    board.turn(Face.ARGUMENTS)
    seen = []
    for step in (1, 1, 1, -1):
        board.select(step)
        assert board.selected is not None
        seen.append(questions.index(board.selected.question))
    assert seen == [1, 2, 0, 2]
    assert board.face is Face.QUESTION
    assert press(board, at=10_000) is None


def test_the_same_key_turns_to_a_side_and_back(board: Board) -> None:
    asked(board, a_question())
    faces = []
    for face in (Face.WHY, Face.ARGUMENTS, Face.ARGUMENTS):
        board.turn(face)
        faces.append(board.face)
    assert faces == [Face.WHY, Face.ARGUMENTS, Face.QUESTION]


def test_an_ending_counts_only_for_the_gateway_that_says_it(board: Board) -> None:
    question = a_question()
    asked(board, question, "g1")
    board.hear("g2", Ended(question_id=question.id, unanswered=Unanswered.EXPIRED))
    assert [item.question for item in board.items] == [question]


def test_a_gateway_that_goes_takes_its_questions_and_sessions_along(board: Board) -> None:
    status = SessionStatus(id="s", client="c", held=frozenset(("A",)))
    board.hear("g1", Sessions(sessions=(status,)))
    assert [row.status for row in board.roster.rows] == [status]
    asked(board, a_question(), "g1")
    asked(board, a_question(), "g2")
    board.hear("g1", None)
    assert [item.gateway for item in board.items] == ["g2"]
    assert board.roster.rows == ()
    assert "its gateway went away" in said(board)


def test_a_gateway_of_another_version_is_named_and_not_counted() -> None:
    board = Board()
    board.hear("g1", GatewayHello(protocol=PROTOCOL + 1, gateway="g1"))
    assert board.roster.tiers == {}
    assert "another version" in said(board)


@pytest.mark.parametrize("choice", [choice for choice in Choice if choice not in {Choice.YES, Choice.NO}])
def test_what_a_question_does_not_offer_is_explained_and_not_sent(board: Board, choice: Choice) -> None:
    asked(board, a_question())
    on_screen(board)
    assert press(board, choice) is None
    assert board.confirmation.of is None
    assert any(words in said(board) for words in ("not offered", "No grant here", "has not been sent"))


@pytest.mark.parametrize("choice", CONFIRMED)
def test_what_cannot_be_taken_back_needs_the_same_key_again_after_its_meaning_was_on_screen(
    board: Board, choice: Choice
) -> None:
    asked(board, a_question(offers=EVERY))
    item = on_screen(board)
    assert press(board, choice) is None
    assert board.confirmation.of is choice
    board.confirmation.terms_read = True
    assert press(board, choice, at=READY + 0.1) is None, "it was not painted"
    board.painted(board.showing, READY + 0.2)
    assert press(board, choice, at=READY + 0.3) is None, "it was not at rest"
    assert board.confirmation.sentence
    deed = press(board, choice, at=READY + 5)
    assert isinstance(deed, Said)
    assert (deed.item, deed.choice, item.sent) == (item, choice, choice)
    assert board.confirmation.of is None


def begun(board: Board, choice: Choice) -> Item:
    """A confirmation that has been on screen long enough: at 200 the next key counts."""
    item = on_screen(board)
    press(board, choice)
    assert board.confirmation.of is choice
    board.confirmation.terms_read = True
    board.painted(board.showing, 199)
    return item


@pytest.mark.parametrize("choice", CONFIRMED)
def test_a_confirmation_ends_with_its_question(board: Board, choice: Choice) -> None:
    first, second = a_question(offers=EVERY), a_question(offers=EVERY, now=NOW + timedelta(seconds=1))
    asked(board, first)
    asked(board, second)
    begun(board, choice)
    board.hear("g1", Ended(question_id=first.id, unanswered=Unanswered.WITHDRAWN))
    assert board.confirmation.of is None
    assert board.face is Face.QUESTION
    on_screen(board, at=200)
    assert press(board, choice, at=300) is None, "it begins anew"


@pytest.mark.parametrize("choice", CONFIRMED)
def test_a_confirmation_ends_when_another_question_is_selected(board: Board, choice: Choice) -> None:
    asked(board, a_question(offers=EVERY))
    asked(board, a_question(offers=EVERY, now=NOW + timedelta(seconds=1)))
    begun(board, choice)
    board.select(1)
    board.select(-1)
    on_screen(board, at=200)
    assert press(board, choice, at=300) is None


@pytest.mark.parametrize("choice", CONFIRMED)
def test_a_confirmation_ends_when_the_clock_jumps(board: Board, choice: Choice) -> None:
    asked(board, a_question(offers=EVERY))
    begun(board, choice)
    assert press(board, choice, at=200, late=3) is None
    assert board.confirmation.of is None
    assert "clock has jumped" in said(board)


@pytest.mark.parametrize("other", [Choice.YES, *CONFIRMED])
@pytest.mark.parametrize("choice", CONFIRMED)
def test_another_key_leaves_a_confirmation_and_does_nothing_else(board: Board, choice: Choice, other: Choice) -> None:
    if other is choice:
        return
    release = other is Choice.WITHOUT
    if release and choice is Choice.GRANT:
        return  # a release offers no grant that could be begun
    asked(board, a_release(wait=timedelta(hours=9)) if release else a_question(offers=EVERY))
    item = begun(board, choice)
    assert press(board, other, at=200) is None
    assert (board.confirmation.of, item.sent) == (None, None)
    assert "Left" in said(board)


@pytest.mark.parametrize("other", sorted(REFUSING))
@pytest.mark.parametrize("choice", CONFIRMED)
def test_no_is_no_during_a_confirmation_too(board: Board, choice: Choice, other: Choice) -> None:
    release = other is Choice.WITHOUT
    choice = Choice.NEW if release and choice is Choice.GRANT else choice  # there is no grant for what came back
    asked(board, a_release(wait=timedelta(hours=9)) if release else a_question(offers=EVERY))
    item = begun(board, choice)
    assert press(board, other, at=200) == Said(item, other)


@pytest.mark.parametrize("choice", CONFIRMED)
def test_escape_and_another_side_leave_a_confirmation(board: Board, choice: Choice) -> None:
    asked(board, a_question(offers=EVERY))
    begun(board, choice)
    assert board.leave()
    assert not board.leave()
    assert (board.confirmation.of, board.face) == (None, Face.QUESTION)
    board.painted(board.showing, 300)
    press(board, choice, at=400)
    board.turn(Face.WHY)
    assert (board.confirmation.of, board.face) == (None, Face.WHY)


def test_dropping_says_what_it_means_for_exactly_this_call(board: Board) -> None:
    asked(board, a_question(offers=EVERY, labels=frozenset(("C",))))
    begun(board, Choice.DROP)
    assert "This call carries C, so it is refused" in said(board)
    board.hear("g1", None)
    board.hear("g1", GatewayHello(protocol=PROTOCOL, gateway="g1"))
    asked(board, a_question(offers=EVERY, labels=frozenset(("B",))))
    board.painted(board.showing, 300)
    press(board, Choice.DROP, at=400)
    assert "This read passes" in said(board)


def test_a_new_session_says_that_the_model_does_not_forget_and_asks(board: Board) -> None:
    asked(board, a_question(offers=EVERY))
    begun(board, Choice.NEW)
    assert "the model does not" in said(board)
    assert "Is the conversation really new?" in said(board)


def test_a_grant_is_for_this_tool_and_these_targets_and_as_often_as_was_on_screen(board: Board) -> None:
    question = a_question(offers=EVERY)
    asked(board, question)
    begun(board, Choice.GRANT)
    assert board.face is Face.TERMS
    assert board.confirmation.terms is not None
    assert board.confirmation.terms.fits(question)
    assert (board.confirmation.terms.uses, board.confirmation.terms.minutes) == (USES, MINUTES)
    board.confirmation.adjust(uses=2, minutes=-5)
    assert press(board, Choice.GRANT, at=201) is None, "the new terms were not on screen"
    board.painted(board.showing, 202)
    assert press(board, Choice.GRANT, at=210) is None, "their end was not on screen"
    assert "Read the terms" in said(board)
    board.confirmation.terms_read = True
    deed = press(board, Choice.GRANT, at=211)
    assert isinstance(deed, Said)
    assert deed.grant is not None
    assert (deed.grant.uses, deed.grant.minutes, deed.grant.targets) == (
        USES + 2,
        MINUTES - 5,
        (("recipient", "mallory@evil.example"),),
    )


def test_terms_stay_within_what_a_grant_may_be(board: Board) -> None:
    board.confirmation.adjust(uses=1)
    asked(board, a_question(offers=EVERY))
    begun(board, Choice.GRANT)
    assert board.confirmation.terms is not None
    board.confirmation.adjust(uses=-1000, minutes=-1000)
    assert (board.confirmation.terms.uses, board.confirmation.terms.minutes) == (1, 1)
    board.confirmation.adjust(uses=1000, minutes=1000)
    assert (board.confirmation.terms.uses, board.confirmation.terms.minutes) == (100, 480)


def test_no_grant_for_targets_that_cannot_be_read_even_if_it_is_offered(board: Board) -> None:
    asked(board, a_question(offers=EVERY, targets=(Target("url", None, "//:"),)))
    on_screen(board)
    assert press(board, Choice.GRANT) is None
    assert board.confirmation.of is None
    assert "targets that can be read" in said(board)


def status(number: int = 1, **members: object) -> SessionStatus:
    return SessionStatus(id=f"s-{number}", client="claude", held=frozenset(("A",)), **members)  # type: ignore[arg-type]  # members of a status, passed on


@pytest.mark.parametrize("choice", [Choice.DROP, Choice.FREEZE, Choice.NEW])
def test_a_key_is_done_to_the_session_that_is_marked_once_it_was_confirmed(board: Board, choice: Choice) -> None:
    board.hear("g1", Sessions(sessions=(status(1), status(2))))
    board.select(1)
    board.painted(board.showing, 100)
    assert press(board, choice) is None
    assert "s-2?" in said(board)
    assert press(board, choice, at=READY + 1) is None
    board.painted(board.showing, 200)
    assert press(board, choice, at=201) == Ordered("g1", "s-2", choice)


def test_a_session_that_ends_takes_its_confirmation_along(board: Board) -> None:
    board.hear("g1", Sessions(sessions=(status(1), status(2))))
    board.select(1)
    board.painted(board.showing, 100)
    press(board, Choice.FREEZE)
    board.painted(board.showing, 200)
    board.hear("g1", Sessions(sessions=(status(1),)))
    assert board.confirmation.of is None
    assert press(board, Choice.FREEZE, at=300) is None
    board.painted(board.showing, 400)
    assert press(board, Choice.FREEZE, at=500) is None, "it begins anew, on another session"


def test_a_question_that_comes_takes_the_screen_and_the_confirmation(board: Board) -> None:
    board.hear("g1", Sessions(sessions=(status(1),)))
    board.painted(board.showing, 100)
    press(board, Choice.NEW)
    board.painted(board.showing, 200)
    asked(board, a_question(offers=EVERY))
    assert not board.listing
    assert press(board, Choice.NEW, at=300) is None
    assert board.confirmation.of is None


def test_a_question_that_comes_while_sessions_were_asked_for_waits(board: Board) -> None:
    board.hear("g1", Sessions(sessions=(status(1),)))
    asked(board, a_question(offers=EVERY))
    board.list_sessions()
    asked(board, a_question(offers=EVERY))
    assert board.listing
    board.painted(board.showing, 100)
    for choice in (Choice.YES, Choice.NO, Choice.GRANT):
        assert press(board, choice) is None
        assert "none is on screen" in said(board)
    board.list_sessions()
    assert not board.listing


def test_what_became_of_a_command_is_told(board: Board) -> None:
    told = []
    for message in (
        Done(command_id="1", choice=Choice.DROP, session="s-1"),
        Done(command_id="2", choice=Choice.FREEZE, session="s-1"),
        Done(command_id="3", choice=Choice.NEW, session="s-9"),
        Refused(question_id="4", reason=Refusal.UNKNOWN_SESSION),
    ):
        board.hear("g1", message)
        told.append(said(board))
    assert told == [
        "Done: session s-1 has given up C.",
        "Done: session s-1 is frozen.",
        "A new session has begun, and it holds nothing: s-9.",
        "The gateway does not know this session.",
    ]


def test_a_yes_that_is_not_enough_leaves_the_question_open(board: Board) -> None:
    question = a_question()
    asked(board, question)
    item = on_screen(board)
    press(board)
    board.hear("g1", Waits(question_id=question.id, calls=1))
    assert item.sent is Choice.YES
    board.hear("g1", Waits(question_id=question.id, calls=1, approvers=("alice",)))
    assert item.sent is None
    assert "alice; another approver is needed" in said(board)


def test_a_board_that_does_not_follow_shows_only_what_was_asked_for() -> None:
    board = Board(follows=False)
    board.hear("g1", GatewayHello(protocol=PROTOCOL, gateway="g1", tier=Tier.SIGNED))
    first, second = a_question(), a_question(now=NOW + timedelta(seconds=1))
    asked(board, first)
    assert board.selected is None
    assert press(board) is None
    assert not board.choose(1)
    asked(board, second)
    assert board.choose(1)
    board.hear("g1", Ended(question_id=second.id, unanswered=Unanswered.EXPIRED))
    assert board.selected is None
    assert press(board, at=500) is None
