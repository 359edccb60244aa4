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
        changes = facts.acts
        items: tuple[Target | StoredResource, ...] = (*facts.targets, *facts.reads, *facts.writes)
        for item in items:
            path = _path_of(item, cwd) if item.kind == "path" else None
            if path is not None and any(_touches(path, own, changes=changes) for own in self._paths):
                return PROTECTED
        return None


def _touches(path: Path, own: Path, *, changes: bool) -> bool:
    return path == own or own in path.parents or (changes and path in own.parents)


def _path_of(item: Target | StoredResource, cwd: Path) -> Path | None:
    """The path that is meant. A canonical value was resolved when the facts were found."""
    if item.value is not None:
        return Path(item.value)
    shown = item.shown if isinstance(item, Target) else ""
    if not shown or "\0" in shown:
        return None
    return Path(os.path.realpath(cwd / os.path.expanduser(shown)))  # noqa: PTH111  # Path.expanduser raises
