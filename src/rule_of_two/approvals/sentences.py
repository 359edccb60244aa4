"""What the console says in its own words: before a key acts, when it does, and what became of it. Pure.

What is not ours stands in quotes and in a span of its own, so it can begin no line and pass for nothing of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from rule_of_two.approvals.answer import GrantTerms
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.definition_answer import Verdict
from rule_of_two.approvals.messages import Done, Ended, Endorsed, Settled
from rule_of_two.approvals.picks import Picks
from rule_of_two.approvals.question import Question
from rule_of_two.approvals.spans import Line, Span, Style, clip
from rule_of_two.errors import BadRequest
from rule_of_two.wording import counted

if TYPE_CHECKING:
    from rule_of_two.approvals.change_list import ChangeRow
    from rule_of_two.approvals.review import Kept

_NAME_CELLS: Final = 40
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9@._-]{1,40}", re.ASCII)

KEY_OF: Final[Mapping[Choice, str]] = {
    Choice.YES: "y",
    Choice.DROP: "d",
    Choice.GRANT: "g",
    Choice.WITHOUT: "r",
    Choice.NO: "n",
    Choice.FREEZE: "f",
    Choice.NEW: "s",
}
"""INTERFACE "Console keys"."""

KEY_TEXT: Final[Mapping[Choice, str]] = {
    Choice.YES: "once",
    Choice.DROP: "drop C",
    Choice.GRANT: "grant",
    Choice.WITHOUT: "rest only",
    Choice.NO: "no",
    Choice.FREEZE: "freeze",
    Choice.NEW: "new session",
}

RELEASE_TEXT: Final[Mapping[Choice, str]] = {
    **KEY_TEXT,
    Choice.YES: "let in",
    Choice.DROP: "drop C, let in",
    Choice.NO: "withhold",
}
"""The same, where the question is whether what came back is let in."""

CONFIRMED: Final = frozenset((Choice.DROP, Choice.GRANT, Choice.NEW))
"""What the same key has to say twice, as an answer. To a session outside a question, everything."""

SENDING: Final[Mapping[Choice, str]] = {
    Choice.YES: "Sending your yes.",
    Choice.DROP: "Sending: C is given up.",
    Choice.GRANT: "Sending your grant.",
    Choice.WITHOUT: "Sending: without the items that ask.",
    Choice.NO: "Sending your no.",
    Choice.FREEZE: "Sending: no, and the session is frozen. Nothing more passes in it.",
    Choice.NEW: "Sending: no, and a new session begins.",
}

_SENDING_RELEASE: Final[Mapping[Choice, str]] = {
    **SENDING,
    Choice.YES: "Sending: it is let in.",
    Choice.DROP: "Sending: C is given up, and it is let in.",
    Choice.NO: "Sending: it is withheld.",
    Choice.FREEZE: "Sending: it is withheld, and the session is frozen. Nothing more passes in it.",
    Choice.NEW: "Sending: it is withheld, and a new session begins.",
}

_UNDERSTOOD: Final = "The labels that held it back no longer count for it, in any session."
_AGAIN: Final = "To do it: {key} once more."
_GONE_ON: Final[Mapping[Choice, str]] = {
    Choice.YES: "approved once",
    Choice.GRANT: "granted for some calls and minutes",
    Choice.WITHOUT: "handed over without the items that ask",
    Choice.NO: "refused",
    Choice.FREEZE: "refused, and the session is frozen",
    Choice.NEW: "refused, and a new session has begun",
}


_ARRIVAL_GONE_ON: Final[Mapping[Choice, str]] = {
    **_GONE_ON,
    Choice.YES: "let in once",
    Choice.DROP: "C is dropped, so it is let in",
    Choice.NO: "withheld",
    Choice.FREEZE: "withheld, and the session is frozen",
    Choice.NEW: "withheld, and a new session has begun",
}


def name(text: str) -> Span:
    """A name that is not ours: bare if it is plain, else in quotes."""
    if _PLAIN_NAME.fullmatch(text):
        return Span(text, Style.QUOTED)
    inner = clip(text, _NAME_CELLS).replace('"', '\\"')
    return Span(f'"{inner}"', Style.QUOTED)


def ours(text: str) -> Line:
    """A sentence of ours."""
    return (Span(text, Style.WARNING),)


def not_offered(question: Question, choice: Choice) -> str:
    """Why a key does nothing for this question."""
    if choice is Choice.WITHOUT and question.arrival is None:
        return "This call has not been sent, so nothing came back that could be handed over in part."
    if choice is Choice.WITHOUT:
        return "Nothing would be left to hand over without the items that ask."
    if choice is Choice.GRANT and question.arrival is not None:
        return "No grant here: the call was sent, and what came back is let in once."
    if choice is Choice.GRANT:
        try:
            GrantTerms.of(question, uses=1, minutes=1)
        except BadRequest:
            return "No grant here: it needs targets that can be read, and this call names none such."
        if "A" in question.held:
            return (
                "No grant here: the session holds untrusted content [A], and the operator's policies allow none then."
            )
    return f"'{KEY_TEXT[choice]}' is not offered for this question."


def confirmation(question: Question, choice: Choice) -> Line:
    """What a second key would do, for exactly this call."""
    again = _AGAIN.format(key=KEY_OF[choice])
    if choice is Choice.DROP:
        if question.arrival is not None:
            this = "All that came back is let in, and later reads pass; every call that carries C is denied."
        elif "C" in question.labels:
            this = "This call carries C, so it is refused; later reads pass unasked."
        else:
            this = "This read passes, and later ones do; every call that carries C is denied."
        return ours(f"Drop C for the rest of this session? {this} It cannot be taken back. {again}")
    if choice is Choice.NEW:
        this = "This call is refused." if question.arrival is None else "What came back is withheld."
        return ours(
            f"New session? {this} The gateway forgets what the old conversation read; the model does "
            f"not. Is the conversation really new? {again}"
        )
    return ours(f"These terms would be given. {again}")


def read_first(question: Question) -> str:
    """What approves needs to have been read."""
    if question.arrival is None:
        return "Read the arguments to their end first: a shows them all."
    return "Read the list of what came back to its end first: i shows it all."


def marked(picks: Picks) -> str:
    """What a yes would let in now."""
    asking = len(picks.asking)
    if len(picks.marked) == asking:
        return "A yes lets in all of it."
    return f"A yes lets in {len(picks.marked):,} of the {asking:,} items that ask."


def sending(question: Question, choice: Choice, items: tuple[str, ...] = ()) -> str:
    """An answer is on its way."""
    if items:
        return f"Sending: {counted(len(items), 'item')} let in, without the others that ask."
    return (SENDING if question.arrival is None else _SENDING_RELEASE)[choice]


def session_confirmation(session: str, choice: Choice) -> Line:
    """What a second key would do to a session outside a question."""
    deed = {
        Choice.DROP: "Drop C in session ",
        Choice.FREEZE: "Freeze session ",
        Choice.NEW: "Start a new session in place of ",
    }[choice]
    effect = {
        Choice.DROP: "Whatever carries C is denied from now on, so reads pass unasked. It cannot be taken back.",
        Choice.FREEZE: "Nothing more passes in it; what waits is refused.",
        Choice.NEW: "The gateway forgets what the old conversation read; the model does not. Is the conversation "
        "really new?",
    }[choice]
    again = _AGAIN.format(key=KEY_OF[choice])
    return (*ours(deed), name(session), *ours(f"? {effect} {again}"))


def sent_to_session(session: str, choice: Choice) -> Line:
    """A command is on its way."""
    return (*ours(f"Sending '{KEY_TEXT[choice]}' for session "), name(session), *ours("."))


def vouching(kept: Kept) -> Line:
    """What a second key would endorse."""
    item = kept.withheld.item
    again = f"{_UNDERSTOOD} To do it: e once more."
    return (*ours("Endorse the item "), name(item.name), *ours(f", {item.size:,} bytes, as it is now? {again}"))


def endorsed(message: Endorsed) -> Line:
    """An endorsement was taken."""
    worth = "signed" if message.signed else "unsigned, advisory"
    by = name(message.approver)
    return (*ours("Endorsed, by "), by, *ours(f" ({worth}). It is let in when it comes again."))


def settling(row: ChangeRow, verdict: Verdict) -> Line:
    """What a second key would accept or refuse."""
    key, deed = ("p", "Accept") if verdict is Verdict.ACCEPT else ("n", "Refuse")
    marks = sum(len(one.marks) for one in row.changes)
    marked = f" It has {counted(marks, 'mark')}." if marks and verdict is Verdict.ACCEPT else ""
    again = _AGAIN.format(key=key)
    if row.whole:
        what = (*ours(f"{deed} all {counted(len(row.changes), 'change')} of "), name(row.of.server))
    else:
        (one,) = row.changes
        what = (*ours(f"{deed} the {one.kind} "), name(one.name), *ours(" of "), name(row.of.server))
    effect = (
        "From then on agents see and call it as it is shown here."
        if verdict is Verdict.ACCEPT
        else "It stays blocked, and you are not asked again until the server changes it."
    )
    return (*what, *ours(f"?{marked} {effect} {again}"))


def settled(message: Settled) -> Line:
    """A changed definition was accepted or refused."""
    worth = "signed" if message.signed else "unsigned, advisory"
    done = "Accepted" if message.verdict is Verdict.ACCEPT else "Refused"
    subject = message.subject
    what = name(subject.name) if subject.name else Span(subject.kind)
    return (*ours(f"{done}: "), what, *ours(", by "), name(message.approver), *ours(f" ({worth})."))


def ending(question: Question, message: Ended) -> Line:
    """What became of a question."""
    return (*_about(question), *_became(question, message))


def gateway_gone(question: Question) -> Line:
    """A question ended with its gateway."""
    return (*_about(question), *ours("its gateway went away, so it was refused."))


def _about(question: Question) -> Line:
    inner = clip(f"{question.upstream} · {question.name}", _NAME_CELLS).replace('"', '\\"')
    return (*ours("The question about "), Span(f'"{inner}"', Style.QUOTED), *ours(" is over: "))


def _became(question: Question, message: Ended) -> Line:
    if message.verdict is None:
        return ours(f"{message.unanswered.sentence}." if message.unanswered is not None else "it ended.")
    if question.arrival is not None:
        what = _ARRIVAL_GONE_ON[message.verdict]
    elif message.verdict is Choice.DROP:
        what = "refused, as C is dropped" if "C" in question.labels else "C is dropped, so the read passes"
    else:
        what = _GONE_ON[message.verdict]
    worth = "signed" if message.signed else "unsigned, advisory"
    return (*ours(f"{what}, by "), name(message.approver or "someone"), *ours(f" ({worth})."))


def done(message: Done) -> Line:
    """A command was carried out."""
    session = name(message.session)
    if message.choice is Choice.NEW:
        return (*ours("A new session has begun, and it holds nothing: "), session, *ours("."))
    what = "has given up C" if message.choice is Choice.DROP else "is frozen"
    return (*ours("Done: session "), session, *ours(f" {what}."))
