"""Which servers a client has turned off: they stay so."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rule_of_two.clients.tables import Path_, contents, matching
from rule_of_two.errors import ConfigurationError
from rule_of_two.installation.target import Target, read_tables, target_of


def turned_off(target: Target, document: Mapping[str, Any]) -> dict[str | None, frozenset[str]]:
    """By project (``None``: everywhere), which servers the client has turned off."""
    found: dict[str | None, frozenset[str]] = dict(_elsewhere(target))
    if target.folder is None or target.host.only is not None:
        for project, names in lists_of(document, target.host.off):
            found[project] = found.get(project, frozenset()) | names
    if target.host.only is not None and (table := contents(document, target.host.tables[0], target.file)):
        listed = [names for _, names in lists_of(document, (target.host.only,))]
        if listed:
            found[None] = found.get(None, frozenset()) | (table.keys() - listed[0])
    return found


def lists_of(document: Mapping[str, Any], patterns: Iterable[Path_]) -> Iterator[tuple[str | None, frozenset[str]]]:
    """Every list of names at the places that patterns mean, with the project that it is of."""
    for pattern in patterns:
        for path, key in matching(document, pattern):
            node: Any = document
            for step in path:
                node = node.get(step) if isinstance(node, dict) else None
            if isinstance(node, list):
                yield key, frozenset(one for one in node if isinstance(one, str))


def _elsewhere(target: Target) -> Mapping[str | None, frozenset[str]]:
    """What files besides the target turn off, by project."""
    if target.folder is None:
        return {}
    names: frozenset[str] = frozenset()
    key = str(target.folder)
    for file, where in target.host.project_off:
        with contextlib.suppress(ConfigurationError):
            _, document = read_tables(target.host, target.folder / file)
            names = names.union(*(found for _, found in lists_of(document.value, ((where,),))))
    if target.host.project_off:
        user = target_of(target.host.name, project=None, file=None)
        with contextlib.suppress(ConfigurationError):
            _, document = read_tables(user.host, user.file)
            listed = lists_of(document.value, target.host.off)
            names = names.union(*(found for project, found in listed if project == key))
    return {key: names} if names else {}
