"""Putting the gateway in front of a client's servers.

# INVARIANT: what a file said is in the backup before the file is changed, and a run that was cut off anywhere is
# finished by the next one; tests/installation/test_cut_off.py.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from msgspec import Struct

from rule_of_two.clients.entries import is_gateway
from rule_of_two.clients.tables import contents
from rule_of_two.errors import ConfigurationError
from rule_of_two.installation.backups import Backups, Record
from rule_of_two.installation.plan import Plan, Us, make_plan
from rule_of_two.installation.target import Target, tables_of
from rule_of_two.installation.vault import Place, Vault, has_keyring
from rule_of_two.replacing import replace_file


class Done(Struct, frozen=True):
    """What was done, or would be."""

    plan: Plan
    backup: Path | None
    """The client's file as it was before; ``None``: it was not changed, or not there."""
    variables: tuple[str, ...]
    """What has to be set where the client starts."""


def install(target: Target, us: Us, *, state: Path, secrets: Place | None, dry_run: bool) -> Done:
    """Put one entry in place of a client's servers, and them into our configuration.

    The order is: secrets, backup, configuration, the client's file. Whatever cuts it off, running it again ends it.

    :raises ConfigurationError: something cannot be read, changed safely or written, or was changed meanwhile; there are
        secrets, no keyring, and no word on where else they go.
    """
    vault = Vault(secrets or ("keyring" if has_keyring() else "env"))
    backups = Backups(state)
    with contextlib.nullcontext() if dry_run else backups.locked():
        plan = make_plan(target, us, vault)
        if dry_run or not plan.changed:
            return Done(plan, None, vault.variables)
        _check_secrets(plan, secrets, us)
        return Done(plan, _write(plan, us, vault, backups), vault.variables)


def _check_secrets(plan: Plan, secrets: Place | None, us: Us) -> None:
    """See that secrets have a place.

    :raises ConfigurationError: they have none that was chosen, or others may read it.
    """
    if not plan.hidden:
        return
    if secrets is None and not has_keyring():
        names = ", ".join(f"{one.name}: {name}" for one in plan.taken for name, _ in one.secrets)
        raise ConfigurationError(
            f"there are secrets ({names}) and no keyring to move them to; with `--secrets env` the gateway takes them "
            f"from variables that you set, with `--secrets keep` they are written into {us.config}",
            file=plan.target.file,
        )
    if secrets == "keep" and os.name == "posix" and us.config.exists() and us.config.stat().st_mode & 0o077:
        raise ConfigurationError("others may read it, so it can keep no secrets; `chmod 600` it", file=us.config)


def _write(plan: Plan, us: Us, vault: Vault, backups: Backups) -> Path | None:
    target = plan.target
    vault.store()
    backup = None
    standing = None
    if plan.changes:
        standing = _standing(target, backups, plan.before)
        given = dict.fromkeys((*(standing.servers if standing else ()), *plan.given))
        record = Record(
            target.host.name, str(target.file), str(us.config), tuple(given), standing.layers if standing else ()
        )
        backup = backups.keep(record, plan.before, plan.after, plan.changes)
    try:
        if plan.config_before != plan.config_after:
            replace_file(us.config, plan.config_before, plan.config_after)
        if plan.changes:
            replace_file(target.file, plan.before, plan.after)
    except ConfigurationError:
        backups.put_record(target.file, standing)
        raise
    return backup


def _standing(target: Target, backups: Backups, now: bytes | None) -> Record | None:
    """The changes that stand in the file. Where somebody took our entry out by hand, none does: what was kept for them
    is put aside, and never lost."""
    record = backups.record(target.file, now)
    if record is None or not record.layers:
        return record
    document = tables_of(target.host, (now or b"").decode(), target.file)
    for change in record.layers[-1].changes:
        if not is_gateway((contents(document.value, change.path, target.file) or {}).get(change.entry)):
            backups.forget(target.file, keep_bytes=True)
            return None
    return record
