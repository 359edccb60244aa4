"""``rule-of-two policy sign``: an approver's word for the operator's own policies and entities."""

from __future__ import annotations

from pathlib import Path

import click

from rule_of_two.cli.main import Context
from rule_of_two.cli.output import print_json
from rule_of_two.cli.signer import open_signer
from rule_of_two.errors import ConfigurationError
from rule_of_two.gateway.blueprint import sources_of
from rule_of_two.gateway.config import config_path, load_config
from rule_of_two.gateway.signatures import sign as signed
from rule_of_two.gateway.timing import utc_now


@click.command()
@click.argument("references", metavar="[FILE|FOLDER]...", nargs=-1)
@click.option("--key", type=click.Path(path_type=Path), help="The approver's key; else $RULE_OF_TWO_KEY, else yours.")
@click.pass_obj
def sign(context: Context, references: tuple[str, ...], key: Path | None) -> None:
    """Sign your own policies and entities as they are now, for gateways that run with --require-signed.

    Without arguments: all that your configuration names; with arguments: these of its entries. The signature is written
    beside what it is for: policies.sig in a folder, NAME.sig beside a file.

    \b
    Example:
      rule-of-two policy sign ./policies
    """
    path = config_path(context.config)
    sources = sources_of(load_config(path), path.parent)
    sources.load()
    own = sources.own()
    names = [one.reference for one in own]
    if unknown := [reference for reference in references if reference not in names]:
        raise ConfigurationError(
            f"'{unknown[0]}' is no entry of your own in {path}; it names {', '.join(names) or 'none'}"
        )
    chosen = [one for one in own if not references or one.reference in references]
    if not chosen:
        raise ConfigurationError(
            f"{path} names no policies or entities of your own, and shipped ones need no signature"
        )
    signer = open_signer(key, unsigned=False)
    if signer.key is None:
        raise ConfigurationError("there is no key to sign with")
    written = [signed(one, signer.key, now=utc_now()) for one in chosen]
    if context.json:
        print_json(
            {"by": signer.approver, "key": signer.key.public.line, "signatures": [str(file) for file in written]}
        )
        return
    for file in written:
        click.echo(f"signed by {signer.approver}: {file}")
    click.echo(f"gateways that take it are started with: --require-signed --signed-by '{signer.key.public.line}'")
