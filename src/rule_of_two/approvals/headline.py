"""What is about to happen, in one plain sentence: ours throughout, with what is not ours in quotes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rule_of_two.approvals.arrival import Arrival
from rule_of_two.approvals.arrival_view import whose
from rule_of_two.approvals.masks import Masks
from rule_of_two.approvals.question import Question
from rule_of_two.approvals.spans import Span, Style, clip
from rule_of_two.model import Action, Label, Target, TargetKind

_ACTS: Final[tuple[tuple[frozenset[TargetKind], str], ...]] = (
    (frozenset(("recipient",)), "send something to "),
    (frozenset(("url", "host")), "send a request to "),
    (frozenset(("account",)), "act on the account "),
    (frozenset(("path",)), "change "),
    (frozenset(("command",)), "run the command "),
    (frozenset(("query",)), "send out the query "),
)
"""Kinds of targets, the farthest reaching first, and what a call with C does to them."""

_SHOWN_TARGETS: Final = 2
_PIECE: Final = 46
"""Cells of one quotation in the sentence. The whole text stands below."""

_KINDS: Final[tuple[tuple[Label, str], ...]] = (("A", "untrusted"), ("B", "private"))

_HELD: Final[tuple[tuple[Label, str, str], ...]] = (
    ("A", "reading ", "untrusted "),
    ("B", "reading ", "private "),
    ("C", "acting on ", ""),
)


def headline(question: Question, masks: Masks) -> list[Span]:
    """One sentence: what, to whom, and after what; of a result that came back whether it is let in."""
    if question.arrival is not None:
        return _admission(question, question.arrival, masks)
    spans = [Span("The agent wants to ", Style.HEADLINE), *_deed(question, masks)]
    causes = _causes(question, masks)
    if causes:
        spans += [Span(" after ", Style.HEADLINE), *causes]
    return [*spans, Span(".", Style.HEADLINE)]


def target_text(target: Target) -> str:
    """The canonical form, as policy sees it; what was written, if it could not be parsed."""
    return target.shown if target.value is None else target.value


def _admission(question: Question, arrival: Arrival, masks: Masks) -> list[Span]:
    """Whose text the agent would read, where it came from, and after what."""
    kinds = [word for label, word in _KINDS if label in question.labels]
    writers = whose(arrival)
    by = _listed(writers.named, writers.more, masks)
    if writers.unknown:
        by = [*by, Span(" and " if by else "", Style.HEADLINE), Span("somebody not known", Style.WARNING)]
    spans = [
        Span(f"Let the agent read {' and '.join(kinds)}{' ' if kinds else ''}data from ", Style.HEADLINE),
        _quotation(f"{question.upstream} · {question.name}", masks),
        Span(", written by ", Style.HEADLINE),
        *by,
    ]
    causes = _causes(question, masks)
    if causes:
        spans += [Span(", after ", Style.HEADLINE), *causes]
    return [*spans, Span("?", Style.HEADLINE)]


def _listed(texts: Sequence[str], more: int, masks: Masks) -> list[Span]:
    spans: list[Span] = []
    for text in texts[:_SHOWN_TARGETS]:
        spans += [Span(", ", Style.HEADLINE)] if spans else []
        spans.append(_quotation(text, masks))
    more += len(texts) - min(len(texts), _SHOWN_TARGETS)
    return [*spans, *([Span(f" and {more:,} more", Style.HEADLINE)] if more else [])]


def _deed(question: Question, masks: Masks) -> list[Span]:
    if "C" not in question.labels:
        return _reading(question, masks)
    for kinds, act in _ACTS:
        chosen = [target for target in question.targets if target.kind in kinds]
        if chosen:
            return [Span(act, Style.HEADLINE), *_names(chosen, masks), *_amount(question, masks)]
    words = "change something or send something out, no target named,"
    return [Span(words, Style.HEADLINE), *_amount(question, masks)]


def _reading(question: Question, masks: Masks) -> list[Span]:
    kinds = [word for label, word in _KINDS if label in question.labels]
    start = [Span(f"read {' and '.join(kinds)} data", Style.HEADLINE)]
    if question.targets:
        return [*start, Span(": ", Style.HEADLINE), *_names(question.targets, masks)]
    if question.action is Action.READ_RESOURCE:
        return [*start, Span(": ", Style.HEADLINE), _quotation(question.name, masks)]
    return start


def _amount(question: Question, masks: Masks) -> list[Span]:
    amounts = [target for target in question.targets if target.kind == "amount"]
    return [Span(", amount ", Style.HEADLINE), *_names(amounts, masks)] if amounts else []


def _names(targets: Sequence[Target], masks: Masks) -> list[Span]:
    spans: list[Span] = []
    for target in targets[:_SHOWN_TARGETS]:
        if spans:
            spans.append(Span(" and ", Style.HEADLINE))
        spans.append(_quotation(target_text(target), masks))
        if target.value is None:
            spans.append(Span(" (unreadable)", Style.WARNING))
    if len(targets) > _SHOWN_TARGETS:
        spans.append(Span(f" and {len(targets) - _SHOWN_TARGETS:,} more", Style.HEADLINE))
    return spans


def _causes(question: Question, masks: Masks) -> list[Span]:
    """Of each label that is held, the call that brought it. A call that brought A and B is named once."""
    spans: list[Span] = []
    said: set[int | str] = set()
    for label, verb, what in _HELD:
        origin = question.held.get(label)
        if origin is None or origin.call in said:
            continue
        both = label == "A" and "B" in question.held and question.held["B"].call == origin.call
        words = f"{' and ' if spans else ''}{'' if verb in said else verb}{'untrusted and private ' if both else what}"
        said |= {origin.call, verb}
        spans += [Span(words, Style.HEADLINE), _quotation(origin.shown or origin.name, masks)]
    return spans


def _quotation(text: str, masks: Masks) -> Span:
    inner = clip(masks.hide(text), _PIECE).replace('"', '\\"')
    return Span(f'"{inner}"', Style.QUOTED)
