"""Where a command finds what a server offers: a server of the configuration, a command, a URL, a saved list."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import anyio
import orjson

from rule_of_two.cli.main import Context
from rule_of_two.errors import ConfigurationError
from rule_of_two.gateway.acceptance import offer_by
from rule_of_two.gateway.blueprint import Upstream, draw
from rule_of_two.gateway.config import Config, config_path, load_config
from rule_of_two.manifests.offer import Offer

_LARGEST: Final = 64 * 1024 * 1024
"""Bytes of a saved list that are read."""


def mounted(context: Context, server: str) -> Upstream:
    """A server of the configuration, as the gateway would mount it.

    :raises ConfigurationError: there is none of that name, or the configuration is wrong.
    """
    path = config_path(context.config)
    blueprint = draw(load_config(path), file=path, state=context.state)
    for upstream in blueprint.upstreams:
        if upstream.name == server:
            return upstream
    names = ", ".join(upstream.name for upstream in blueprint.upstreams)
    raise ConfigurationError(f"has no server '{server}'; it has {names or 'none'}", file=path)


def unmounted(context: Context, block: dict[str, Any]) -> Upstream:
    """A server that is in no configuration.

    :raises ConfigurationError: the block is wrong.
    """
    config = Config.model_validate({"version": 1, "mcpServers": {"server": block}})
    return draw(config, file=None, state=context.state).upstreams[0]


def live(context: Context, upstream: Upstream) -> Offer:
    """Start it and read what it offers.

    :raises UpstreamUnavailable: it did not start, or lists nothing.
    """
    return anyio.run(offer_by, upstream, context.state)


def saved(file: Path) -> Offer:
    """Read a saved ``tools/list``.

    :raises ConfigurationError: unreadable, or no such list; one sentence.
    """
    try:
        if file.stat().st_size > _LARGEST:
            raise ConfigurationError(f"is larger than {_LARGEST >> 20} MB", file=file)
        return Offer.read(orjson.loads(file.read_bytes()))
    except OSError as error:
        raise ConfigurationError(f"cannot be read ({error.strerror}); check the path", file=file) from error
    except orjson.JSONDecodeError as error:
        raise ConfigurationError(f"is not JSON: {error.msg}", file=file, line=error.lineno) from error
    except ValueError as error:
        raise ConfigurationError(str(error), file=file) from error


def environment_of(given: Sequence[str]) -> dict[str, str]:
    """``NAME=VALUE`` as it is, and ``NAME`` with the value that it has here.

    :raises ConfigurationError: it has none.
    """
    found: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals and name not in os.environ:
            raise ConfigurationError(f"--env {name}: the variable is not set; write {name}=VALUE, or set it")
        found[name] = value if equals else os.environ[name]
    return found
