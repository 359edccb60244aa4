"""A group whose commands are imported when they are used, so that its help and the other commands do not wait."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """``lazy`` has the help line of each command; each is the object of its name in ``module``, into which its name is
    put."""

    def __init__(self, *args: Any, lazy: Mapping[str, str], module: str, **members: Any) -> None:
        super().__init__(*args, **members)
        self._lazy = lazy
        self._module = module

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._lazy:
            return None
        # Nothing that a module makes while it is loaded is garbage; looking for some is a tenth of the start.
        gc.disable()
        try:
            command: click.Command = getattr(importlib.import_module(self._module.format(cmd_name)), cmd_name)
        finally:
            gc.enable()
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self._lazy.items()))
