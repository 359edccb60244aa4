"""``rule-of-two audit bundle``: the evidence of one session, in one signed file."""

from __future__ import annotations

import hashlib
import os
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import click

from rule_of_two.cli.main import Context
from rule_of_two.cli.names import sessions
from rule_of_two.cli.output import print_json
from rule_of_two.errors import ConfigurationError
from rule_of_two.escape import visible
from rule_of_two.gateway.timing import timestamp
from rule_of_two.store.journal import JournalStore, Line

if TYPE_CHECKING:
    from rule_of_two.audit.checkpoint import Checkpoint
    from rule_of_two.gateway.journal_key import JournalKey
    from rule_of_two.store.checkpoints import CheckpointStore


@click.command()
@click.argument("session", metavar="SESSION", shell_complete=sessions)
@click.option("--to", "destination", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The file.")
@click.option("--key", type=click.Path(path_type=Path, dir_okay=False), help="Your approver's key.")
@click.option("--unsigned", is_flag=True, help="Do without a person's key: only the gateway's signs.")
@click.pass_obj
def bundle(context: Context, session: str, destination: Path, key: Path | None, unsigned: bool) -> None:
    """Make one file with the evidence of SESSION: its entries, the chain to a signed checkpoint, policies, manifests,
    pins and public keys, signed by you and by the gateway. It can be checked on any machine, and offline.

    Of other sessions' entries there are only digests in it. A file that is there is not replaced.

    \b
    Examples:
      rule-of-two audit bundle s-1a2b3c4d --to ./evidence.zip
      rule-of-two audit verify --bundle ./evidence.zip
    """
    from rule_of_two.audit.bundle import manifest_of, packed, statement  # noqa: PLC0415  # --help does not pay for it
    from rule_of_two.cli.signer import open_signer  # noqa: PLC0415
    from rule_of_two.gateway.blueprint import enrolled_approvers  # noqa: PLC0415
    from rule_of_two.gateway.bundling import Custody, Gatherer, NoSession  # noqa: PLC0415
    from rule_of_two.gateway.config import found_config  # noqa: PLC0415
    from rule_of_two.gateway.journal_key import journal_key  # noqa: PLC0415
    from rule_of_two.store.checkpoints import CheckpointStore  # noqa: PLC0415
    from rule_of_two.store.state import open_state  # noqa: PLC0415

    if destination.exists():
        raise ConfigurationError("is there already; name another file", file=destination)
    if not (context.state / "journal.db").exists():
        raise ConfigurationError("there is no journal; name its folder with --state", file=context.state)
    config, path = found_config(context.config)
    enrolled = () if config is None else enrolled_approvers(config, path)
    signer = open_signer(key, unsigned=unsigned)
    gateway = journal_key(context.state, "file" if config is None else config.audit.key)
    with closing(open_state(context.state)) as state, closing(JournalStore(context.state)) as store:
        checkpoint = anyio.run(_checkpoint, store, CheckpointStore(state), gateway)
        custody = Custody(signer.approver, timestamp())
        gatherer = Gatherer(store, state, context.state, checkpoint, gateway.public.line)
        try:
            about, files = gatherer.gather(session, config, path, enrolled, custody)
        except NoSession as error:
            click.echo(f"rule-of-two: {visible(str(error))}", err=True)
            sys.exit(1)
        manifest = manifest_of(about, files)
        said = statement(manifest)
        signatures = [{"by": "gateway", "as": "gateway", "key": gateway.public.line, "signature": gateway.sign(said)}]
        if signer.key is not None:
            own = signer.key
            signed = {"by": signer.approver, "as": "approver", "key": own.public.line, "signature": own.sign(said)}
            signatures.append(signed)
        data = packed(files, manifest, signatures)
        digest = hashlib.sha256(data).hexdigest()
        # Written down before it is handed out: who took what is a part of the chain of custody.
        anyio.run(
            _note, store, session, {"event": "bundled", "session": session, "by": signer.approver, "sha256": digest}
        )
        _write(destination, data)
    facts = {"file": str(destination), "sha256": digest, "entries": about["entries"], "signed": signer.key is not None}
    if context.json:
        print_json(facts)
    else:
        by = f"{signer.approver} and the gateway" if signer.key is not None else "the gateway alone"
        click.echo(f"{destination}: {about['entries']} entries, signed by {by}, sha256 {digest}")


async def _checkpoint(store: JournalStore, kept: CheckpointStore, gateway: JournalKey) -> Checkpoint:
    """A checkpoint of now, kept as others are."""
    from rule_of_two.gateway.anchoring import checkpoint_of, newest  # noqa: PLC0415  # as above

    checkpoint = checkpoint_of(store, gateway, timestamp(), newest(kept))
    await kept.add(checkpoint.journal, checkpoint.number, checkpoint.at, checkpoint.line)
    return checkpoint


async def _note(store: JournalStore, session: str, body: dict[str, str]) -> None:
    await store.append(Line(timestamp(), "journal", session, None, body))


def _write(destination: Path, data: bytes) -> None:
    try:
        with os.fdopen(os.open(destination, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
    except OSError as error:
        raise ConfigurationError(f"cannot be written ({error.strerror})", file=destination) from error
