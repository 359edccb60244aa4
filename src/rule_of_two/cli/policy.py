"""``rule-of-two policy``: the policies of a configuration."""

from __future__ import annotations

import click

from rule_of_two.cli.policy_check import check
from rule_of_two.cli.policy_verify import verify


@click.group()
def policy() -> None:
    """Check policies, and prove what they do.

    \b
    Example:
      rule-of-two policy check
    """


policy.add_command(check)
policy.add_command(verify)
