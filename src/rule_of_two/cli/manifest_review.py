"""Judging a draft tool by tool, in a terminal: only here a suggestion becomes a label, by a person's key."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import click

from rule_of_two.errors import ConfigurationError
from rule_of_two.escape import visible
from rule_of_two.manifests.drafting.draft import Judged
from rule_of_two.manifests.drafting.suggest import Suggestion, as_text
from rule_of_two.manifests.drafting.written import told
from rule_of_two.manifests.offer import Offer, OfferedTool
from rule_of_two.model import ALL, Labels, labels_in
from rule_of_two.wording import counted

if sys.platform != "win32":
    import termios

_KEYS: Final = "y take it · n keep [A, B, C] · e edit · r keep all the rest · q write nothing"
_NOTHING_TO_TAKE: Final = "n keep [A, B, C] · e edit · r keep all the rest · q write nothing"


def review(offer: Offer, suggestions: Mapping[str, Suggestion]) -> dict[str, Judged]:
    """Ask about each tool. What is not answered stays [A, B, C].

    :raises ConfigurationError: there is no terminal.
    :raises click.Abort: the person broke off.
    """
    if not sys.stdin.isatty() or not sys.stderr.isatty():
        raise ConfigurationError("--review asks in a terminal: run the command in one, or leave it out")
    judged: dict[str, Judged] = {}
    tools = [tool for tool in offer.tools if tool.name in suggestions]
    _say(
        f"{counted(len(tools), 'tool')}. What they are called and what they say of themselves is the server's own word."
    )
    for number, tool in enumerate(tools, start=1):
        found = suggestions[tool.name]
        _show(tool, found, f"{number}/{len(tools)}")
        answer = _answer(takes=found.labels != ALL)
        if answer == "r":
            break
        if answer == "y":
            judged[tool.name] = Judged(found.labels, f"{_why(found)}; taken on {_today()}")
        elif answer == "e":
            judged[tool.name] = _edited(found)
    return judged


def _show(tool: OfferedTool, found: Suggestion, place: str) -> None:
    _say("")
    _say(f"{place}  {visible(tool.name)}")
    if tool.description:
        _say(f"  it says {told(tool.description)}")
    for kind, at in found.arguments.targets.items():
        _say(f"  {kind}: {visible(', '.join(at))}")
    for reason in found.reasons:
        _say(f"  {reason}")
    for note in found.notes:
        _say(f"  note: {note}")
    _say(f"  suggested: {as_text(found.labels)}")


def _answer(*, takes: bool) -> str:
    keys = "ynerq" if takes else "nerq"
    _say(f"  {_KEYS if takes else _NOTHING_TO_TAKE}")
    _forget_what_was_typed_ahead()
    answer: str = click.prompt(
        "  your answer", type=click.Choice(list(keys), case_sensitive=False), default="n", show_choices=False, err=True
    )
    if answer == "q":
        raise click.Abort
    return answer


def _forget_what_was_typed_ahead() -> None:
    """A key counts only for a question that could be read."""
    if sys.platform != "win32":
        termios.tcflush(sys.stdin, termios.TCIFLUSH)


def _edited(found: Suggestion) -> Judged:
    labels: Labels = click.prompt(
        "  labels (such as AB; - for none)", value_proc=_labels, default=as_text(found.labels), err=True
    )
    why: str = click.prompt("  why", err=True)
    return Judged(labels, why)


def _labels(text: str) -> Labels:
    letters = text.upper().strip(" -[]").replace(",", "").replace(" ", "")
    if set(letters) - set("ABC"):
        raise click.UsageError("write A, B and C, as in AB, or - for none")
    return labels_in(letters)


def _why(found: Suggestion) -> str:
    return "; ".join(str(reason) for reason in found.reasons)


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _say(line: str) -> None:
    """Print a line, broken between words so that nothing is cut off at the edge."""
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    width = max(shutil.get_terminal_size().columns, 40)
    for part in textwrap.wrap(line, width, subsequent_indent=indent) or [""]:
        click.echo(part, err=True)
