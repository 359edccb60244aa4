"""Calls that target our own configuration, state, keys, policies or manifests are denied, whatever they carry."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from rule_of_two.errors import Code
from rule_of_two.model import Facts, Outcome, StoredResource, Target, Verdict

PROTECTED: Final = Verdict(
    Outcome.DENY,
    Code.DENIED_BY_POLICY,
    ("gateway.protected-path",),
    ("This is part of the gateway's own configuration or state.",),
)


class ProtectedPaths:
    """The files and folders that no call may reach."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = tuple(Path(os.path.realpath(path)) for path in paths)

    def verdict(self, facts: Facts, *, cwd: Path) -> Verdict | None:
        """A denial when a path of the call is one of ours, stands inside one, or, if it is changed, contains one.

        Paths that could not be normalised are tried as a server would read them: with ``~`` and relative to ``cwd``.
        """
        for text in _paths_of(facts):
            path = Path(os.path.realpath(cwd / os.path.expanduser(text)))  # noqa: PTH111  # Path.expanduser raises
            if any(_touches(path, own, changes="C" in facts.labels) for own in self._paths):
                return PROTECTED
        return None


def _touches(path: Path, own: Path, *, changes: bool) -> bool:
    return path == own or own in path.parents or (changes and path in own.parents)


def _paths_of(facts: Facts) -> Iterable[str]:
    items: tuple[Target | StoredResource, ...] = (*facts.targets, *facts.reads, *facts.writes)
    for item in items:
        if item.kind == "path" and (text := _text(item)) and "\0" not in text:
            yield text


def _text(item: Target | StoredResource) -> str | None:
    return item.value or (item.shown if isinstance(item, Target) else None)
