"""``rule-of-two policy``: policies as code, checked, tested, proved and tried before they decide."""

from __future__ import annotations

import click

from rule_of_two.cli.policy_check import check
from rule_of_two.cli.policy_diff import diff
from rule_of_two.cli.policy_history import history
from rule_of_two.cli.policy_rollback import rollback
from rule_of_two.cli.policy_sign import sign
from rule_of_two.cli.policy_simulate import simulate
from rule_of_two.cli.policy_test import test
from rule_of_two.cli.policy_verify import verify


@click.group()
def policy() -> None:
    """Check, test, prove and try policies.

    \b
    Example:
      rule-of-two policy check
    """


policy.add_command(check)
policy.add_command(test)
policy.add_command(verify)
policy.add_command(simulate)
policy.add_command(history)
policy.add_command(diff)
policy.add_command(rollback)
policy.add_command(sign)
