"""``rule-of-two policy``: policies as code, checked, tested, proved and tried before they decide."""

from __future__ import annotations

from typing import Final

import click

from rule_of_two.cli.lazy import LazyGroup

COMMANDS: Final = {
    "check": "Everything that is wrong with your policies, with file, line and what to do.",
    "test": "Whether they do what their cases say, and which policies no case covers.",
    "verify": "A proof that the Rule of Two holds with them, and your own properties.",
    "simulate": "What other policies or manifests would have made of what was recorded, and of known attacks.",
    "history": "The versions that were in force.",
    "diff": "What changed from one version to another, or to now.",
    "rollback": "Your own files as they were in a version.",
    "sign": "A signature for gateways that demand one.",
}


@click.group(cls=LazyGroup, lazy=COMMANDS, module="rule_of_two.cli.policy_{}")
def policy() -> None:
    """Check, test, prove and try policies.

    \b
    Example:
      rule-of-two policy check
    """
