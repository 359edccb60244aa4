"""``rule-of-two trace``: what one session did, as a timeline in the terminal or as one HTML page."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import Final

import click
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from rule_of_two import __version__
from rule_of_two.audit.trace import Step, Trace
from rule_of_two.audit.trace import trace as traced
from rule_of_two.audit.trace_page import page
from rule_of_two.cli.main import Context
from rule_of_two.cli.names import sessions
from rule_of_two.cli.output import print_json
from rule_of_two.errors import ConfigurationError
from rule_of_two.escape import visible
from rule_of_two.gateway.timing import timestamp
from rule_of_two.model import ORDER
from rule_of_two.store.journal import JournalStore
from rule_of_two.wording import counted

_STYLES: Final = {"A": "dark_orange3", "B": "blue", "C": "magenta"}
_OUTCOMES: Final = {"allow": "green", "ask": "yellow", "deny": "red"}
_NAMED: Final = 10
_PLAIN_WIDTH: Final = 160
"""Columns of what is not read on a terminal."""


@click.command()
@click.argument("session", shell_complete=sessions)
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write one page that loads nothing to this file."
)
@click.option("--force", is_flag=True, help="With --html: replace the file if it is there.")
@click.pass_obj
def trace(context: Context, session: str, html: Path | None, force: bool) -> None:
    """What SESSION did: each call, what the session then held, what went in, what people said, what went out.

    \b
    Examples:
      rule-of-two trace s-1a2b3c4d
      rule-of-two trace s-1a2b3c4d --html session.html
    """
    with closing(JournalStore(context.state)) as store:
        found = traced(store, session)
    if found is None:
        click.echo(f"rule-of-two: the journal has nothing of a session {visible(session)}", err=True)
        sys.exit(1)
    if html is not None:
        _write(html, page(found, made_at=timestamp(), version=__version__), force=force)
        click.echo(f"wrote {html}", err=True)
    elif context.json:
        print_json(found.as_facts())
    else:
        console = Console()
        console.width = console.width if console.is_terminal else _PLAIN_WIDTH
        console.print(timeline(found))


def _write(path: Path, text: str, *, force: bool) -> None:
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise ConfigurationError("is there already; name another file, or give --force", file=path) from error
    except OSError as error:
        raise ConfigurationError(f"cannot be written ({error.strerror})", file=path) from error


def timeline(found: Trace) -> RenderableType:
    """For people: a line a step, and below it what people said. Whatever others wrote is escaped."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for no_wrap in (True, True, True, True, False):
        table.add_column(no_wrap=no_wrap)
    day = ""
    for step in found.steps:
        if step.at[:10] != day:
            day = step.at[:10]
            table.add_row(Text(visible(day), "dim"))
        table.add_row(
            Text(visible(step.at[11:19])),
            Text(f"d{step.number}" if step.call is not None else "", "dim"),
            _picture(step),
            Text(str(step.outcome or ""), _OUTCOMES.get(str(step.outcome), "")),
            Text.assemble(*_told(step)),
        )
    steps = counted(len(found.steps), "step")
    more = f", and {found.more:,} more" if found.more else ""
    head = f"{found.session}  {found.client}, {found.user}, {steps}{more}"
    return Group(Text(visible(head), "bold"), table, *_sums(found))


def _picture(step: Step) -> Text:
    parts = []
    for label in ORDER:
        style = _STYLES[label] + (" bold underline" if label in step.adds else "")
        parts.append((f"[{label}]", style) if label in step.held else ("[ ]", "dim"))
    return Text.assemble(*parts)


def _told(step: Step) -> list[str | tuple[str, str]]:
    if step.call is None:
        return [step.deed]
    parts: list[str | tuple[str, str]] = [visible(step.call.qualified)]
    if step.targets:
        parts.append((f" → {visible(step.targets)}", "bold"))
    if step.outcome != "allow" and step.policies:
        parts.append((f"  [{visible(', '.join(step.policies))}]", "dim"))
    if step.count or step.withheld:
        kept = f", {step.withheld} not handed over" if step.withheld else ""
        parts.append((f"  {counted(step.count, 'item')}{kept}", "dim"))
    if step.became not in {"", "result"}:
        parts.append((f"  {step.became}", "dim"))
    parts += [("\n" + sentence, "italic") for sentence in step.people]
    return parts


def _sums(found: Trace) -> list[Text]:
    items = sum(step.count for step in found.incoming)
    known = f", {counted(items, 'item')} known one by one" if items else ""
    out = [f"d{step.number} {visible(step.targets) or 'to no named target'}" for step in found.outgoing]
    more = f" and {len(out) - _NAMED} more" if len(out) > _NAMED else ""
    return [
        Text(f"In:  {counted(len(found.incoming), 'untrusted or private result')}{known}"),
        Text(f"Out: {'; '.join(out[:_NAMED])}{more}" if out else "Out: nothing"),
    ]
