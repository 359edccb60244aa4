"""``rule-of-two audit prune``: the oldest entries go, and the rest can still be checked."""

from __future__ import annotations

import sys
from contextlib import closing
from datetime import timedelta

import anyio
import click

from rule_of_two.cli.durations import Duration
from rule_of_two.cli.main import Context
from rule_of_two.cli.output import print_json
from rule_of_two.errors import ConfigurationError
from rule_of_two.store.journal import JournalStore


@click.command()
@click.option("--older-than", type=Duration(), help="How old; else `audit.retention`, which is 90d unless changed.")
@click.option("--below-retention", is_flag=True, help="Also what is younger than `audit.retention`.")
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@click.pass_obj
def prune(context: Context, older_than: timedelta | None, below_retention: bool, dry_run: bool) -> None:
    """Remove the journal's oldest entries, and leave a signed record, so that what is left can still be checked.

    Kept are, whatever their age, the entries that something still refers to: sessions that have not ended, the ledger,
    younger entries; and which policies were in force. Gateways can go on meanwhile. Exit 1: the chain is broken, and
    nothing was removed.

    \\b
    Examples:
      rule-of-two audit prune --dry-run
      rule-of-two audit prune --older-than 120d
      rule-of-two audit prune --older-than 30d --below-retention
    """
    from rule_of_two.gateway.config import Config, found_config  # noqa: PLC0415  # --help does not pay for it
    from rule_of_two.gateway.journal_key import GatewayKeys, journal_key, known_keys, public_file  # noqa: PLC0415
    from rule_of_two.gateway.pruning import LEAST_DAYS, Broken, finish, plan, since  # noqa: PLC0415
    from rule_of_two.gateway.pruning import prune as pruned  # noqa: PLC0415
    from rule_of_two.gateway.timing import timestamp, utc_now  # noqa: PLC0415
    from rule_of_two.store.state import open_state  # noqa: PLC0415

    config = found_config(context.config)[0] or Config(version=1, servers={})
    retention = config.audit.retention
    seconds = retention if older_than is None else older_than.total_seconds()
    if seconds < retention and not below_retention:
        raise click.UsageError(
            f"audit.retention is {retention / 86400:g}d; to prune what is younger add --below-retention"
        )
    if seconds < LEAST_DAYS * 86400:
        raise click.UsageError(f"what is younger than {LEAST_DAYS}d is never pruned")
    if not (context.state / "journal.db").exists():
        raise ConfigurationError("there is no journal; name its folder with --state", file=context.state)
    with closing(open_state(context.state)) as state, closing(JournalStore(context.state)) as store:
        left = 0 if dry_run else anyio.run(finish, store)
        keys = GatewayKeys(known_keys([public_file(context.state)]))
        try:
            one = plan(store, state, keys, before=since(utc_now(), seconds))
        except Broken as error:
            click.echo(f"rule-of-two: {error}", err=True)
            sys.exit(1)
        if one is not None and not dry_run:
            signer = journal_key(context.state, config.audit.key)

            async def do() -> None:
                await pruned(store, one, signer, now=timestamp)

            anyio.run(do)
    facts = {"dry_run": dry_run, "pruned": None if one is None else one.as_facts()}
    if context.json:
        print_json(facts)
    elif one is None:
        click.echo("Nothing is old enough to be pruned." if not left else f"Pruned {left:,} entries that were left.")
    else:
        kept = f", {len(one.kept):,} kept because they are still referred to" if one.kept else ""
        verb = "Would prune" if dry_run else "Pruned"
        click.echo(f"{verb} {one.removed:,} entries up to #{one.last}, {one.from_at[:10]} to {one.to_at[:10]}{kept}.")
