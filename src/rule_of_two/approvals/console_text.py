"""What the console shows around a question, and where there is none: header, lists, notes, keys. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from rule_of_two.approvals import sentences
from rule_of_two.approvals.board import Board
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.hints import Key, keys_lines, question_keys
from rule_of_two.approvals.items import Item
from rule_of_two.approvals.messages import SessionStatus
from rule_of_two.approvals.picks import Picks
from rule_of_two.approvals.question_list import Face
from rule_of_two.approvals.roster import Row, marks
from rule_of_two.approvals.sentences import KEY_OF, KEY_TEXT, name
from rule_of_two.approvals.signer import Signer
from rule_of_two.approvals.spans import BLANK, Line, Span, Style, clip, line_width, wrap
from rule_of_two.wording import counted

_COUNT_CELLS: Final = 6
"""For ``  +999``: sessions that are not shown are counted."""

_NUMBERS: Final = 8
"""Of items that somebody picked; more are counted."""

_ABOUT: Final = "This console waits for calls that would bring untrusted [A], private [B] and acting [C] together."


def labels(status: SessionStatus) -> str:
    """``[A][ ][C]``."""
    return "".join(f"[{label if label in status.held else ' '}]" for label in "ABC")


def header(board: Board, signer: Signer, width: int) -> Line:
    """Gateways, who signs, and sessions at a glance; what does not fit is counted. Who signs is always there."""
    tiers = board.roster.tiers
    told = [Span(f"  {signer.standing(tiers.values())}", Style.WARNING)]
    if (board.listing or board.aside is not None) and board.items:
        key = "l" if board.aside is None else board.aside.letter
        told.append(Span(f"  {counted(len(board.items), 'question')} waiting: press {key}", Style.WARNING))
    for title in (" rule-of-two console", " rule-of-two", ""):
        spans = [Span(f"{title}  {counted(len(tiers), 'gateway')}", Style.HEADLINE), *told]
        if line_width(spans) + (_COUNT_CELLS if board.roster.rows else 0) <= width:
            break
    return (*spans, *_glance(board.roster.rows, width - line_width(spans)))


def _glance(rows: Sequence[Row], room: int) -> Iterator[Span]:
    for number, row in enumerate(rows):
        more = Span(f"  +{len(rows) - number}", Style.DIM)
        left = room - (more.width if number + 1 < len(rows) else 0)
        status = row.status
        held = Span(f"{labels(status)}{''.join(f' {mark}' for mark in marks(status)[:2])}", Style.LABEL)
        client = clip(status.client, 20)
        shown = (f" {client} {clip(status.id, 12)} ", f" {client} ", " ")
        fitting = [text for text in shown if Span(text).width + held.width <= left]
        if not fitting:
            if more.width <= room:
                yield more
            return
        yield from (Span(fitting[0], Style.QUOTED), held)
        room -= Span(fitting[0]).width + held.width


def questions(board: Board, width: int, height: int, now: datetime) -> list[Line]:
    """The waiting questions around the selected one, at most ``height`` of them."""
    if board.selected is None or board.listing or board.aside is not None or board.face is not Face.QUESTION:
        return []
    place = board.items.index(board.selected)
    total = len(board.items)
    lines: list[Line] = []
    for number in _window(place, total, height):
        item = board.items[number]
        mark = Span(f"{'▸' if number == place else ' '}{number + 1:>2}/{total} ", Style.KEY_OFF)
        lines.append((mark, *item.view.row(width - mark.width - 1, now)))
    return lines


def sessions(board: Board, width: int, height: int) -> list[Line]:
    """The sessions around the chosen one, at most ``height`` of them, each with its labels first."""
    rows, chosen = board.roster.rows, board.roster.chosen
    if chosen is None:
        return []
    place = rows.index(chosen)
    lines: list[Line] = []
    for number in _window(place, len(rows), height):
        status = rows[number].status
        lead = f"{'▸' if number == place else ' '}{number + 1:>3}/{len(rows)} "
        told = "".join(f", {mark}" for mark in marks(status))
        line = (
            Span(lead, Style.KEY_OFF),
            Span(labels(status), Style.LABEL),
            Span(f"  {clip(status.id, 18):<18}  {clip(status.client, 20)}", Style.QUOTED),
            Span(told, Style.WARNING),
        )
        lines += wrap(line, width - 1, indent=" " * len(lead))
    return lines


def panel(board: Board, state: str, width: int, height: int) -> list[Line]:
    """Where no question is on screen: what the console waits for, and the sessions."""
    rows = board.roster.rows
    if board.items:
        texts = [f"{counted(len(rows), 'session')}. What a key does here, it does to the marked one."]
    elif board.roster.tiers:
        texts = ["Nothing to decide.", _ABOUT, "A question appears here at once, and the bell rings."]
    else:
        where = f"No gateway is running on {state}. Start one (rule-of-two serve): it is found at once."
        texts = ["Nothing to decide.", _ABOUT, where]
    if board.changes.rows:
        count = board.changes.count
        texts.append(
            f"{counted(count, 'definition')} of servers {'is' if count == 1 else 'are'} not as accepted: c shows what "
            "changed."
        )
    lines = [line for text in texts for line in (BLANK, *wrap([Span(f"  {text}")], width - 2, indent="  "))]
    return [*lines, BLANK, *sessions(board, width, max(1, height - len(lines) - 1))]


def notes(item: Item, board: Board, signer: Signer) -> list[Line]:
    """What else there is to know of a question before it is answered."""
    question, waits = item.question, item.waits
    said: list[Line] = []
    if question.needs > 1:
        yes = [] if waits is None else [name(approver) for approver in waits.approvers]
        by = [span for number, one in enumerate(yes) for span in ((Span(", "),) if number else ()) + (one,)]
        told = (*by, Span(" said yes")) if by else (Span("nobody has said yes yet"),)
        said.append((Span(f"needs {question.needs} approvers; "), *told, *_chosen(item)))
    if waits is not None and waits.calls > 1:
        said.append((Span(f"asked {waits.calls:,} times; a yes is for one of these calls"),))
    if waits is not None and waits.calls == 0:
        said.append((Span("the agent was told to come back: a yes waits until it repeats the call"),))
    if item.picks is not None and len(item.picks.marked) < len(item.picks.asking):
        said.append((Span(sentences.marked(item.picks), Style.WARNING),))
    turned_away = board.roster.turned_away(question.session)
    if turned_away:
        said.append((Span(f"{turned_away:,} more questions of this session were refused unshown"),))
    worth = signer.note(question.tier)
    if worth is not None:
        said.append((Span(worth, Style.WARNING),))
    return said


def _chosen(item: Item) -> list[Span]:
    """To which items others said yes, by their numbers in the list."""
    if item.waits is None or not item.waits.items or item.picks is None:
        return []
    places = [str(place + 1) for place, one in enumerate(item.picks.items) if one.id in item.waits.items]
    more = f" and {len(places) - _NUMBERS:,} more" if len(places) > _NUMBERS else ""
    return [Span(f" to items {', '.join(places[:_NUMBERS])}{more} only", Style.WARNING)]


def keys(board: Board, width: int) -> list[Line]:
    """What can be pressed now."""
    item = board.selected
    pressed: list[Key]
    if board.aside is not None:
        aside = board.aside
        several = len(aside.rows) > 1
        pressed = [("enter", "list" if aside.open else "read it"), *aside.settling] if aside.rows else []
        pressed = [*[("↑↓", "choose")] * (several and not aside.open), *pressed]
        return keys_lines([*pressed, (aside.letter, "back"), ("q", "quit")], width)
    if board.confirmation.terms is not None:
        return keys_lines(
            [("g", "grant these"), ("↑↓", "calls"), ("←→", "minutes"), ("esc", "leave"), ("n", "no")], width
        )
    if board.listing or item is None:
        deeds = (Choice.DROP, Choice.FREEZE, Choice.NEW)
        pressed = [(KEY_OF[choice], KEY_TEXT[choice]) for choice in deeds] if board.roster.rows else []
        pressed += [("↑↓", "choose")] * (len(board.roster.rows) > 1) + [("l", "questions")] * bool(board.items)
        pressed += _asides(board)
        return keys_lines([*pressed, ("q", "quit")], width)
    back = {Face.ARGUMENTS: "a", Face.WHY: "w", Face.ITEMS: "i"}.get(board.face)
    release = item.question.arrival is not None
    pressed = [
        (key, "back") if key and key == back else (key, text)
        for key, text in question_keys(item.question.offers, read=item.read, release=release)
    ]
    if board.picking is not None:
        return [*keys_lines(_item_keys(board, board.picking), width), *keys_lines(pressed, width)]
    if len(board.items) > 1:
        pressed.append(("tab", "next"))
    pressed += _asides(board)
    lines, more = keys_lines(pressed, width), keys_lines([*pressed, ("l", "sessions")], width)
    return more if len(more) == len(lines) else lines  # no line of the question's is given up for it


def _asides(board: Board) -> list[Key]:
    """The lists in which there is anything."""
    return [(aside.letter, aside.summary) for aside in board.asides.values() if aside.rows]


def _item_keys(board: Board, picks: Picks) -> list[Key]:
    """What can be done to the list of what came back, or to the item that is shown."""
    several = len(picks.items) > 1
    pressed: list[Key] = [("space", "mark"), ("m", "all/none")] if picks.can_pick else []
    if board.face is Face.TEXT:
        return [*pressed[:1], *[("tab", "next item")] * several, ("enter", "list")]
    return [*[("↑↓", "choose")] * several, ("enter", "read it"), *pressed]


def words(board: Board, width: int) -> list[Line]:
    """What is to be confirmed, and the newest notice."""
    return [(Span(" "), *line) for said in board.words for line in wrap(said, width - 2)]


def _window(place: int, total: int, height: int) -> range:
    """``height`` neighbours of ``place``, or all."""
    first = max(0, min(place - height // 2, total - height))
    return range(first, min(total, first + height))
