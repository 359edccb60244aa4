"""``rule-of-two policy``: what may run, checked, tested and proved before it decides."""

from __future__ import annotations

import click

from rule_of_two.cli.policy_check import check
from rule_of_two.cli.policy_test import test
from rule_of_two.cli.policy_verify import verify


@click.group()
def policy() -> None:
    """Check policies, test them with cases, and prove what they do.

    \b
    Example:
      rule-of-two policy check
    """


policy.add_command(check)
policy.add_command(test)
policy.add_command(verify)
