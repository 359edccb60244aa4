"""``rule-of-two why``: one decision, explained."""

from __future__ import annotations

import sys
from contextlib import closing

import click

from rule_of_two.audit.why import UnknownDecision, explain
from rule_of_two.cli.main import Context
from rule_of_two.cli.names import decisions
from rule_of_two.cli.output import print_json
from rule_of_two.errors import PolicyError
from rule_of_two.store.journal import Entry, JournalStore


@click.command()
@click.argument("decision", shell_complete=decisions)
@click.option("--not", "otherwise", is_flag=True, help="What would have had to be different, tried with the policies.")
@click.pass_obj
def why(context: Context, decision: str, otherwise: bool) -> None:
    """Why a call was allowed, asked or denied: which earlier calls, which policies, who answered, what became of it.

    With --not: the fewest changes with which the policies that were in force say otherwise (today's, if those are not
    kept). Each is tried, none is guessed.

    \b
    Examples:
      rule-of-two why d17
      rule-of-two why --not d17
    """
    with closing(JournalStore(context.state)) as store:
        try:
            explanation = explain(store, decision)
        except UnknownDecision as error:
            click.echo(f"rule-of-two: {error}", err=True)
            sys.exit(1)
        if otherwise:
            _otherwise(context, store, explanation.decision)
        elif context.json:
            print_json(explanation.as_facts())
        else:
            click.echo("\n".join(explanation.lines()))


def _otherwise(context: Context, store: JournalStore, entry: Entry) -> None:
    from rule_of_two.gateway.blueprint import principal_of, sources_of  # noqa: PLC0415  # `why` alone needs none of it
    from rule_of_two.gateway.config import Config, found_config  # noqa: PLC0415  # as above
    from rule_of_two.gateway.policy_versions import PolicyVersions  # noqa: PLC0415  # as above
    from rule_of_two.simulation.counterfactual import counterfactual  # noqa: PLC0415  # as above
    from rule_of_two.simulation.judge import Judge  # noqa: PLC0415  # as above

    found, path = found_config(context.config)
    config = found or Config(version=1, servers={})
    content = store.contents().get(str(entry.body.get("policy_version")))
    policies, whose = None, "the policies of then"
    if content is not None:
        try:
            policies = PolicyVersions(context.state, path.parent).get(content).policies
        except PolicyError:
            policies = None
    if policies is None:
        policies, whose = sources_of(config, path.parent).load(), "today's policies (those of then are not kept)"
    told = counterfactual(store, entry, Judge(policies, principal_of(config)), policies=whose)
    if context.json:
        print_json(told.as_facts())
    else:
        click.echo("\n".join(told.lines()))
