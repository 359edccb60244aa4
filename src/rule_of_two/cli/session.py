"""``rule-of-two session``: what sessions hold, and what a person does to them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Final

import click
from msgspec import Struct
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rule_of_two.audit.journal import Origin
from rule_of_two.audit.why import origin_of
from rule_of_two.cli.deeds import drop, freeze, new
from rule_of_two.cli.main import Context
from rule_of_two.cli.names import sessions
from rule_of_two.cli.output import age_text, print_json, seconds_between
from rule_of_two.cli.session_report import report
from rule_of_two.escape import visible
from rule_of_two.gateway.timing import timestamp
from rule_of_two.model import Label, label_text
from rule_of_two.sessions.repository import SessionRecord, find_session, list_sessions
from rule_of_two.store.database import Database
from rule_of_two.store.journal import JournalStore
from rule_of_two.store.state import open_state

_PLAIN_WIDTH: Final = 160
"""Columns of a list that is not read on a terminal."""


class _Opened(Struct, frozen=True):
    state: Database
    journal_store: JournalStore


def _open(context: Context) -> _Opened:
    return _Opened(open_state(context.state), JournalStore(context.state))


@click.group()
def session() -> None:
    """List sessions, show one; drop C in one, freeze one, start a new one.

    \b
    Example:
      rule-of-two session list
    """


@session.command("list")
@click.option("--all", "ended", is_flag=True, help="Ended sessions too.")
@click.pass_obj
def list_(context: Context, ended: bool) -> None:
    """One line a session: what it holds, which calls brought that, and how old it is.

    \b
    Example:
      rule-of-two session list --all
    """
    opened = _open(context)
    records = list_sessions(opened.state, ended=ended)
    if context.json:
        print_json([_facts(opened, record) for record in records])
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("session", "holds", "from", "client", "boundary", "tier", "connections", "age", "ended"):
        table.add_column(heading, no_wrap=heading == "session")
    for record in records:
        origins = _origins(opened, record)
        table.add_row(
            record.view.id,
            Text(label_text(record.view.held)),
            Text(", ".join(f"{_reference(one)}{visible(one.what)}" for one in dict.fromkeys(origins.values()))),
            Text(visible(record.client)),
            record.boundary,
            record.tier,
            str(len(record.connections)),
            age_text(_age(record)),
            f"{record.ended_at[:19]} ({record.ended_how})" if record.ended_at else "",
        )
    Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH).print(table)


@session.command()
@click.argument("name", metavar="SESSION", shell_complete=sessions)
@click.pass_obj
def show(context: Context, name: str) -> None:
    """What a session holds, which call brought each label, how old it is, and who is connected.

    \b
    Example:
      rule-of-two session show s-1a2b3c4d
    """
    opened = _open(context)
    record = find_session(opened.state, name)
    if record is None:
        raise click.ClickException(f"there is no session {name}; `rule-of-two session list` names them")
    if context.json:
        print_json(_facts(opened, record))
        return
    for line in _lines(opened, record):
        click.echo(line)


def _lines(opened: _Opened, record: SessionRecord) -> Iterator[str]:
    view = record.view
    client, user, workspace = visible(record.client), visible(record.user), visible(record.workspace)
    yield f"{view.id}  {client}, {user}, boundary {record.boundary}, {record.tier}, {workspace}"
    if record.conversation:
        yield f"  conversation {visible(record.conversation)}"
    ended = f", ended {record.ended_at[:19]} ({record.ended_how})" if record.ended_at else ""
    yield f"  {age_text(_age(record))} old: began {record.created_at[:19]}{ended}"
    for orphan in record.joined_from:
        yield f"  took over what {orphan} held, which did not end in order"
    for label, origin in _origins(opened, record).items():
        where = f" ({visible(origin.where)})" if origin.where else ""
        yield f"  [{label}] since {_reference(origin)}{visible(origin.what)}{where} {origin.at[:19]}".rstrip()
    if not view.held:
        yield "  holds nothing"
    if view.reserved:
        others = ", or what counts between its client's conversations" if record.boundary == "conversation" else ""
        yield f"  besides, {label_text(view.reserved)} counts: calls under way{others}"
    if view.dropped:
        yield "  gave up [C]"
    if view.frozen:
        yield "  is frozen"
    for one in record.connections:
        yield f"  connected: process {one.process}, since {one.opened_at[:19]}"


for deed in (new, drop, freeze):
    session.add_command(deed)


session.add_command(report)


def _facts(opened: _Opened, record: SessionRecord) -> dict[str, Any]:
    view = record.view
    return {
        "id": view.id,
        "held": dict(view.held),
        "origins": {
            label: {"decision": _reference(one).strip() or None, "call": one.what, "where": one.where, "at": one.at}
            for label, one in _origins(opened, record).items()
        },
        "reserved": dict(view.reserved),
        "dropped": view.dropped,
        "frozen": view.frozen,
        "user": record.user,
        "tenant": record.tenant,
        "client": record.client,
        "workspace": record.workspace,
        "conversation": record.conversation,
        "boundary": record.boundary,
        "tier": record.tier,
        "connections": len(record.connections),
        "processes": [{"process": one.process, "opened_at": one.opened_at} for one in record.connections],
        "created_at": record.created_at,
        "age_seconds": _age(record),
        "ended_at": record.ended_at,
        "ended_how": record.ended_how,
        "joined_from": " ".join(record.joined_from) or None,
    }


def _origins(opened: _Opened, record: SessionRecord) -> dict[Label, Origin]:
    """Of each label that a session holds, the call that brought it."""
    return {label: origin_of(opened.journal_store, number) for label, number in sorted(record.view.held.items())}


def _reference(origin: Origin) -> str:
    return f"d{origin.number} " if origin.number else ""


def _age(record: SessionRecord) -> float:
    """How long a session has lasted, in seconds; never less than none, whatever the clock did."""
    return max(seconds_between(record.created_at, record.ended_at or timestamp()), 0.0)
