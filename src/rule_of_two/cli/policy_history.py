"""``rule-of-two policy history``: the versions of policies that were in force."""

from __future__ import annotations

import sys
from contextlib import closing
from itertools import zip_longest

import click

from rule_of_two.cli.main import Context
from rule_of_two.cli.output import print_json
from rule_of_two.escape import visible
from rule_of_two.gateway.config import found_config
from rule_of_two.gateway.policy_versions import PolicyVersions, Unusable, Version, as_facts
from rule_of_two.policy.changes import changes
from rule_of_two.store.journal import JournalStore


@click.command()
@click.pass_obj
def history(context: Context) -> None:
    """The versions of policies and entities that were in force, newest first, and what each changed.

    Decisions are counted by the journal. Exit 1: a version's file was changed, and is named.

    \b
    Example:
      rule-of-two --json policy history
    """
    _, path = found_config(context.config)
    found = list(PolicyVersions(context.state, path.parent))
    versions = [one for one in found if isinstance(one, Version)]
    unusable = [one for one in found if isinstance(one, Unusable)]
    counts: dict[str, int] = {}
    if (context.state / "journal.db").exists():
        with closing(JournalStore(context.state)) as store:
            counts = store.decisions_by_content()
    rows = []
    for one, older in zip_longest(versions, versions[1:]):
        changed = None if older is None else changes(older.policies, one.policies)
        rows.append(
            {
                **as_facts(one),
                "decisions": counts.get(one.stored.version, 0),
                "changed": None if changed is None else changed.as_facts(),
                "summary": "the first that is kept" if changed is None else changed.summary,
            }
        )
    if context.json:
        refused = [{"file": str(one.file), "problem": one.problem} for one in unusable]
        print_json({"versions": rows, "refused": refused})
    else:
        for row in rows:
            at = str(row["first_in_force"])[:19]
            click.echo(
                f"{str(row['version'])[:12]}  {at}Z  {row['decisions']:>6} decisions  {visible(str(row['summary']))}"
            )
        for refused_one in unusable:
            click.echo(f"{refused_one.file}: {refused_one.problem}")
        if not found:
            click.echo("No version was in force yet: a gateway keeps each that it puts in force.")
    sys.exit(1 if unusable else 0)
