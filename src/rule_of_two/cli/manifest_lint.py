"""``rule-of-two manifest lint``: contradictions in manifests."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import click

from rule_of_two.cli.main import Context
from rule_of_two.cli.names import manifests
from rule_of_two.cli.offering import live, mounted, saved
from rule_of_two.cli.output import print_json
from rule_of_two.errors import ConfigurationError
from rule_of_two.gateway.acceptance import offer_pinned
from rule_of_two.gateway.config import found_config
from rule_of_two.gateway.manifests_in_use import InUse, manifests_in_use
from rule_of_two.manifests.document import ManifestDocument
from rule_of_two.manifests.linting.finding import Subject
from rule_of_two.manifests.linting.lint import RULES, read_subject
from rule_of_two.manifests.linting.lint import lint as looked_through
from rule_of_two.manifests.load import find_manifest, load_manifest, manifest_files
from rule_of_two.manifests.offer import Offer
from rule_of_two.manifests.recognise import origins
from rule_of_two.wording import counted
from rule_of_two.yaml_source import read_yaml

_ENDINGS: Final = frozenset((".yaml", ".yml"))


@click.command()
@click.argument("names", metavar="[NAME|FILE|FOLDER]...", nargs=-1, shell_complete=manifests)
@click.option(
    "--against",
    metavar="FILE|FOLDER",
    type=click.Path(path_type=Path, exists=True),
    help="What the server lists: a saved answer to tools/list, or a folder with SERVER.json.",
)
@click.option("--live", "starting", is_flag=True, help="Start the servers of your configuration, and ask them.")
@click.option("--rules", "listing", is_flag=True, help="Print what is looked for.")
@click.pass_obj
def lint(context: Context, names: tuple[str, ...], against: Path | None, starting: bool, listing: bool) -> None:
    """Find where manifests contradict themselves, or the server: each with file, line, rule and what to do.

    Without arguments: the manifests of your configuration, or all shipped ones where there is none. Of servers in your
    configuration it is known what they listed when they were accepted; --live and --against say what they list now.
    What you looked at and found right is exempted by a line of its own above it, with the reason:

    \b
      # lint: ignore act-without-c because it only shows what a mail would look like

    Exit 0: nothing was found; 1: something was; 2: usage or configuration.

    \b
    Examples:
      rule-of-two manifest lint ./crm.yaml
      rule-of-two manifest lint ./crm.yaml --against ./tools.json
      rule-of-two manifest lint --live
    """
    if listing:
        print_json(dict(RULES)) if context.json else click.echo("\n".join(f"{rule:22} {RULES[rule]}" for rule in RULES))
        return
    if against is not None and starting:
        raise click.UsageError("give one of --against and --live")
    used = _used(context)
    files = list(_files(names, used))
    subjects = [_subject(context, file, used, against, starting=starting) for file in files]
    if against is not None and against.is_file() and len(subjects) > 1:
        raise click.UsageError("--against FILE is for one manifest; for several give a folder with SERVER.json")
    findings = looked_through(subjects, beside=_beside(subjects))
    held = sum(subject.offer is not None for subject in subjects)
    if context.json:
        facts = [finding.as_facts() for finding in findings]
        print_json({"good": not findings, "manifests": len(subjects), "held_against_a_list": held, "findings": facts})
    else:
        for finding in findings:
            click.echo(finding.text())
        click.echo(f"{counted(len(subjects), 'manifest')}, {held} against a list: {counted(len(findings), 'finding')}")
    sys.exit(1 if findings else 0)


def _beside(subjects: Sequence[Subject]) -> list[tuple[str, ManifestDocument]]:
    """The shipped manifests that may match a server that one of these matches; the others need not be read whole."""
    chosen = {subject.file.stem for subject in subjects}
    named = (origin for subject in subjects for origin in origins(subject.document).values())
    names = {_plain(origin.name) for origin in named if origin is not None}
    return [
        (file.stem, load_manifest(file))
        for file in manifest_files(())
        if file.stem not in chosen and any(name in _plain(read_yaml(file)) for name in names)
    ]


def _plain(text: str) -> str:
    """Text in which names that are one for a registry are one."""
    return re.sub(r"[-_.]+", "-", text).lower()


def _used(context: Context) -> tuple[InUse, ...]:
    config, path = found_config(context.config)
    return () if config is None else manifests_in_use(config, path.parent)


def _files(names: Sequence[str], used: Sequence[InUse]) -> Iterator[Path]:
    """Each file once, in order.

    :raises ConfigurationError: a name or path leads to none.
    """
    found: dict[Path, None] = {}
    if not names:
        of_servers = [one.file for one in used if one.file is not None]
        found = dict.fromkeys(of_servers or manifest_files(()))
    for name in names:
        path = Path(name).expanduser()
        if path.is_dir():
            inside = sorted(file for file in path.iterdir() if file.suffix in _ENDINGS and file.is_file())
            if not inside:
                raise ConfigurationError("holds no manifests", file=path)
            found.update(dict.fromkeys(inside))
        else:
            found[_found(name, used)] = None
    yield from found


def _found(name: str, used: Sequence[InUse]) -> Path:
    """A manifest by its name or path, or that of a server of the configuration."""
    of_server = next((one.file for one in used if one.name == name and one.file is not None), None)
    return of_server or find_manifest(name, relative_to=Path.cwd(), folders=())


def _subject(context: Context, file: Path, used: Sequence[InUse], against: Path | None, *, starting: bool) -> Subject:
    if against is not None:
        kept = against / f"{file.stem}.json" if against.is_dir() else against
        return read_subject(file, saved(kept) if kept.is_file() else None)
    server = next((one for one in used if one.file is not None and one.file.resolve() == file.resolve()), None)
    return read_subject(file, None if server is None else _offered(context, server, starting=starting))


def _offered(context: Context, server: InUse, *, starting: bool) -> Offer | None:
    if starting:
        return live(context, mounted(context, server.name))
    return offer_pinned(server.server, server.name, context.state)
