"""``rule-of-two policy``: what may run, tested and tried out before it decides."""

from __future__ import annotations

import click

from rule_of_two.cli.policy_simulate import simulate
from rule_of_two.cli.policy_test import test


@click.group()
def policy() -> None:
    """Test policies, and try out others.

    \b
    Example:
      rule-of-two policy test
    """


policy.add_command(simulate)
policy.add_command(test)
