"""Says in plain lines what comes from gateways: questions, sessions, what was held back, what servers changed."""

from __future__ import annotations

from rule_of_two.approvals import console_text
from rule_of_two.approvals.items import Item
from rule_of_two.approvals.messages import Asked, Changed, GatewayHello, Sessions, ToConsole, Withheld
from rule_of_two.approvals.plain_reader import Reader
from rule_of_two.approvals.plain_voice import Voice
from rule_of_two.approvals.roster import Row, marks
from rule_of_two.approvals.seat import Seat
from rule_of_two.approvals.sentences import name
from rule_of_two.approvals.spans import Span, Style, clip
from rule_of_two.wording import counted


class News:
    """Puts what gateways say on the board of ``seat``, and says with ``voice`` what is new. A question is read out by
    ``reader`` if nothing else is shown."""

    def __init__(self, seat: Seat, voice: Voice, reader: Reader) -> None:
        self._seat = seat
        self._board = seat.board
        self._voice = voice
        self._reader = reader
        self._sessions: dict[str, str] = {}
        """What was said last of each session."""

    def hear(self, gateway: str, message: ToConsole | None) -> None:
        """What a gateway says; ``None``: it is gone."""
        board = self._board
        notice, shown = board.notice, board.selected
        known = self._reader.notes(shown)
        new = board.hear(gateway, message)
        self._of_gateway(gateway, message)
        if board.notice is not notice and board.notice:
            self._voice.say(*board.notice)
        if message is None or isinstance(message, Sessions):
            self._of_sessions()
        for note in self._reader.notes(board.selected):
            if note not in known:
                self._voice.say("Note: ", *note)
        if shown is not None and board.selected is None and board.items:
            self._voice.say(f"{counted(len(board.items), 'question')} waiting. Enter reads out the first.")
        self._of_lists(message)
        if new and isinstance(message, Asked):
            self._of_question(next(item for item in board.items if item.question is message.question))

    def _of_gateway(self, gateway: str, message: ToConsole | None) -> None:
        if message is None:
            self._voice.say(Span("Gateway "), name(gateway), Span(" went away."))
        elif isinstance(message, GatewayHello) and gateway in self._board.roster.tiers:
            worth = self._seat.signer.standing([message.tier])
            self._voice.say(Span("Gateway "), name(gateway), Span(f" is attached. Your answers to it are {worth}."))

    def _of_lists(self, message: ToConsole | None) -> None:
        if isinstance(message, Changed) and message.changes.changes:
            told = counted(len(message.changes.changes) + message.changes.more, "definition")
            server = name(message.changes.server)
            self._voice.say("The server ", server, f" offers {told} that nobody accepted so. Type c and Enter.")
        if isinstance(message, Withheld):
            told = counted(len(message.items), "item")
            self._voice.say(f"{told} of a result held back by policy. Type h and Enter to have the list read out.")

    def _of_question(self, item: Item) -> None:
        place = self._board.items.index(item)
        if self._board.selected is None and not self._reader.is_question_hidden and not self._reader.has_shown:
            self._reader.choose(place)
            return
        what = Span(clip(f"{item.question.upstream} · {item.question.name}", 60), Style.QUOTED)
        self._voice.say(
            Span("Another question waits, about "), what, Span(f". Type {place + 1} and Enter to have it read out.")
        )

    def _of_sessions(self) -> None:
        """Those that are new or have changed, and those that are gone."""
        before = self._sessions
        self._sessions = {row.status.id: _told(row) for row in self._board.roster.rows}
        for session in before.keys() - self._sessions.keys():
            self._voice.say(Span("Session "), name(session), Span(" has ended."))
        for row in self._board.roster.rows:
            told = self._sessions[row.status.id]
            if before.get(row.status.id) != told:
                by = (name(row.status.id), Span(" of "), name(row.status.client))
                self._voice.say(Span("Session "), *by, Span(f" holds {told}."))


def _told(row: Row) -> str:
    return ", ".join((console_text.labels(row.status), *marks(row.status)))
