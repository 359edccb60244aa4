"""What a console knows: all gateways' questions and sessions, and what is on screen. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rule_of_two.approvals import sentences
from rule_of_two.approvals.aside import Aside
from rule_of_two.approvals.change_list import ChangeList
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.confirmation import Confirmation
from rule_of_two.approvals.definition_answer import Verdict
from rule_of_two.approvals.items import Item
from rule_of_two.approvals.messages import (
    PROTOCOL,
    Asked,
    Changed,
    Done,
    Endorsed,
    GatewayHello,
    Refused,
    Sessions,
    Settled,
    ToConsole,
    Withheld,
)
from rule_of_two.approvals.picks import Picks
from rule_of_two.approvals.question_list import Face, QuestionList
from rule_of_two.approvals.rest import Haste, Rest
from rule_of_two.approvals.review import Review
from rule_of_two.approvals.roster import Roster
from rule_of_two.approvals.sentences import ours
from rule_of_two.approvals.spans import BLANK, Line


class Board:
    """The console's state. Times are monotonic seconds unless they are datetimes.

    With ``follows`` the next question takes the place of one that ended, and a first one is shown when it comes.
    """

    def __init__(self, *, follows: bool = True) -> None:
        self.questions = QuestionList(follows=follows)
        self.roster = Roster()
        self.review = Review()
        self.changes = ChangeList()
        self.asides: Mapping[str, Aside[Any]] = {aside.letter: aside for aside in (self.review, self.changes)}
        """Each by its key."""
        self.aside: Aside[Any] | None = None
        """The list that is on screen instead of a question or the sessions, if one is."""
        self.rest = Rest()
        self.confirmation = Confirmation(self.rest)
        self.notice: Line = BLANK
        self._follows = follows
        self._listing = False
        self._subject: object = None

    @property
    def items(self) -> list[Item]:
        """The questions that wait."""
        return self.questions.items

    @property
    def selected(self) -> Item | None:
        """The question that keys act on, unless something else is on screen."""
        return self.questions.selected

    @property
    def face(self) -> Face:
        """From which side it is shown."""
        return self.questions.face

    @property
    def listing(self) -> bool:
        """Whether the sessions are on screen, and keys act on the chosen one."""
        return self._listing or (self._follows and self.selected is None)

    @property
    def shown(self) -> Item | None:
        """The question that is on screen, from whichever side."""
        return None if self.listing or self.aside is not None else self.selected

    @property
    def picking(self) -> Picks | None:
        """The marks that keys change now."""
        return None if self.shown is None else self.questions.picks

    @property
    def words(self) -> tuple[Line, ...]:
        """What is to be confirmed, and the newest notice; each only if there is one."""
        return tuple(line for line in (self.confirmation.sentence, self.notice) if line)

    @property
    def showing(self) -> int:
        """Names what is to be read now; see :meth:`painted`."""
        return self.rest.showing

    def hear(self, gateway: str, message: ToConsole | None) -> bool:
        """Take in what a gateway said; ``None``: it is gone. Returns whether a new question came."""
        notice: Line = BLANK
        if message is None:
            self.roster.detach(gateway)
            for aside in self.asides.values():
                aside.detach(gateway)
            notice = self.questions.detach(gateway)
        elif isinstance(message, GatewayHello):
            notice = self._greet(gateway, message)
        elif isinstance(message, Sessions):
            self.roster.tell(gateway, message.sessions)
        elif isinstance(message, Done):
            notice = sentences.done(message)
        elif isinstance(message, (Withheld, Endorsed)):
            self.review.hear(gateway, message)
            notice = sentences.endorsed(message) if isinstance(message, Endorsed) else BLANK
        elif isinstance(message, (Changed, Settled)):
            self.changes.hear(gateway, message)
            notice = sentences.settled(message) if isinstance(message, Settled) else BLANK
        else:
            notice = self.questions.hear(gateway, message)
            if isinstance(message, Refused):
                for aside in self.asides.values():
                    aside.sent.clear()
        self.notice = notice or self.notice
        self._look_again()
        return isinstance(message, Asked)

    def select(self, step: int) -> None:
        """Move to the next (1) or previous (-1) question; to another session, or row of a list, where those are on
        screen."""
        (self.aside or (self.roster if self.listing else self.questions)).step(step)
        self.notice = BLANK
        self._look_again()

    def choose(self, place: int) -> bool:
        """Show the question at ``place`` (from 0), or choose that session, or row of a list, where those are on screen.
        ``False``: there is none."""
        if self.aside is not None:
            found = self.aside.choose(place)
            self._look_again()
            return found
        if not (self.roster if self._listing else self.questions).choose(place):
            return False
        self.notice = BLANK
        self._look_again()
        return True

    def list_sessions(self, *, on: bool | None = None) -> None:
        """Show the sessions, or the question again; without ``on`` whichever is not on screen."""
        self._listing = (not self._listing or self.aside is not None) if on is None else on
        self.aside = None
        self.notice = BLANK
        self._look_again()

    def look_at(self, aside: Aside[Any], *, on: bool | None = None, text: bool = False) -> None:
        """Show one of :attr:`asides`, or go on with what was on screen; with ``text`` its chosen row as a whole."""
        self.leave()
        shown = self.aside is not aside if on is None else on
        self.aside = aside if shown else None
        if text or aside.open:
            aside.show(text=shown and text)
        self.notice = BLANK
        self._look_again()

    def turn(self, face: Face) -> None:
        """Show another side of the selected question, or go back to the question itself."""
        self.leave()
        if self.shown is not None:
            if face in {Face.ITEMS, Face.TEXT} and self.shown.picks is None:
                self.say("Nothing has come back: this call was not sent.")
                return
            self.questions.turn(face)
            self.notice = BLANK

    def go(self, step: int) -> None:
        """To another item of what came back."""
        if self.picking is not None:
            self.picking.step(step)
            self.notice = BLANK

    def mark(self, *, every: bool = False, only: set[int] | None = None) -> None:
        """Change what a yes would let in: of the item that a person is at, of ``every`` one, or to ``only`` those at
        these places (from 0). What is answered has to be looked at anew."""
        item = self.shown
        if item is None or item.picks is None:
            return
        picks = item.picks
        changed = picks.toggle_all() if every else picks.toggle() if only is None else picks.only(only)
        if not changed:
            self.say("Single items cannot be picked here.")
        elif item.sent is None:
            self.leave()
            self.say(sentences.marked(picks))
            self.rest.restart()

    def seen(self) -> bool:
        """The end of a row, of the terms, of the arguments or of the list of what came back has been on screen. Returns
        whether that lets a question be approved."""
        if self.aside is not None:
            self.aside.seen()
        elif self.confirmation.terms is not None:
            self.confirmation.terms_read = True
        elif self.shown is not None and not self.shown.read:
            self.shown.read = True
            return True
        return False

    def say(self, text: str) -> None:
        """Put a notice in words of ours on screen."""
        self.notice = ours(text)

    def confirm(self, of: Choice | Verdict, sentence: Line) -> None:
        """Have the same key confirm this."""
        self.confirmation.begin(of, sentence)
        self.notice = BLANK

    def forget(self) -> None:
        """Nothing is to be confirmed any more."""
        self.confirmation.forget()
        if self.face is Face.TERMS:
            self.questions.face = Face.QUESTION

    def leave(self) -> bool:
        """Do not do what was to be confirmed. Returns whether anything was."""
        if self.confirmation.of is None:
            return False
        self.forget()
        self.say("Left. Nothing was sent.")
        return True

    def painted(self, showing: int, at: float) -> None:
        """What was ``showing`` when it was drawn is on screen at ``at``."""
        self.rest.painted(showing, at)

    def tick(self, at: float, now: datetime) -> None:
        """Look at the clocks: if they jumped, nothing that was begun can be confirmed."""
        if self.rest.jumped(at, now):
            self.rest.restart()
            self.forget()
            self.say(Haste.JUMPED.value)

    def _look_again(self) -> None:
        """A confirmation, and the time that something has been on screen, belong to what they began with.

        # INVARIANT: nothing that was begun on one question or session is done to another;
        tests/approvals/test_confirmation.py
        """
        row = self.roster.chosen
        subject: object
        if self.aside is not None:
            subject = None if self.aside.chosen is None else self.aside.chosen.key
        else:
            subject = self.selected if not self.listing else None if row is None else row.status.id
        if subject != self._subject:
            self._subject = subject
            self.forget()
            self.rest.restart()

    def _greet(self, gateway: str, hello: GatewayHello) -> Line:
        if hello.protocol == PROTOCOL:
            self.roster.attach(gateway, hello.tier)
            return BLANK
        return (
            *ours("Gateway "),
            sentences.name(gateway),
            *ours(" has another version of rule-of-two: restart it, or use its own console."),
        )
