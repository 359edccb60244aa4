"""``rule-of-two manifest diff``: the manifest in force against the running server."""

from __future__ import annotations

import sys

import click

from rule_of_two.cli.main import Context
from rule_of_two.cli.names import servers
from rule_of_two.cli.offering import live, mounted
from rule_of_two.cli.output import print_json
from rule_of_two.errors import ConfigurationError
from rule_of_two.escape import visible
from rule_of_two.gateway.config import config_path, load_config
from rule_of_two.gateway.manifests_in_use import manifests_in_use
from rule_of_two.manifests.drafting.suggest import Suggestion, suggest
from rule_of_two.manifests.linting.finding import Subject
from rule_of_two.manifests.linting.lint import AGAINST_A_SERVER, lint, read_subject
from rule_of_two.model import Labels, label_text
from rule_of_two.wording import counted


@click.command()
@click.argument("server", shell_complete=servers)
@click.pass_obj
def diff(context: Context, server: str) -> None:
    """Start SERVER of your configuration and compare what it lists with its manifest.

    Told are tools that one has and the other has not, pointers that lead nowhere, arguments that reach somewhere and
    are no target, and hints that add a label; then, as notes, where a draft of today would suggest a label that the
    manifest does not have. What was accepted of the server is not looked at: that is `manifest pin`.

    Exit 0: they agree; 1: they do not.

    \b
    Example:
      rule-of-two manifest diff files
    """
    upstream = mounted(context, server)
    path = config_path(context.config)
    file = next(one.file for one in manifests_in_use(load_config(path), path.parent) if one.name == server)
    if file is None:
        raise ConfigurationError(
            f"the server '{server}' has no manifest, so everything it does is [A][B][C]; "
            f"`rule-of-two manifest draft {server}` writes one"
        )
    offer = live(context, upstream)
    subject = read_subject(file, offer)
    findings = [finding for finding in lint([subject]) if finding.rule in AGAINST_A_SERVER]
    stricter = _stricter(subject)
    if context.json:
        notes = [{"tool": name, "adds": sorted(added), **found.as_facts()} for name, (added, found) in stricter.items()]
        print_json(
            {"same": not findings, "file": str(file), "findings": [one.as_facts() for one in findings], "notes": notes}
        )
    else:
        for finding in findings:
            click.echo(finding.text())
        for name, (added, found) in stricter.items():
            why = "; ".join(str(reason) for reason in found.reasons if reason.label in added)
            click.echo(f"note: a draft would add {label_text(added)} to {visible(name)}: {why}")
        tools = f"{counted(len(offer.tools), 'tool')} of {server}"
        click.echo(f"{tools} against {file}: {counted(len(findings), 'difference')}, {counted(len(stricter), 'note')}")
    sys.exit(1 if findings else 0)


def _stricter(subject: Subject) -> dict[str, tuple[Labels, Suggestion]]:
    """The tools for which a draft would suggest a label that the manifest does not have, with those labels."""
    found: dict[str, tuple[Labels, Suggestion]] = {}
    for tool in () if subject.offer is None else subject.offer.tools:
        spec = subject.document.tools.get(tool.name)
        suggestion = suggest(tool)
        added = suggestion.labels - spec.labels if spec is not None else frozenset()
        if added:
            found[tool.name] = (added, suggestion)
    return found
