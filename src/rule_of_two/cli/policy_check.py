"""``rule-of-two policy check``: everything that is wrong with policies, before they are served."""

from __future__ import annotations

import sys

import click

from rule_of_two.cli.main import Context
from rule_of_two.cli.names import policy_sets
from rule_of_two.cli.output import print_json
from rule_of_two.cli.policy_references import progress, references
from rule_of_two.policy.findings.check import check as checked
from rule_of_two.policy.findings.check import fix_format
from rule_of_two.policy.proof.solver import NEED_CVC5
from rule_of_two.wording import counted


@click.command()
@click.argument("sets", metavar="[SET|FILE|FOLDER]...", nargs=-1, shell_complete=policy_sets)
@click.option("--fix", is_flag=True, help="Write your own files as Cedar's formatter does.")
@click.pass_obj
def check(context: Context, sets: tuple[str, ...], fix: bool) -> None:
    """Find what is wrong with your policies: all of it, each with file, line and what to do.

    Without arguments: the policies of your configuration. Errors are what the gateway would refuse to serve, files that
    are not formatted, and policies that can never decide anything; the rest are warnings. Exit 0: no errors; 1: errors;
    2: usage or configuration.

    \b
    Example:
      rule-of-two policy check default ./policies
    """
    found = references(context, sets)
    changed = fix_format(found.names, relative_to=found.relative_to) if fix else ()
    with progress() as say:
        result = checked(
            found.names,
            relative_to=found.relative_to,
            entities=found.entities,
            supplied=found.supplied,
            tools=found.tools,
            progress=say,
        )
    if context.json:
        print_json({**result.as_facts(), "formatted": [str(file) for file in changed]})
    else:
        for file in changed:
            click.echo(f"formatted {file}")
        for one in result.findings:
            click.echo(one.text())
        errors = sum(one.error for one in result.findings)
        warnings = counted(len(result.findings) - errors, "warning")
        click.echo(f"{counted(result.policies, 'policy')}: {counted(errors, 'error')}, {warnings}")
    if not result.semantic:
        click.echo(f"rule-of-two: what policies do to each other was not looked at: {NEED_CVC5}", err=True)
    sys.exit(0 if result.good else 1)
