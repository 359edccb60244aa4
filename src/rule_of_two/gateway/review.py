"""The report over a journal with what would make it quieter, each suggestion checked by replaying what was recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from rule_of_two.audit.recorded import Recorded, recorded
from rule_of_two.audit.replay import Effect, effects
from rule_of_two.audit.report import Find, Group, Survey, Tally, survey
from rule_of_two.gateway.blueprint import document_of
from rule_of_two.gateway.config import Config
from rule_of_two.gateway.narrowing import Mounted
from rule_of_two.gateway.quieter import Suggestion, suggestions
from rule_of_two.manifests.load import Library
from rule_of_two.store.journal import Entry, JournalStore

SHOWN: Final = 5
"""Suggestions of one cause, and values of one tally."""
_REMEMBERED: Final = 4096


class Tip(Struct, frozen=True):
    """A suggestion for one cause: ``saved`` of its questions would not have come, of all causes' ``saved_in_all``.

    ``more`` are questions that would have come instead; ``renewals`` how often a session would have been started anew.
    """

    suggestion: Suggestion
    saved: int
    saved_in_all: int
    more: int
    renewals: int

    def as_facts(self) -> dict[str, Any]:
        """For scripts."""
        one = self.suggestion
        return {
            "kind": one.kind,
            "server": one.server,
            "line": one.line,
            "only_if": one.only_if,
            "saved": self.saved,
            "saved_in_all": self.saved_in_all,
            "at_most": one.at_most,
            "more": self.more,
        }


class Review(Struct, frozen=True):
    """What was asked, by cause, the one with most questions first."""

    survey: Survey
    causes: tuple[tuple[Group, tuple[Tip, ...]], ...]

    def as_facts(self) -> dict[str, Any]:
        """For scripts."""
        found = self.survey
        return {
            "since": found.since.isoformat() if found.since else None,
            "until": found.until.isoformat() if found.until else None,
            "sessions": len(found.sessions),
            "calls": found.calls,
            "asked": found.asked,
            "denied": found.denied,
            "let_pass": found.let_pass,
            "confirmed": found.confirmed,
            "left_out": found.left_out,
            "refused": found.refused,
            "unreadable": found.unreadable,
            "ungrouped": found.ungrouped,
            "causes": [_cause(group, tips) for group, tips in self.causes],
        }


def _cause(group: Group, tips: Sequence[Tip]) -> dict[str, Any]:
    return {
        "cause": group.cause,
        "call": group.call,
        "labels": sorted(group.labels),
        "policies": list(group.policies),
        "asked": group.asked,
        "denied": group.denied,
        "decisions": [f"d{number}" for number in group.decisions],
        "targets": _tally(group.targets),
        "brought": [{"label": one.label, "call": one.call, "targets": _tally(one.targets)} for one in group.brought],
        "quieter": [tip.as_facts() for tip in tips],
    }


def _tally(tally: Tally) -> list[dict[str, Any]]:
    return [{"value": value, "times": times} for value, times in tally.most(SHOWN)]


def finder(store: JournalStore) -> Find:
    """Decisions by number, the newest looked up remembered."""

    @lru_cache(_REMEMBERED)
    def find(number: int) -> Recorded | None:
        entry = store.get(number)
        return None if entry is None else recorded(entry)

    return find


def review(
    entries: Callable[[], Iterable[Entry]], find: Find, *, config: Config | None = None, file: Path | None = None
) -> Review:
    """Read the entries twice: once to count them, and once with each suggestion in place.

    ``config`` says what the operator has written already, and ``file`` where; without it the manifests that the journal
    names are taken as they are shipped.

    :raises ConfigurationError: a manifest or a parameter of the configuration is wrong.
    :raises StoreError: the journal cannot be read.
    """
    found = survey(entries(), find)
    if not found.questions:
        return Review(found, ())
    folder = file.parent if file else Path.cwd()
    folders = [folder / name for name in config.manifests] if config else []
    library = Library(folders)
    mounted = _mounted(found, library, config, folder, folders)
    tried = suggestions(found, mounted, library.values(), config.policies if config else ("default",))
    made = effects(entries(), [one.what_if for one in tried], find)
    tips = list(zip(tried, made, strict=True))
    return Review(found, tuple((group, _best(tips, key)) for key, group in found.ordered()))


def _mounted(
    found: Survey,
    library: Library,
    config: Config | None,
    folder: Path,
    folders: list[Path],
) -> dict[str, Mounted]:
    mounted: dict[str, Mounted] = {}
    for name, server in config.servers.items() if config else ():
        document = document_of(server, folder=folder, manifests=folders)
        if document is not None:
            mounted[name] = Mounted(name, document, server.parameters)
    for name, seen in found.servers.items():
        document = None if seen.manifest is None else library.get(seen.manifest)
        if (config is None or name not in config.servers) and document is not None:
            mounted[name] = Mounted(name, document)
    return mounted


def _best(tips: Sequence[tuple[Suggestion, Effect]], key: Any) -> tuple[Tip, ...]:
    """What would have saved questions of one cause, most first; several at once only where they save more than one."""
    found = [
        Tip(one, effect.saved[key], sum(effect.saved.values()), effect.more, effect.renewals)
        for one, effect in tips
        if effect.saved.get(key)
    ]
    alone: dict[tuple[str, str | None], int] = {}
    for tip in found:
        of = tip.suggestion.kind, tip.suggestion.server
        if not tip.suggestion.together:
            alone[of] = max(alone.get(of, 0), tip.saved)
    kept = [
        tip
        for tip in found
        if not tip.suggestion.together or tip.saved > alone.get((tip.suggestion.kind, tip.suggestion.server), 0)
    ]
    return tuple(sorted(kept, key=lambda tip: -tip.saved)[:SHOWN])
