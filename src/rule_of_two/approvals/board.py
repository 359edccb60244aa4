"""What a console knows: all gateways' questions and sessions, what is on screen, and when a key counts. No I/O.

A key counts only for what has been on screen for a while: nobody approves what has just taken its place. What cannot
be taken back is confirmed with the same key, once its meaning has been on screen for a while too.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

from rule_of_two.approvals import sentences
from rule_of_two.approvals.answer import LONGEST_MINUTES, MOST_USES, GrantTerms
from rule_of_two.approvals.change_list import ChangeList
from rule_of_two.approvals.choice import APPROVING, REFUSING, Choice
from rule_of_two.approvals.command import COMMANDS
from rule_of_two.approvals.definition_answer import Verdict
from rule_of_two.approvals.items import Deed, Item, Ordered, Said, Settles, Vouched
from rule_of_two.approvals.messages import (
    PROTOCOL,
    Asked,
    Changed,
    Done,
    Ended,
    Endorsed,
    GatewayHello,
    Refused,
    Sessions,
    Settled,
    ToConsole,
    Waits,
    Withheld,
)
from rule_of_two.approvals.picks import Picks
from rule_of_two.approvals.rest import Haste, Rest
from rule_of_two.approvals.review import Review
from rule_of_two.approvals.roster import Roster, Row
from rule_of_two.approvals.sentences import ours
from rule_of_two.approvals.spans import BLANK, Line
from rule_of_two.errors import BadRequest

USES: Final = 5
MINUTES: Final = 15
"""What a grant begins with."""


class Face(StrEnum):
    """What the screen shows of the selected question."""

    QUESTION = "question"
    ARGUMENTS = "arguments"
    WHY = "why"
    ITEMS = "items"
    """The list of what came back, with its marks."""
    TEXT = "text"
    """One item of it."""
    TERMS = "terms"
    """Of the grant that a second key would sign."""


class Board:
    """The console's state. Times are monotonic seconds unless they are datetimes.

    With ``follows`` the next question takes the place of one that ended, and a first one is shown when it comes.
    """

    def __init__(self, *, follows: bool = True) -> None:
        self.items: list[Item] = []
        self.selected: Item | None = None
        self.face = Face.QUESTION
        self.notice: Line = BLANK
        self.roster = Roster()
        self.review = Review()
        self.reviewing = False
        """Whether what was held back is on screen, instead of a question or the sessions."""
        self.changes = ChangeList()
        self.changing = False
        """Whether what servers changed is on screen, instead of a question or the sessions."""
        self.confirming: Choice | Literal["endorse"] | Verdict | None = None
        """What the same key would do if it was pressed again, as :attr:`confirmation` says."""
        self.confirmation: Line = BLANK
        self.terms: GrantTerms | None = None
        self.terms_read = False
        """The end of the terms has been on screen."""
        self._follows = follows
        self._listing = False
        self._rest = Rest()
        self._subject: object = None
        self._ending: Line = BLANK
        """How the last question ended, until another one is shown."""

    @property
    def listing(self) -> bool:
        """Whether the sessions are on screen, and keys act on the chosen one."""
        return self._listing or (self._follows and self.selected is None)

    @property
    def aside(self) -> Review | ChangeList | None:
        """The list that is on screen instead of a question or the sessions, if one is."""
        return self.review if self.reviewing else self.changes if self.changing else None

    @property
    def words(self) -> tuple[Line, ...]:
        """What is to be confirmed, and the newest notice; each only if there is one."""
        return tuple(line for line in (self.confirmation, self.notice) if line)

    @property
    def showing(self) -> int:
        """Names what is to be read now; see :meth:`painted`."""
        return self._rest.showing

    def hear(self, gateway: str, message: ToConsole | None) -> bool:
        """Take in what a gateway said; ``None``: it is gone. Returns whether a new question came."""
        if message is None:
            self.roster.detach(gateway)
            self.review.detach(gateway)
            self.changes.detach(gateway)
            for item in [item for item in self.items if item.gateway == gateway]:
                self._remove(item, sentences.gateway_gone(item.question))
        elif isinstance(message, GatewayHello):
            self._greet(gateway, message)
        elif isinstance(message, Sessions):
            self.roster.tell(gateway, message.sessions)
        elif isinstance(message, Asked):
            self._add(Item(gateway, message.question))
        elif isinstance(message, Done):
            self.notice = sentences.done(message)
        elif isinstance(message, (Changed, Settled, Withheld, Endorsed)):
            self._hear_aside(gateway, message)
        else:
            for item in self._find(gateway, message.question_id):
                self._stands(item, message)
            if isinstance(message, Refused):
                self.changes.sent.clear()
                self.notice = ours(message.reason.sentence)
        self._look_again()
        return isinstance(message, Asked)

    def _hear_aside(self, gateway: str, message: Changed | Settled | Withheld | Endorsed) -> None:
        """What is no question: what was held back, and what servers changed."""
        if isinstance(message, (Withheld, Endorsed)):
            self.review.hear(gateway, message)
        else:
            self.changes.hear(gateway, message)
        if isinstance(message, Endorsed):
            self.notice = sentences.endorsed(message)
        elif isinstance(message, Settled):
            self.notice = sentences.settled(message)

    def select(self, step: int) -> None:
        """Move to the next (1) or previous (-1) question; session, withheld item or changed definition where those are
        on screen."""
        if self.aside is not None:
            self.aside.step(step)
        elif self.listing:
            self.roster.step(step)
        elif self.selected is not None:
            self._show(self.items[(self.items.index(self.selected) + step) % len(self.items)])
        self.notice = BLANK
        self._look_again()

    def choose(self, place: int) -> bool:
        """Show the question at ``place`` (from 0), or choose that session or withheld item where those are on screen.
        ``False``: there is none."""
        if self.aside is not None:
            found = self.aside.choose(place)
            self._look_again()
            return found
        if not 0 <= place < len(self.roster.rows if self._listing else self.items):
            return False
        if self._listing:
            self.roster.choose(place)
        else:
            self._show(self.items[place])
        self.notice = BLANK
        self._look_again()
        return True

    def list_sessions(self, *, on: bool | None = None) -> None:
        """Show the sessions, or the question again; without ``on`` whichever is not on screen."""
        self._listing = (not self._listing or self.aside is not None) if on is None else on
        self.reviewing = self.changing = False
        self.notice = BLANK
        self._look_again()

    def look_back(self, *, on: bool | None = None, text: bool = False) -> None:
        """Show what was held back, or go on with what was on screen; with ``text`` the chosen item's."""
        self.leave()
        self.reviewing = not self.reviewing if on is None else on
        self.changing = False
        if text or self.review.open:
            self.review.show(text=self.reviewing and text)
        self.notice = BLANK
        self._look_again()

    def look_at_changes(self, *, on: bool | None = None, text: bool = False) -> None:
        """Show what servers changed, or go on with what was on screen; with ``text`` the chosen row's."""
        self.leave()
        self.changing = not self.changing if on is None else on
        self.reviewing = False
        if text or self.changes.open:
            self.changes.show(text=self.changing and text)
        self.notice = BLANK
        self._look_again()

    def settle(self, verdict: Verdict, *, at: float, now: datetime) -> Settles | None:
        """Accept or refuse what is on screen of what servers changed, the second time that it is pressed; ``None``, and
        a notice why, if that does not count."""
        row = self.changes.chosen
        haste = self._rest.haste(at, now)
        if not self.changing or row is None:
            self.notice = ours("This key accepts a changed definition: c shows what servers changed.")
        elif haste is Haste.JUMPED:
            self._void(haste)
        elif haste is not None:
            self.notice = ours(haste.value)
        elif row.key in self.changes.sent:
            self.notice = ours("Your answer is on its way.")
        elif verdict is Verdict.ACCEPT and row.key not in self.changes.read:
            way = "read on" if self.changes.open else "enter shows it"
            self.notice = ours(f"Read what changed to its end first: {way}.")
        elif self.confirming is not verdict:
            self._confirm(verdict, sentences.settling(row, verdict))
        else:
            self._forget_confirmation()
            self.changes.sent.add(row.key)
            self.notice = ours("Sending your answer.")
            return Settles(row, verdict)
        return None

    def endorse(self, *, at: float, now: datetime) -> Vouched | None:
        """Vouch for the withheld item on screen, the second time that it is pressed; ``None``, and a notice why, if
        that does not count."""
        kept = self.review.chosen
        haste = self._rest.haste(at, now)
        if not self.reviewing or kept is None:
            self.notice = ours("This key endorses an item that was held back: h shows what was.")
        elif haste is Haste.JUMPED:
            self._void(haste)
        elif haste is not None:
            self.notice = ours(haste.value)
        elif kept.key not in self.review.read:
            way = "read on" if self.review.open else "enter shows it"
            self.notice = ours(f"Read its text to the end first: {way}.")
        elif self.confirming != "endorse":
            self._confirm("endorse", sentences.vouching(kept))
        else:
            self._forget_confirmation()
            self.notice = ours("Sending your endorsement.")
            return Vouched(kept.gateway, kept.withheld)
        return None

    def turn(self, face: Face) -> None:
        """Show another side of the selected question, or go back to the question itself."""
        self.leave()
        if not self.listing and self.aside is None and self.selected is not None:
            if face in {Face.ITEMS, Face.TEXT} and self.selected.picks is None:
                self.notice = ours("Nothing has come back: this call was not sent.")
                return
            self.face = Face.QUESTION if self.face is face else face
            self.notice = BLANK

    @property
    def picking(self) -> Picks | None:
        """The marks that keys change now."""
        on_question = self.selected is not None and not self.listing and self.aside is None
        shown = on_question and self.face in {Face.ITEMS, Face.TEXT}
        return self.selected.picks if shown and self.selected is not None else None

    def go(self, step: int) -> None:
        """To another item of what came back."""
        if self.picking is not None:
            self.picking.step(step)
            self.notice = BLANK

    def mark(self, *, every: bool = False, only: set[int] | None = None) -> None:
        """Change what a yes would let in: of the item that a person is at, of ``every`` one, or to ``only`` those at
        these places (from 0). What is answered has to be looked at anew."""
        item = self.selected
        if self.listing or self.aside is not None or item is None or item.picks is None:
            return
        picks = item.picks
        changed = picks.toggle_all() if every else picks.toggle() if only is None else picks.only(only)
        if not changed:
            self.notice = ours("Single items cannot be picked here.")
        elif item.sent is None:
            self.leave()
            self.notice = ours(sentences.marked(picks))
            self._rest.restart()

    def leave(self) -> bool:
        """Do not do what was to be confirmed. Returns whether anything was."""
        if self.confirming is None:
            return False
        self._forget_confirmation()
        self.notice = ours("Left. Nothing was sent.")
        return True

    def painted(self, showing: int, at: float) -> None:
        """What was ``showing`` when it was drawn is on screen at ``at``."""
        self._rest.painted(showing, at)

    def tick(self, at: float, now: datetime) -> None:
        """Look at the clocks: if they jumped, nothing that was begun can be confirmed."""
        if self._rest.jumped(at, now):
            self._rest.restart()
            self._void(Haste.JUMPED)

    def press(self, choice: Choice, *, at: float, now: datetime) -> Said | Ordered | Settles | None:
        """What this key says; ``None``, and a notice why, if it does not count or has to be confirmed."""
        item, row = self.selected, self.roster.chosen
        if self.changing and choice is Choice.NO:
            return self.settle(Verdict.REFUSE, at=at, now=now)
        if self.aside is not None:
            here = " Here p accepts and n refuses." if self.changing else ""
            self.notice = ours(f"This key acts on a question or a session, and neither is on screen now.{here}")
            return None
        if (row if self.listing else item) is None:
            nothing = ours("Nothing is shown that this key could act on.")
            # It may have been meant for the question that has just ended: how it did stays on screen.
            self.notice = (*self._ending, *ours(" "), *nothing) if self._ending else nothing
            return None
        haste = self._rest.haste(at, now)
        if haste is Haste.JUMPED:
            self._void(haste)
        elif haste is not None:
            self.notice = ours(haste.value)
        elif self.confirming not in {None, choice} and choice not in REFUSING:
            self.leave()
        elif not self.listing and item is not None:
            return self._answer(item, choice, now)
        elif row is not None:
            return self._order(row, choice)
        return None

    def adjust(self, *, uses: int = 0, minutes: int = 0) -> None:
        """Change the terms that are to be signed, by so much; what is signed has to be read anew."""
        if self.terms is not None:
            self.terms = replace(
                self.terms,
                uses=min(max(self.terms.uses + uses, 1), MOST_USES),
                minutes=min(max(self.terms.minutes + minutes, 1), LONGEST_MINUTES),
            )
            self.terms_read = False
            self._rest.restart()

    def not_sent(self, deed: Deed) -> None:
        """It could not be sent."""
        if isinstance(deed, Said):
            deed.item.sent = None
        if isinstance(deed, Settles):
            self.changes.sent.discard(deed.row.key)
        self.notice = ours("The gateway is gone, so nothing was approved.")

    def _answer(self, item: Item, choice: Choice, now: datetime) -> Said | None:
        if item.sent is not None:
            self.notice = ours("Your answer is on its way.")
        elif now >= item.question.expires_at:
            self.notice = ours("Too late: this question has expired, so the call is refused.")
        elif choice not in item.question.offers:
            self.notice = ours(sentences.not_offered(item.question, choice))
        elif choice in APPROVING and not item.read:
            self.notice = ours(sentences.read_first(item.question))
        elif choice is Choice.YES and item.picks is not None and item.picks.unusable is not None:
            self.notice = ours(item.picks.unusable)
        elif choice in sentences.CONFIRMED and self.confirming is not choice:
            self._begin(item, choice)
        elif choice is Choice.GRANT and not self.terms_read:
            self.notice = ours("Read the terms to their end first.")
        else:
            items = item.picks.named if choice is Choice.YES and item.picks is not None else ()
            said = Said(item, choice, self.terms if choice is Choice.GRANT else None, items)
            self._forget_confirmation()
            item.sent = choice
            self.notice = ours(sentences.sending(item.question, choice, items))
            return said
        return None

    def _begin(self, item: Item, choice: Choice) -> None:
        if choice is Choice.GRANT:
            try:
                self.terms = GrantTerms.of(item.question, uses=USES, minutes=MINUTES)
            except BadRequest as error:
                self.notice = ours(str(error))
                return
            self.face = Face.TERMS
        self._confirm(choice, sentences.confirmation(item.question, choice))

    def _order(self, row: Row, choice: Choice) -> Ordered | None:
        session = row.status.id
        if choice not in COMMANDS:
            self.notice = ours("This key answers a question, and none is on screen.")
        elif self.confirming is not choice:
            self._confirm(choice, sentences.session_confirmation(session, choice))
        else:
            self._forget_confirmation()
            self.notice = sentences.sent_to_session(session, choice)
            return Ordered(row.gateway, session, choice)
        return None

    def _confirm(self, choice: Choice | Literal["endorse"] | Verdict, sentence: Line) -> None:
        self.confirming = choice
        self.confirmation = sentence
        self.notice = BLANK
        self._rest.restart()

    def _forget_confirmation(self) -> None:
        if self.confirming is not None:
            self._rest.restart()
        self.confirming, self.confirmation = None, BLANK
        self.terms, self.terms_read = None, False
        if self.face is Face.TERMS:
            self.face = Face.QUESTION

    def _void(self, haste: Haste) -> None:
        self._forget_confirmation()
        self.notice = ours(haste.value)

    def _look_again(self) -> None:
        """A confirmation, and the time that something has been on screen, belong to what they began with.

        # INVARIANT: nothing that was begun on one question or session is done to another;
        tests/approvals/test_board.py
        """
        row = self.roster.chosen
        subject: object
        if self.aside is not None:
            subject = None if self.aside.chosen is None else self.aside.chosen.key
        else:
            subject = self.selected if not self.listing else None if row is None else row.status.id
        if subject != self._subject:
            self._subject = subject
            self._forget_confirmation()
            self._rest.restart()

    def _greet(self, gateway: str, hello: GatewayHello) -> None:
        if hello.protocol == PROTOCOL:
            self.roster.attach(gateway, hello.tier)
        else:
            self.notice = (
                *ours("Gateway "),
                sentences.name(gateway),
                *ours(" has another version of rule-of-two: restart it, or use its own console."),
            )

    def _find(self, gateway: str, question_id: str) -> list[Item]:
        return [item for item in self.items if item.gateway == gateway and item.question.id == question_id]

    def _stands(self, item: Item, message: Waits | Ended | Refused) -> None:
        if isinstance(message, Ended):
            self._remove(item, sentences.ending(item.question, message))
        elif isinstance(message, Refused):
            item.sent = None
        else:
            before = item.waits.approvers if item.waits is not None else ()
            if len(message.approvers) > len(before):
                item.sent = None
                by = sentences.name(message.approvers[-1])
                self.notice = (*ours("A yes counts, by "), by, *ours("; another approver is needed."))
            item.waits = message

    def _add(self, item: Item) -> None:
        self.items.append(item)
        self.items.sort(key=lambda one: (one.question.created_at, one.question.id))
        if self.selected is None and self._follows:
            self._show(item)

    def _remove(self, item: Item, notice: Line) -> None:
        self.notice = self._ending = notice
        place = self.items.index(item)
        self.items.remove(item)
        if item is self.selected:
            self._show(self.items[min(place, len(self.items) - 1)] if self.items and self._follows else None)

    def _show(self, item: Item | None) -> None:
        self.selected = item
        self._ending = self._ending if item is None else BLANK
        self.face = Face.QUESTION
