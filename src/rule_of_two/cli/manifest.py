"""``rule-of-two manifest``: what tools can do: drafted, checked, explained, compared; and which definitions count."""

from __future__ import annotations

from typing import Final

import click

from rule_of_two.cli.lazy import LazyGroup

COMMANDS: Final = {
    "list": "The shipped manifests and where their facts come from.",
    "show": "What a manifest says, in words.",
    "draft": "A manifest for a server that has none: worst case first, with suggestions.",
    "lint": "Contradictions in manifests, each with file, line and what to do.",
    "diff": "A manifest against its running server.",
    "pin": "What a server offers now against what was accepted; accepting it.",
}


@click.group(cls=LazyGroup, lazy=COMMANDS, module="rule_of_two.cli.manifest_{}")
def manifest() -> None:
    """What tools can do: manifests that are shipped, drafted and checked, and the definitions that were accepted.

    \b
    Example:
      rule-of-two manifest draft -- npx -y @acme/crm-mcp
    """
