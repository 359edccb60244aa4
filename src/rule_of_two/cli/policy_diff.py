"""``rule-of-two policy diff``: what is different between two versions of policies."""

from __future__ import annotations

import click

from rule_of_two.cli.main import Context
from rule_of_two.cli.output import print_json
from rule_of_two.cli.policy_versions import named_version
from rule_of_two.escape import visible
from rule_of_two.gateway.blueprint import sources_of
from rule_of_two.gateway.config import config_path, load_config
from rule_of_two.gateway.policy_versions import PolicyVersions
from rule_of_two.policy.changes import changes


@click.command()
@click.argument("old")
@click.argument("new", required=False)
@click.pass_obj
def diff(context: Context, old: str, new: str | None) -> None:
    """What changed from the version OLD to NEW; without NEW, to what your files say now.

    Policies are compared by their @id and by what they mean: layout, comments and order do not count. Versions are
    named as `policy history` does, or as decisions do.

    \b
    Example:
      rule-of-two policy diff 3f2a9c81
    """
    path = config_path(context.config)
    versions = PolicyVersions(context.state, path.parent)
    before = named_version(context, versions, old).policies
    if new is None:
        after = sources_of(load_config(path), path.parent).load()
    else:
        after = named_version(context, versions, new).policies
    found = changes(before, after)
    if context.json:
        print_json({"before": before.version, "after": after.version, **found.as_facts()})
        return
    for line in found.lines():
        click.echo(visible(line))
    if before.version == after.version:
        click.echo("They are the same version.")
