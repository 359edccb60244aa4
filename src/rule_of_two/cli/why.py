"""``rule-of-two why``: one decision, explained."""

from __future__ import annotations

import sys

import click

from rule_of_two.audit.why import UnknownDecision, explain
from rule_of_two.cli.main import Context
from rule_of_two.cli.names import decisions
from rule_of_two.cli.output import print_json
from rule_of_two.store.journal import JournalStore


@click.command()
@click.argument("decision", shell_complete=decisions)
@click.pass_obj
def why(context: Context, decision: str) -> None:
    """Why a call was allowed, asked or denied: which earlier calls, which policies, who answered, what became of it.

    \b
    Example:
      rule-of-two why d17
    """
    try:
        explanation = explain(JournalStore(context.state), decision)
    except UnknownDecision as error:
        click.echo(f"rule-of-two: {error}", err=True)
        sys.exit(1)
    if context.json:
        print_json(explanation.as_facts())
    else:
        click.echo("\n".join(explanation.lines()))
