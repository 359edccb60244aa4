"""``rule-of-two session report``: what would have been asked, or was, and what would make it quieter."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import click

from rule_of_two.audit.report import Group, Survey, Tally
from rule_of_two.cli.durations import Duration
from rule_of_two.cli.main import Context
from rule_of_two.cli.names import sessions
from rule_of_two.cli.output import print_json
from rule_of_two.escape import visible
from rule_of_two.gateway.config import found_config
from rule_of_two.gateway.review import SHOWN, Review, Tip, finder, review
from rule_of_two.gateway.timing import utc_now
from rule_of_two.model import label_text
from rule_of_two.store.journal import JournalStore
from rule_of_two.wording import counted

_CAUSES: Final = 20
_LIMITS: Final = (
    "The journal keeps what calls reach, and no other arguments: what only those decide is not counted.",
    "Each question counts as if its answer had been yes.",
    "The model chooses what it reaches: write a line only if its reason is true, not because it comes often.",
)


@click.command()
@click.argument("name", metavar="[SESSION]", required=False, shell_complete=sessions)
@click.option("--since", type=Duration(), help="How far back; 7d unless a SESSION is named, of which all is read.")
@click.pass_obj
def report(context: Context, name: str | None, since: timedelta | None) -> None:
    """What would have been asked or denied, or was, by cause; and what you may soundly write so that less is.

    Made for observe mode, and as true of enforce mode. Each suggestion is replayed over what was recorded. Nothing is
    changed.

    \b
    Examples:
      rule-of-two session report
      rule-of-two --json session report s-1a2b3c4d --since 30d
    """
    span = timedelta(days=7) if since is None and name is None else since
    begin = "" if span is None else (utc_now() - span).isoformat(timespec="microseconds")
    config, path = found_config(context.config)
    store = JournalStore(context.state)
    found = review(lambda: store.decisions(since=begin, session=name), finder(store), config=config, file=path)
    if name is not None and not found.survey.sessions:
        click.echo(f"rule-of-two: the journal has no decision of a session {visible(name)} in that time", err=True)
        sys.exit(1)
    print_json(found.as_facts()) if context.json else click.echo("\n".join(lines(found)))


def lines(found: Review) -> list[str]:
    """For people. Names and targets come from the model and its servers: they are escaped, and begin no line."""
    return [*_counts(found.survey), *_causes(found), *([] if not found.survey.questions else ["", *_LIMITS])]


def _counts(found: Survey) -> Iterator[str]:
    when = f", {found.since:%Y-%m-%d} to {found.until:%Y-%m-%d}" if found.since and found.until else ""
    yield f"{counted(len(found.sessions), 'session')}, {counted(found.calls, 'call')}{when}"
    if not found.questions:
        yield "Nothing was asked, and policy denied nothing: there is nothing to make quieter."
    else:
        observed = f" Observe mode let {found.let_pass} of them pass." if found.let_pass else ""
        yes = f" A person confirmed {found.confirmed}." if found.confirmed else ""
        yield f"{counted(found.asked, 'question')}, and {counted(found.denied, 'denial')} by policy.{observed}{yes}"
    if found.left_out:
        yield f"{counted(found.left_out, 'text')} that nobody asked for would have been left out, or was."
    if found.refused:
        yield f"{counted(found.refused, 'request')} could not be carried out whatever policy says."
    if found.unreadable:
        yield f"Not readable in the journal, and counted as nothing: {counted(found.unreadable, 'entry')}."


def _causes(found: Review) -> Iterator[str]:
    for number, (group, tips) in enumerate(found.causes[:_CAUSES], start=1):
        yield ""
        yield f"{number}. {_headline(group)}"
        for one in group.brought:
            yield f"   [{one.label}] came from {visible(one.call)}{_reached(one.targets)}"
        if group.cause == "policy":
            yield f"   denied or asked by {visible(', '.join(group.policies))}: it is for its author to change"
        examples = ", ".join(f"d{number}" for number in group.decisions)
        yield f"   for example {examples} (`rule-of-two why d{group.decisions[0]}`)"
        yield from _quieter(group, tips)
    left = sum(group.questions for group, _ in found.causes[_CAUSES:])
    if left:
        yield ""
        yield f"{counted(left, 'question')} of rarer causes, with --json."
    if found.survey.ungrouped:
        yield f"{counted(found.survey.ungrouped, 'question')} of still rarer causes, which are only counted."


def _headline(group: Group) -> str:
    call = f"{visible(group.call)} {label_text(group.labels)}{_reached(group.targets)}"
    if group.cause == "policy":
        return f"{counted(group.questions, 'time')}: {call}"
    alone = "" if group.brought else ", which carries all that was missing by itself"
    return f"{counted(group.questions, 'question')}: {call} completed the set{alone}"


def _quieter(group: Group, tips: tuple[Tip, ...]) -> Iterator[str]:
    if not tips:
        yield "   Nothing known makes this quieter without weakening the rule."
        return
    yield "   Quieter:"
    for tip in tips:
        one = tip.suggestion
        up_to = "at most " if one.at_most else ""
        pauses = f", counting {counted(tip.renewals, 'pause')} of over 30 minutes as such" if tip.renewals else ""
        more = f"; {counted(tip.more, 'other')} would have come instead" if tip.more else ""
        yield f"   - {one.line}"
        yield f"     only if {one.only_if}"
        saved = f"{up_to}{tip.saved} of {counted(group.questions, 'question')}"
        yield f"     with it, {saved} would not have come{pauses}{more}"


def _reached(tally: Tally) -> str:
    shown = [f"{visible(value)}{f' ({times})' if times > 1 else ''}" for value, times in tally.most(SHOWN)]
    rest = len(tally.times) - len(shown) + tally.others
    return f" to {', '.join(shown)}{f' and {rest} more' if rest else ''}" if shown else ""
