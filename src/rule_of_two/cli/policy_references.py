"""Which policies a `policy` command is about: what its arguments name, else those of the configuration."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from rule_of_two.cli.main import Context
from rule_of_two.errors import ConfigurationError
from rule_of_two.gateway.config import found_config

if TYPE_CHECKING:
    from rule_of_two.policy.typed.definitions import ToolDefinition


class References(Struct, frozen=True):
    """Sets, files and folders as in ``policies:``, and the folder that paths start from.

    ``supplied`` are the optional context attributes that somebody supplies; ``None``: it is not known.
    """

    names: tuple[str, ...]
    relative_to: Path
    entities: tuple[str, ...] = ()
    supplied: frozenset[str] | None = None
    tools: Sequence[ToolDefinition] | None = None
    """The pinned tools of the configuration, where its policies may read their arguments."""


def references(context: Context, arguments: Sequence[str]) -> References:
    """What the command line names, relative to the working directory; else what the configuration does.

    :raises ConfigurationError: neither names anything, or the configuration cannot be used.
    """
    if arguments:
        return References(tuple(arguments), Path.cwd())
    config, path = found_config(context.config)
    if config is None:
        raise ConfigurationError(f"there is no configuration at {path}; name sets, files or folders, such as `default`")
    tools = None
    if config.typed_arguments:
        from rule_of_two.gateway.acceptance import pinned_tools  # noqa: PLC0415  # as above

        tools = pinned_tools(config, context.state)
    return References(config.policies, path.parent, config.entities, config.providers.supplied, tools)


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Says on stderr, where that is a terminal, what is being done; the line is gone afterwards."""
    stderr = sys.stderr
    if not stderr.isatty():
        yield lambda _: None
        return

    def say(what: str) -> None:
        stderr.write(f"\r\x1b[K{what[:100]} …")
        stderr.flush()

    try:
        yield say
    finally:
        stderr.write("\r\x1b[K")
        stderr.flush()
