"""``rule-of-two audit verify``: the receipts of the journal, checked offline."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rule_of_two.cli.main import Context
from rule_of_two.cli.output import print_json
from rule_of_two.errors import ConfigurationError
from rule_of_two.store.journal import JournalStore

if TYPE_CHECKING:
    from rule_of_two.approvals.approvers import Enrolled
    from rule_of_two.audit.pins import PinRecords


@click.command()
@click.option(
    "--approvers",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A YAML file with further approvers, as under approvals.approvers: those who have left, say.",
)
@click.pass_obj
def verify(context: Context, approvers: Path | None) -> None:
    """Check every receipt in the journal, every call that was let pass on one, and whose word each accepted definition
    rests on, without any gateway running.

    Signatures are checked with the keys of your configuration, and with those of --approvers. Exit 0: nothing is wrong;
    1: something is, and named; 2: usage or configuration. It does not show that no entry is missing.

    \b
    Example:
      rule-of-two audit verify --approvers ./former-approvers.yaml
    """
    from rule_of_two.audit.verify import verify as verified  # noqa: PLC0415  # --help does not pay for it
    from rule_of_two.gateway.witness import KeyWitness  # noqa: PLC0415

    witness = KeyWitness(_keys(context, approvers))
    if not (context.state / "journal.db").exists():
        raise ConfigurationError("there is no journal; name its folder with --state", file=context.state)
    with closing(JournalStore(context.state)) as store:
        result = verified(store.everything(), witness, _pins(context))
    if context.json:
        print_json(result.as_facts())
    else:
        click.echo("\n".join(result.lines()))
    sys.exit(0 if result.good else 1)


def _pins(context: Context) -> PinRecords | None:
    """What the state holds of definitions, if there is one."""
    from rule_of_two.audit.pins import PinRecords  # noqa: PLC0415  # as above
    from rule_of_two.store.pins import PinStore  # noqa: PLC0415
    from rule_of_two.store.state import open_state  # noqa: PLC0415

    if not (context.state / "state.db").exists():
        return None
    with closing(open_state(context.state)) as database:
        return PinRecords.of(PinStore(database))


def _keys(context: Context, approvers: Path | None) -> tuple[Enrolled, ...]:
    """The approvers that the configuration enrols, and those of the file.

    :raises ConfigurationError: one of the files cannot be used.
    """
    from rule_of_two.gateway.blueprint import enrol, enrolled_approvers  # noqa: PLC0415  # as above
    from rule_of_two.gateway.config import ApproverList, found_config  # noqa: PLC0415
    from rule_of_two.yaml_source import load_yaml  # noqa: PLC0415

    config, path = found_config(context.config)
    enrolled = () if config is None else enrolled_approvers(config, path)
    if approvers is not None:
        enrolled += enrol(load_yaml(approvers, ApproverList).root, tenant="", file=approvers)
    return enrolled
