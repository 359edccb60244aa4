"""``rule-of-two audit export``: the journal for other systems, as JSON Lines or over OTLP."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
import click

from rule_of_two.cli.durations import Duration
from rule_of_two.cli.main import Context
from rule_of_two.cli.names import sessions
from rule_of_two.cli.output import print_json
from rule_of_two.errors import ConfigurationError
from rule_of_two.store.journal import JournalStore

if TYPE_CHECKING:
    from rule_of_two.audit.export import Selection
    from rule_of_two.store.journal import Row

_BATCH: Final = 500
_POLL_SECONDS: Final = 1.0
_ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
_HEADERS: Final = "OTEL_EXPORTER_OTLP_HEADERS"


@click.command()
@click.option(
    "--format", "shape", type=click.Choice(["jsonl", "otlp"]), default="jsonl", show_default=True, help="The shape."
)
@click.option("--since", type=Duration(), help="How far back; all there is, unless given.")
@click.option("--session", shell_complete=sessions, help="Only what is of this session.")
@click.option("--after", type=click.IntRange(0), help="Only entries numbered above this; else it goes on where it was.")
@click.option("--to", "destination", help="A file for JSON Lines, else stdout; the URL of a receiver for OTLP.")
@click.option(
    "--signal",
    type=click.Choice(["traces", "logs"]),
    help="Only traces, or only logs: for a receiver of OTLP that takes no more.",
)
@click.option("-f", "--follow", is_flag=True, help="Go on as new entries come, until interrupted.")
@click.pass_obj
def export(
    context: Context,
    shape: str,
    since: timedelta | None,
    session: str | None,
    after: int | None,
    destination: str | None,
    signal: str | None,
    follow: bool,
) -> None:
    """Export the journal: JSON Lines, or OpenTelemetry's traces and logs over OTLP/HTTP (protobuf).

    A file is continued after its last entry, and a receiver after the last one that it took, so an export that broke
    off is run again. $OTEL_EXPORTER_OTLP_ENDPOINT counts where --to is not given, $OTEL_EXPORTER_OTLP_HEADERS always.
    Exit 1: the receiver did not take everything.

    \b
    Examples:
      rule-of-two audit export --since 7d > week.jsonl
      rule-of-two audit export --to /var/log/rule-of-two.jsonl --follow
      rule-of-two audit export --format otlp --to http://localhost:4318
      rule-of-two audit export --format otlp --to http://localhost:6006 --signal traces
    """
    from rule_of_two.audit.export import Selection  # noqa: PLC0415  # --help does not pay for it
    from rule_of_two.gateway.pruning import since as begin  # noqa: PLC0415
    from rule_of_two.gateway.timing import utc_now  # noqa: PLC0415

    if not (context.state / "journal.db").exists():
        raise ConfigurationError("there is no journal; name its folder with --state", file=context.state)
    if signal is not None and shape != "otlp":
        raise click.UsageError("--signal belongs to --format otlp")
    at = "" if since is None else begin(utc_now(), since.total_seconds())
    selection = Selection(after or 0, at, session)
    with closing(JournalStore(context.state)) as store:
        if shape == "otlp":
            url = destination or os.environ.get(_ENDPOINT, "")
            if not url.startswith(("http://", "https://")):
                raise click.UsageError(f"--format otlp goes to a URL: name it with --to, or set ${_ENDPOINT}")
            sys.exit(anyio.run(_send, context, store, selection, url, after, signal, follow))
        _write(store, selection, destination, resume=after is None, follow=follow)


def _write(store: JournalStore, selection: Selection, destination: str | None, *, resume: bool, follow: bool) -> None:
    from rule_of_two.audit.export import LinesFile, line  # noqa: PLC0415  # as above

    journal = store.id
    if destination is None:
        take: Callable[[bytes], object] = _to_stdout
        for rows in _batches(store, selection, follow=follow):
            take(b"".join(line(row, journal) for row in rows))
        return
    with closing(LinesFile(Path(destination), journal)) as file:
        if resume:
            selection = type(selection)(file.after, selection.since, selection.session)
        for rows in _batches(store, selection, follow=follow):
            file.write(b"".join(line(row, journal) for row in rows))


def _to_stdout(lines: bytes) -> None:
    sys.stdout.buffer.write(lines)
    sys.stdout.buffer.flush()


def _batches(store: JournalStore, selection: Selection, *, follow: bool) -> Iterator[list[Row]]:
    from rule_of_two.audit.export import selected  # noqa: PLC0415  # as above

    after = selection.after
    while True:
        rows = selected(store, type(selection)(after, selection.since, selection.session))
        while batch := list(islice(rows, _BATCH)):
            yield batch
            after = batch[-1].entry.number
        if not follow:
            return
        time.sleep(_POLL_SECONDS)  # other processes write the journal: there is nothing to wait on but time


async def _send(
    context: Context,
    store: JournalStore,
    selection: Selection,
    url: str,
    after: int | None,
    signal: str | None,
    follow: bool,
) -> int:
    import httpx2  # noqa: PLC0415  # as above

    from rule_of_two.audit.otlp import Telemetry  # noqa: PLC0415
    from rule_of_two.gateway.otlp_sender import Cursor, NotTaken, Sender, Signal, headers_of  # noqa: PLC0415
    from rule_of_two.store.journal import Entry  # noqa: PLC0415

    journal = store.id
    cursor = Cursor.of(context.state, journal, url, selection.session or "", *((signal,) if signal else ()))
    selection = type(selection)(cursor.read() if after is None else after, selection.since, selection.session)
    telemetry, sent, unreadable = Telemetry(store, journal), 0, 0
    async with httpx2.AsyncClient() as client:
        sender = Sender(client, url, headers_of(os.environ.get(_HEADERS, ""), variable=_HEADERS))
        try:
            for rows in _batches(store, selection, follow=follow):
                entries = [row.entry for row in rows if isinstance(row.entry, Entry)]
                unreadable += len(rows) - len(entries)
                if signal != Signal.LOGS:
                    await sender.send(Signal.TRACES, telemetry.traces(entries))
                if signal != Signal.TRACES:
                    await sender.send(Signal.LOGS, telemetry.logs(entries))
                cursor.write(rows[-1].entry.number)
                sent += len(entries)
        except NotTaken as error:
            click.echo(f"rule-of-two: {error}", err=True)
            return 1
    facts = {"to": url, "entries": sent, "unreadable": unreadable, "rejected": sender.rejected, "why": sender.told}
    if context.json:
        print_json(facts)
    else:
        click.echo(f"Sent {sent:,} entries to {url}.")
    for count, what in ((unreadable, "could not be read and were left out"), (sender.rejected, "were not taken")):
        if count:
            why = f": {sender.told}" if what == "were not taken" and sender.told else ""
            click.echo(f"rule-of-two: {count} {what}{why}", err=True)
    return 1 if sender.rejected or unreadable else 0
