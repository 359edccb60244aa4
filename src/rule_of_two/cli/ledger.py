"""``rule-of-two ledger``: what stored things bring to whoever reads them, and a person's word that they do not."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import anyio
import click
from msgspec import Struct
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rule_of_two.cli.main import Context
from rule_of_two.cli.output import print_json
from rule_of_two.escape import visible
from rule_of_two.model import ORDER, StoredResource, label_text, labels_in
from rule_of_two.sessions.ledger import Cover, Stamp, all_stamps, newest, stamps_in

F = TypeVar("F", bound=Callable[..., Any])

_PLAIN_WIDTH: Final = 160
"""Columns of a list that is not read on a terminal."""
_REALLY: Final = (
    "Say yes only if you have looked at what is stored there: from then on it is read as if nobody's untrusted or "
    "private content had gone into it.\nIs all of it fine?"
)


class _Opened(Struct, frozen=True):
    """``tenant`` is whose view it is."""

    endorsements: Any
    tenant: str

    def read(self, work: Callable[[Any], Any]) -> Any:
        return self.endorsements.answers.state.read(work)

    def covers(self, store: str) -> tuple[Cover, ...]:
        found: tuple[Cover, ...] = self.read(lambda db: self.endorsements.covers(db, store))
        return found


@contextmanager
def _open(context: Context, tenant: str | None) -> Iterator[_Opened]:
    from rule_of_two.gateway.answers import opened_answers  # noqa: PLC0415  # --help does not pay for it
    from rule_of_two.gateway.config import found_config  # noqa: PLC0415
    from rule_of_two.gateway.endorsements import Endorsements  # noqa: PLC0415

    config, path = found_config(context.config)
    with opened_answers(config, path, context.state) as answers:
        stores = {} if config is None else config.stores
        yield _Opened(Endorsements(answers, stores), tenant or answers.tenant)


def _resource(command: F) -> F:
    for option in reversed(
        (
            click.argument("store"),
            click.argument("kind", required=False),
            click.argument("value", required=False),
        )
    ):
        command = option(command)
    return command


_tenant = click.option("--tenant", help="As that tenant sees it; else that of your configuration.")


@click.group()
def ledger() -> None:
    """What stored notes, files and rows bring: a write keeps what its session had seen, and reading brings it back.

    \b
    Example:
      rule-of-two ledger list
    """


@ledger.command("list")
@click.option("--store", help="Only this store.")
@_tenant
@click.pass_obj
def list_(context: Context, store: str | None, tenant: str | None) -> None:
    """One line for each label of each stored resource: which call of which session brought it first.

    Of what another tenant's sessions wrote it says only that they did.

    \b
    Example:
      rule-of-two ledger list --store notes
    """
    with _open(context, tenant) as opened:
        stamps = [one for one in opened.read(lambda db: list(all_stamps(db))) if store in (None, one.resource.store)]
        _print(context, opened, stamps, "Nothing that is stored brings a label.")


@ledger.command()
@_resource
@_tenant
@click.pass_obj
def show(context: Context, store: str, kind: str | None, value: str | None, tenant: str | None) -> None:
    """What reading a stored resource brings, and why. Without KIND and VALUE it is the whole STORE.

    \b
    Example:
      rule-of-two ledger show notes path /home/ann/notes/today.md
    """
    resource = _named(store, kind, value)
    with _open(context, tenant) as opened:
        stamps = opened.read(lambda db: list(stamps_in(db, resource)))
        _print(context, opened, stamps, "Reading it brings nothing.", read=resource)


@ledger.command()
@_resource
@click.option("--label", "labels", multiple=True, type=click.Choice(("A", "B")), help="Only this label; else both.")
@click.option("--key", type=click.Path(path_type=Path, dir_okay=False), help="Your approver's key.")
@click.option("--unsigned", is_flag=True, help="Do without a key: advisory, where no approver is enrolled.")
@click.option("--yes", is_flag=True, help="You have looked at it: do not ask.")
@click.pass_obj
def endorse(
    context: Context,
    store: str,
    kind: str | None,
    value: str | None,
    labels: tuple[str, ...],
    key: Path | None,
    unsigned: bool,
    yes: bool,
) -> None:
    """Say that what is stored there by now brings no label any more. What is written there later does.

    It covers everything in it too: a folder with its files, a store with all that it keeps. Look at it first.

    \b
    Example:
      rule-of-two ledger endorse notes path /home/ann/notes/today.md
    """
    resource = _named(store, kind, value)
    if not yes and not sys.stdin.isatty():
        raise click.UsageError("whether you have looked at it is asked in a terminal; elsewhere say --yes")
    with _open(context, None) as opened:
        _endorse(context, opened, resource, labels, key, unsigned=unsigned, yes=yes)


def _endorse(
    context: Context,
    opened: _Opened,
    resource: StoredResource,
    labels: tuple[str, ...],
    key: Path | None,
    *,
    unsigned: bool,
    yes: bool,
) -> None:
    """Ask, sign, check and do it. Exit 1: it may not be done, or there is nothing to endorse."""
    from rule_of_two.approvals.endorsement import Endorsement, ResourceSubject  # noqa: PLC0415  # as above
    from rule_of_two.cli.signer import open_signer  # noqa: PLC0415
    from rule_of_two.gateway.timing import utc_now  # noqa: PLC0415

    # What is written while the person reads is not covered.
    up_to, stamps = opened.read(lambda db: (newest(db), list(stamps_in(db, resource))))
    covers = opened.covers(resource.store)
    brought = {one.label for one in stamps if not _is_covered(one, covers, resource)}
    wanted = tuple(label for label in ORDER if label in brought and (not labels or label in labels))
    if not wanted:
        _refuse("there is nothing to endorse: reading it brings no such label")
    if not yes:
        for line in _lines(opened, stamps, resource):
            click.echo(line, err=True)
        if not click.confirm(_REALLY, err=True):
            sys.exit(1)
    signer = open_signer(key, unsigned=unsigned or (key is None and not opened.endorsements.answers.approvers))
    subject = ResourceSubject(
        store=resource.store, kind=resource.kind, value=resource.value, labels=wanted, up_to=up_to
    )
    endorsement = Endorsement.to(subject, approver=signer.approver, now=utc_now()).signed(signer.key)
    if (refusal := opened.endorsements.refuses(endorsement)) is not None:
        _refuse(refusal.sentence)
    anyio.run(opened.endorsements.give, endorsement)
    if context.json:
        print_json({"endorsed": _name(resource), "labels": wanted, "up_to": up_to, "id": endorsement.id})
    else:
        click.echo(f"{visible(_name(resource))}: {label_text(frozenset(wanted))} no longer counts up to stamp {up_to}")


def _refuse(sentence: str) -> None:
    click.echo(f"rule-of-two: {sentence}", err=True)
    sys.exit(1)


def _named(store: str, kind: str | None, value: str | None) -> StoredResource:
    """The resource that is meant, as calls name it."""
    from rule_of_two.normalise import NORMALISERS  # noqa: PLC0415  # as above

    if kind is None:
        return StoredResource(store, "store", None)
    if value is None:
        raise click.UsageError(f"say which {kind} is meant, or leave the kind out for the whole store")
    normalise = {str(name): one for name, one in NORMALISERS.items()}.get(kind)
    canonical = value if normalise is None else normalise(value)
    if canonical is None:
        raise click.UsageError(f"'{value}' cannot be read as a {kind}; a path, say, is absolute and without '..'")
    return StoredResource(store, kind, canonical)


def _print(
    context: Context, opened: _Opened, stamps: list[Stamp], nothing: str, *, read: StoredResource | None = None
) -> None:
    if context.json:
        print_json([_facts(opened, one, read) for one in stamps])
        return
    if not stamps:
        click.echo(nothing)
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("stamp", "resource", "brings", "written by", "decision", "session", "since", ""):
        table.add_column(heading, no_wrap=heading in {"stamp", "decision", "session"})
    for one in stamps:
        told = _facts(opened, one, read)
        table.add_row(
            str(told["stamp"]),
            Text(visible(told["resource"])),
            Text(f"[{told['label']}]"),
            Text(visible(told["written_by"])),
            told["decision"] or "",
            Text(visible(told["session"] or "")),
            told["at"][:19],
            "endorsed" if told["endorsed"] else "",
        )
    Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH).print(table)


def _lines(opened: _Opened, stamps: Iterable[Stamp], read: StoredResource) -> Iterator[str]:
    for one in stamps:
        told = _facts(opened, one, read)
        where = f" at {told['decision']} in session {visible(told['session'])}" if told["decision"] else ""
        yield f"  [{told['label']}] {visible(told['resource'])}, written by {visible(told['written_by'])}{where}"


def _facts(opened: _Opened, stamp: Stamp, read: StoredResource | None) -> dict[str, Any]:
    """One stamp, as the tenant may see it."""
    own = stamp.tenant == opened.tenant
    return {
        "stamp": stamp.number,
        "resource": _name(stamp.resource) if own or read is None else _name(read),
        "label": label_text(labels_in(stamp.label)).strip("[]"),
        "written_by": stamp.origin if own else "another tenant's session",
        "decision": f"d{stamp.decision}" if own else None,
        "session": stamp.session if own else None,
        "at": stamp.at if own else "",
        "endorsed": _is_covered(stamp, opened.covers(stamp.resource.store), read or stamp.resource),
    }


def _is_covered(stamp: Stamp, covers: Iterable[Cover], read: StoredResource) -> bool:
    from rule_of_two.sessions.places import place_of  # noqa: PLC0415  # as above

    return any(cover.covers(stamp, place_of(read)) for cover in covers)


def _name(resource: StoredResource) -> str:
    return f"{resource.store}:{resource.kind}:{resource.value or '*'}"
