"""``rule-of-two policy verify``: proofs about a whole set of policies."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rule_of_two.cli.main import Context
from rule_of_two.cli.names import policy_sets
from rule_of_two.cli.output import print_json
from rule_of_two.cli.policy_references import References, progress, references
from rule_of_two.errors import PolicyError
from rule_of_two.policy.load import load_policies
from rule_of_two.policy.proof.properties import load_properties, properties_beside
from rule_of_two.policy.proof.solver import NEED_CVC5
from rule_of_two.policy.proof.verification import verify as verified
from rule_of_two.policy.proof.verification import verify_combinations
from rule_of_two.policy.references import find_files, shipped_sets
from rule_of_two.policy.typed.actions import problems_of

if TYPE_CHECKING:
    from rule_of_two.policy.proof.verification import Verification


@click.command()
@click.argument("sets", metavar="[SET|FILE|FOLDER]...", nargs=-1, shell_complete=policy_sets)
@click.option(
    "--combinations",
    is_flag=True,
    help="Prove it of every combination of the sets; of all shipped ones, if none is named.",
)
@click.pass_obj
def verify(context: Context, sets: tuple[str, ...], combinations: bool) -> None:
    """Prove that the Rule of Two holds with your policies, and what `properties.cedar` beside them says.

    Without arguments: the policies of your configuration. What is refuted is shown as a session, which the engine was
    asked too. Exit 0: everything is proved; 1: something is not; 2: usage or configuration. It needs cvc5:
    pip install 'mcp-rule-of-two[prove]'.

    \b
    Example:
      rule-of-two policy verify default ./policies
    """
    started = time.monotonic()
    with progress() as say:
        result = _combinations(context, sets, say) if combinations else _together(references(context, sets), say)
    if context.json:
        print_json({**result.as_facts(), "seconds": round(time.monotonic() - started, 2)})
    else:
        click.echo("\n".join(result.lines()))
        if combinations:
            click.echo(f"\nIt took {time.monotonic() - started:.1f} s.")
    if result.results is None:
        click.echo(f"rule-of-two: {NEED_CVC5}", err=True)
        sys.exit(1 if result.enumeration.differences else 2)
    sys.exit(0 if result.good else 1)


def _together(found: References, say: Callable[[str], None]) -> Verification:

    policies = load_policies(found.names, relative_to=found.relative_to, tools=found.tools)
    if problems := problems_of(policies.typed.values()):
        raise PolicyError(problems[0])
    files = [file for name in found.names for file in find_files(name, relative_to=found.relative_to)]
    properties = load_properties(properties_beside(files), policies.schema_text)
    return verified(policies, properties, progress=say)


def _combinations(context: Context, sets: tuple[str, ...], say: Callable[[str], None]) -> Verification:

    found = references(context, sets) if sets else References(tuple(shipped_sets()), Path.cwd())
    policies = load_policies(found.names, relative_to=found.relative_to, tools=found.tools)
    owner = {file: name for name in found.names for file in find_files(name, relative_to=found.relative_to)}
    return verify_combinations(policies, lambda policy: owner.get(policy.file), progress=say)
