"""``rule-of-two policy simulate``: what other policies or manifests would have made of what was recorded."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import click
from msgspec import Struct

from rule_of_two.cli.durations import Duration
from rule_of_two.cli.main import Context
from rule_of_two.cli.output import print_json
from rule_of_two.cli.policy_references import progress
from rule_of_two.errors import ConfigurationError
from rule_of_two.escape import visible
from rule_of_two.gateway.blueprint import document_of, principal_of, sources_of
from rule_of_two.gateway.config import Config, found_config, load_config
from rule_of_two.gateway.narrowing import Mounted
from rule_of_two.gateway.timing import utc_now
from rule_of_two.manifests.load import Library, load_manifest
from rule_of_two.policy.load import Policies, load_policies
from rule_of_two.records import replace
from rule_of_two.simulation.corpus import attack_all, load_attacks
from rule_of_two.simulation.judge import Judge
from rule_of_two.simulation.recording import Recording, recordings_in
from rule_of_two.simulation.relabel import OtherManifests
from rule_of_two.simulation.replay import Relabel, Replay, as_recorded
from rule_of_two.simulation.report import FailOn, attack_lines, compared, fails, simulation_lines
from rule_of_two.simulation.simulate import simulate as run
from rule_of_two.store.journal import Entry, JournalStore

_EVERY: Final = 500
"""Entries between two words of progress."""


class _Setting(Struct, frozen=True):
    """A configuration, and the folder from which its paths start."""

    config: Config
    folder: Path

    def policies(self, references: Sequence[str] = ()) -> Policies:
        """Those of the configuration; or others, whose paths start from the working directory."""
        if not references:
            return sources_of(self.config, self.folder).load()
        entities = [str((self.folder / name).absolute()) for name in self.config.entities]
        return load_policies(references, relative_to=Path.cwd(), entities=entities)


@click.command()
@click.option("--policies", "references", multiple=True, help="A set, file or folder to try; repeat it for several.")
@click.option("--manifests", "folders", multiple=True, type=click.Path(path_type=Path, file_okay=False, exists=True),
              help="A folder of manifests to try, searched before all others.")  # fmt: skip
@click.option("--config", "other", type=click.Path(path_type=Path), help="A whole configuration to try.")
@click.option("--since", type=Duration(), help="How far back; 7d unless a session or a folder is named.")
@click.option("--session", help="Only this session.")
@click.option("--recorded", type=click.Path(path_type=Path), help="A folder of recordings, in place of the journal.")
@click.option("--attacks", is_flag=True, help="Only the shipped attacks, each of them.")
@click.option("--all-yes", is_flag=True, help="Count every question as answered yes.")
@click.option("--fail-on", type=click.Choice(["looser", "stricter", "any"]), help="Exit 1 if anything becomes so.")
@click.pass_obj
def simulate(
    context: Context,
    *,
    references: tuple[str, ...],
    folders: tuple[Path, ...],
    other: Path | None,
    since: timedelta | None,
    session: str | None,
    recorded: Path | None,
    attacks: bool,
    all_yes: bool,
    fail_on: FailOn | None,
) -> None:
    """Replay the journal under other policies or manifests: which calls and attacks come out otherwise.

    A call that was confirmed by a person runs again where it would be asked about; one that nobody confirmed does not.
    Nothing is changed.

    \b
    Examples:
      rule-of-two policy simulate --policies default --policies ./stricter --since 30d
      rule-of-two policy simulate --config ./new.yaml --fail-on looser
      rule-of-two policy simulate --attacks
    """
    config, path = found_config(context.config)
    today = _Setting(config or Config(version=1, servers={}), path.parent)
    tried = today if other is None else _Setting(load_config(other.absolute()), other.absolute().parent)
    now, then = today.policies(), tried.policies(references)
    corpus = load_attacks()
    both = compared(
        attack_all(corpus, now, principal_of(today.config)), attack_all(corpus, then, principal_of(tried.config))
    )
    found = None
    if not attacks:
        judge = Judge(then, principal_of(tried.config))
        relabel = _relabel(tried, folders) if folders or other is not None else as_recorded
        begin = _begin(since, everything=session is not None or recorded is not None)
        recordings = _recordings(context, recorded, begin, session)
        with progress() as say:
            recordings = [replace(one, entries=_counted(one, say)) for one in recordings]
            found = run(recordings, lambda: Replay(judge, relabel, all_yes=all_yes), since=begin, session=session)
        if session is not None and not found.calls:
            click.echo(f"rule-of-two: nothing is recorded of a session {visible(session)} in that time", err=True)
            sys.exit(1)
    if context.json:
        calls = {} if found is None else found.as_facts()
        print_json({**calls, "attacks": [one.as_facts() for one in both]})
    else:
        lines = [] if found is None else [*simulation_lines(found), ""]
        click.echo("\n".join([*lines, *attack_lines(both, all_of_them=attacks)]))
    if fails(fail_on, found, both):
        sys.exit(1)


def _begin(since: timedelta | None, *, everything: bool) -> datetime | None:
    if since is None and everything:
        return None
    return utc_now() - (since or timedelta(days=7))


def _recordings(context: Context, folder: Path | None, since: datetime | None, session: str | None) -> list[Recording]:
    if folder is not None:
        return recordings_in(folder)
    if not (context.state / "journal.db").exists():
        raise ConfigurationError("there is no journal yet; run the gateway, or name --recorded", file=context.state)
    store = JournalStore(context.state)
    begin = "" if since is None else since.isoformat(timespec="microseconds")
    return [Recording("", lambda: store.decisions(since=begin, session=session))]


def _counted(recording: Recording, say: Callable[[str], None]) -> Callable[[], Iterator[Entry | None]]:
    """Its entries; how many were read is told now and then."""

    def entries() -> Iterator[Entry | None]:
        for number, entry in enumerate(recording.entries()):
            if number % _EVERY == 0:
                say(f"reading entry {number}")
            yield entry

    return entries


def _relabel(setting: _Setting, folders: Sequence[Path]) -> Relabel:
    """The manifests of a setting; what ``folders`` say of a server comes before what its block names."""
    own = [*(folder.absolute() for folder in folders), *(setting.folder / name for name in setting.config.manifests)]
    files = [file for folder in folders for file in sorted(folder.glob("*.y*ml"))]
    tried = {document.server: document for document in map(load_manifest, reversed(files))}
    mounted: dict[str, Mounted] = {}
    for name, server in setting.config.servers.items():
        document = document_of(server, folder=setting.folder, manifests=own)
        if document is not None:
            mounted[name] = Mounted(name, tried.get(document.server, document), server.parameters)
    return OtherManifests(mounted, Library(own))
