"""``rule-of-two session``: what sessions hold, and what a person does to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rule_of_two.audit.journal import Journal
from rule_of_two.audit.why import origin_of
from rule_of_two.cli.deeds import drop, freeze, new
from rule_of_two.cli.main import Context
from rule_of_two.cli.output import print_json
from rule_of_two.cli.session_report import report
from rule_of_two.escape import visible
from rule_of_two.gateway.timing import timestamp
from rule_of_two.model import label_text
from rule_of_two.sessions.repository import SessionRecord, find_session, list_sessions
from rule_of_two.store.database import Database
from rule_of_two.store.journal import JournalStore
from rule_of_two.store.state import open_state


@dataclass(frozen=True, slots=True)
class _Opened:
    state: Database
    journal: Journal
    journal_store: JournalStore


def _open(context: Context) -> _Opened:
    store = JournalStore(context.state)
    return _Opened(open_state(context.state), Journal(store, timestamp, policy_version="", client=""), store)


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
    """One line a session: what it holds and since when.

    \b
    Example:
      rule-of-two session list --all
    """
    records = list_sessions(_open(context).state, ended=ended)
    if context.json:
        print_json([_facts(record) for record in records])
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("session", "holds", "client", "boundary", "connections", "began", "ended"):
        table.add_column(heading)
    for record in records:
        table.add_row(
            record.view.id,
            Text(label_text(record.view.held)),
            Text(visible(record.client)),
            record.boundary,
            str(record.connections),
            record.created_at[:19],
            f"{record.ended_at[:19]} ({record.ended_how})" if record.ended_at else "",
        )
    Console().print(table)


@session.command()
@click.argument("name", metavar="SESSION")
@click.pass_obj
def show(context: Context, name: str) -> None:
    """What a session holds, and which call brought each label.

    \b
    Example:
      rule-of-two session show s-1a2b3c4d
    """
    opened = _open(context)
    record = find_session(opened.state, name)
    if record is None:
        raise click.ClickException(f"there is no session {name}; `rule-of-two session list` names them")
    if context.json:
        print_json(_facts(record))
        return
    view = record.view
    client, user, workspace = visible(record.client), visible(record.user), visible(record.workspace)
    click.echo(f"{view.id}  {client}, {user}, boundary {record.boundary}, {workspace}")
    for label, number in sorted(view.held.items()):
        origin = origin_of(opened.journal_store, number)
        what, where = visible(origin.what), f" ({visible(origin.where)})" if origin.where else ""
        click.echo(f"  [{label}] since {f'd{number} ' if number else ''}{what}{where} {origin.at[:19]}".rstrip())
    if not view.held:
        click.echo("  holds nothing")
    if view.reserved:
        click.echo(f"  calls under way reserve {label_text(view.reserved)}")
    if view.dropped:
        click.echo("  gave up [C]")
    if view.frozen:
        click.echo("  is frozen")


for deed in (new, drop, freeze):
    session.add_command(deed)


session.add_command(report)


def _facts(record: SessionRecord) -> dict[str, Any]:
    view = record.view
    return {
        "id": view.id,
        "held": dict(view.held),
        "reserved": dict(view.reserved),
        "dropped": view.dropped,
        "frozen": view.frozen,
        "user": record.user,
        "tenant": record.tenant,
        "client": record.client,
        "workspace": record.workspace,
        "boundary": record.boundary,
        "connections": record.connections,
        "created_at": record.created_at,
        "ended_at": record.ended_at,
        "ended_how": record.ended_how,
        "joined_from": record.joined_from,
    }
