"""``rule-of-two audit verify``: the journal's chain and receipts, checked offline."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rule_of_two.cli.main import Context
from rule_of_two.cli.output import print_json
from rule_of_two.errors import ConfigurationError

if TYPE_CHECKING:
    from rule_of_two.approvals.approvers import Enrolled
    from rule_of_two.audit.pins import PinRecords


@click.command()
@click.option(
    "--approvers",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A YAML file with further approvers, as under approvals.approvers: those who have left, say.",
)
@click.option(
    "--anchor",
    "anchors",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A further file of checkpoints: a copy from another machine, say. Can be given several times.",
)
@click.option(
    "--gateway-key",
    "gateway_keys",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A further public key of a gateway, as in journal.key.pub: of one that was replaced, say.",
)
@click.option(
    "--bundle",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Check this file of `audit bundle` in place of the journal; nothing else is needed for it.",
)
@click.pass_obj
def verify(
    context: Context,
    approvers: Path | None,
    anchors: tuple[Path, ...],
    gateway_keys: tuple[Path, ...],
    bundle: Path | None,
) -> None:
    """Check that no entry of the journal was changed, taken out, put in or cut off, every receipt in it, every call
    that was let pass on one, and whose word each accepted definition rests on, without any gateway running.

    Signatures are checked with the keys of your configuration, and with those of --approvers; the chain against the
    checkpoints in the state, beside the journal, in `audit.anchors` and in each --anchor. Exit 0: nothing is wrong; 1:
    something is, and named; 2: usage or configuration. docs/audit.md says what it cannot show.

    \b
    Examples:
      rule-of-two audit verify
      rule-of-two audit verify --approvers ./former-approvers.yaml --anchor ./anchor-of-the-other-machine
      rule-of-two audit verify --bundle ./evidence.zip
    """
    from rule_of_two.gateway.chain_check import verified  # noqa: PLC0415  # --help does not pay for it
    from rule_of_two.gateway.journal_key import known_keys  # noqa: PLC0415
    from rule_of_two.gateway.witness import KeyWitness  # noqa: PLC0415

    enrolled, gateways = _keys(context, approvers), known_keys(gateway_keys)
    if bundle is not None:
        _check_bundle(
            context, bundle, frozenset(one.fingerprint for one in [*gateways, *(one.key for one in enrolled)])
        )
        return
    witness = KeyWitness(enrolled)
    if not (context.state / "journal.db").exists():
        raise ConfigurationError("there is no journal; name its folder with --state", file=context.state)
    own = (*_configured_anchors(context), *anchors)
    result = verified(context.state, witness, pins=_pins(context), anchors=own, keys=gateways)
    if context.json:
        print_json(result.as_facts())
    else:
        click.echo("\n".join(result.lines()))
    sys.exit(0 if result.good else 1)


def _check_bundle(context: Context, bundle: Path, known: frozenset[str]) -> None:
    from rule_of_two.gateway.bundle_check import check  # noqa: PLC0415  # as above

    try:
        data = bundle.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot be read ({error.strerror})", file=bundle) from error
    result = check(data, known=known)
    if context.json:
        print_json(result.as_facts())
    else:
        click.echo("\n".join(result.lines()))
    sys.exit(0 if result.good else 1)


def _configured_anchors(context: Context) -> tuple[Path, ...]:
    """The anchors of the configuration that can be read again: a pipe or a folder that is not mounted cannot."""
    from rule_of_two.gateway.blueprint import anchor_files  # noqa: PLC0415  # as above
    from rule_of_two.gateway.config import found_config  # noqa: PLC0415

    config, path = found_config(context.config)
    files = () if config is None else anchor_files(config, path.parent)
    for file in files:
        if not file.is_file():
            click.echo(f"rule-of-two: the anchor {file} cannot be read here, so nothing is compared with it", err=True)
    return tuple(file for file in files if file.is_file())


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
