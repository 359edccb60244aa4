"""What both formats of clients' files share: a table of servers in a document, and what it is after a change."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from rule_of_two.errors import ConfigurationError

Path_ = tuple[str, ...]
"""Keys from the root of a document to a table."""


def contents(document: Mapping[str, Any], path: Path_, file: Path) -> dict[str, Any] | None:
    """The table at ``path``; ``None`` where there is none.

    :raises ConfigurationError: something else stands there.
    """
    node: Any = document
    for depth, key in enumerate(path):
        if not isinstance(node, dict):
            raise ConfigurationError(f"'{'.'.join(path[:depth])}' is no table", file=file)
        if key not in node:
            return None
        node = node[key]
    if not isinstance(node, dict):
        raise ConfigurationError(f"'{'.'.join(path)}' is no table of servers", file=file)
    return node


def unlike(
    document: Mapping[str, Any], path: Path_, put: Mapping[str, Any], taken: Collection[str], file: Path
) -> dict[str, Any]:
    """The document with other members in the table at ``path``, which is made where there is none."""
    table = contents(document, path, file) or {}
    changed = {key: value for key, value in table.items() if key not in taken} | dict(put)
    root = copy.copy(dict(document))
    node = root
    for key in path[:-1]:
        node[key] = copy.copy(node[key])
        node = node[key]
    node[path[-1]] = changed
    return root


def matching(document: Mapping[str, Any], pattern: Path_) -> Iterator[tuple[Path_, str | None]]:
    """Every path that a pattern means, with the key that its ``*`` stands for. One without ``*`` need not exist."""
    if "*" not in pattern:
        yield pattern, None
        return
    place = pattern.index("*")
    node: Any = document
    for key in pattern[:place]:
        node = node.get(key) if isinstance(node, dict) else None
    for key, value in node.items() if isinstance(node, dict) else ():
        inner = value
        for step in pattern[place + 1 :]:
            inner = inner.get(step) if isinstance(inner, dict) else None
        if inner is not None:
            yield (*pattern[:place], key, *pattern[place + 1 :]), key
