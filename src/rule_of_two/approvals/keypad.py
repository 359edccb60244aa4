"""When a key of a person's counts, and what it says. No I/O.

A key counts only for what has been on screen for a while: nobody approves what has just taken its place. What cannot
be taken back is confirmed with the same key, once its meaning has been on screen for a while too.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from rule_of_two.approvals import sentences
from rule_of_two.approvals.answer import GrantTerms
from rule_of_two.approvals.aside import Aside
from rule_of_two.approvals.board import Board
from rule_of_two.approvals.choice import APPROVING, REFUSING, Choice
from rule_of_two.approvals.command import COMMANDS
from rule_of_two.approvals.definition_answer import Verdict
from rule_of_two.approvals.items import Deed, Item, Ordered, Said, Settles, Vouched
from rule_of_two.approvals.question_list import Face
from rule_of_two.approvals.rest import Haste
from rule_of_two.approvals.roster import Row
from rule_of_two.approvals.sentences import ours
from rule_of_two.errors import BadRequest

USES: Final = 5
MINUTES: Final = 15
"""What a grant begins with."""


class Keypad:
    """The keys of a console that shows ``board``. Times are monotonic seconds unless they are datetimes."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def press(self, choice: Choice, *, at: float, now: datetime) -> Deed | None:
        """What this key says; ``None``, and a notice why, if it does not count or has to be confirmed."""
        board = self._board
        item, row = board.selected, board.roster.chosen
        if board.aside is not None:
            return self._press_aside(board.aside, choice, at, now)
        if (row if board.listing else item) is None:
            nothing, ending = ours("Nothing is shown that this key could act on."), board.questions.ending
            # It may have been meant for the question that has just ended: how it did stays on screen.
            board.notice = (*ending, *ours(" "), *nothing) if ending else nothing
            return None
        if self._is_hasty(at, now):
            return None
        if board.confirmation.of not in {None, choice} and choice not in REFUSING:
            board.leave()
        elif not board.listing and item is not None:
            return self._answer(item, choice, now)
        elif row is not None:
            return self._order(row, choice)
        return None

    def settle(self, aside: Aside[Any], verdict: Verdict, *, at: float, now: datetime) -> Settles | Vouched | None:
        """Say so of the row of ``aside`` that is on screen, the second time that it is pressed; ``None``, and a notice
        why, if that does not count."""
        board, row = self._board, aside.chosen
        hasty = self._is_hasty(at, now)
        if board.aside is not aside or row is None:
            board.say(aside.elsewhere)
        elif hasty:
            return None
        elif (why := aside.waits_for(row, verdict)) is not None:
            board.say(why)
        elif board.confirmation.of is not verdict:
            board.confirm(verdict, aside.confirmation(row, verdict))
        else:
            board.forget()
            aside.sent.add(row.key)
            board.say(aside.sending)
            return aside.deed(row, verdict)
        return None

    def not_sent(self, deed: Deed) -> None:
        """It could not be sent."""
        if isinstance(deed, Said):
            deed.item.sent = None
        elif not isinstance(deed, Ordered):
            for aside in self._board.asides.values():
                aside.sent.discard(deed.key)
        self._board.say("The gateway is gone, so nothing was approved.")

    def _press_aside(self, aside: Aside[Any], choice: Choice, at: float, now: datetime) -> Deed | None:
        if choice is Choice.NO and aside.can_refuse:
            return self.settle(aside, Verdict.REFUSE, at=at, now=now)
        here = " Here p accepts and n refuses." if aside.can_refuse else ""
        self._board.say(f"This key acts on a question or a session, and neither is on screen now.{here}")
        return None

    def _is_hasty(self, at: float, now: datetime) -> bool:
        """Whether the key does not count yet; then a notice says why."""
        haste = self._board.rest.haste(at, now)
        if haste is Haste.JUMPED:
            self._board.forget()
        if haste is not None:
            self._board.say(haste.value)
        return haste is not None

    def _answer(self, item: Item, choice: Choice, now: datetime) -> Said | None:
        board = self._board
        if item.sent is not None:
            board.say("Your answer is on its way.")
        elif now >= item.question.expires_at:
            board.say("Too late: this question has expired, so the call is refused.")
        elif choice not in item.question.offers:
            board.say(sentences.not_offered(item.question, choice))
        elif choice in APPROVING and not item.read:
            board.say(sentences.read_first(item.question))
        elif choice is Choice.YES and item.picks is not None and item.picks.unusable is not None:
            board.say(item.picks.unusable)
        elif choice in sentences.CONFIRMED and board.confirmation.of is not choice:
            self._begin(item, choice)
        elif choice is Choice.GRANT and not board.confirmation.terms_read:
            board.say("Read the terms to their end first.")
        else:
            items = item.picks.named if choice is Choice.YES and item.picks is not None else ()
            said = Said(item, choice, board.confirmation.terms if choice is Choice.GRANT else None, items)
            board.forget()
            item.sent = choice
            board.say(sentences.sending(item.question, choice, items))
            return said
        return None

    def _begin(self, item: Item, choice: Choice) -> None:
        board = self._board
        if choice is Choice.GRANT:
            try:
                board.confirmation.terms = GrantTerms.of(item.question, uses=USES, minutes=MINUTES)
            except BadRequest as error:
                board.say(str(error))
                return
            board.questions.face = Face.TERMS
        board.confirm(choice, sentences.confirmation(item.question, choice))

    def _order(self, row: Row, choice: Choice) -> Ordered | None:
        board, session = self._board, row.status.id
        if choice not in COMMANDS:
            board.say("This key answers a question, and none is on screen.")
        elif board.confirmation.of is not choice:
            board.confirm(choice, sentences.session_confirmation(session, choice))
        else:
            board.forget()
            board.notice = sentences.sent_to_session(session, choice)
            return Ordered(row.gateway, session, choice)
        return None
