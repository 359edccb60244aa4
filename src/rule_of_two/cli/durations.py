"""Durations as the command line takes them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Final

import click

_DURATION: Final = re.compile(r"(\d{1,5})([mhd])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}


class Duration(click.ParamType[timedelta]):
    """``7d``, ``12h`` or ``30m``."""

    name = "DURATION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The duration."""
        match = _DURATION.fullmatch(str(value))
        if match is None:
            self.fail(f"'{value}' is no duration such as 7d, 12h or 30m", param, ctx)
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
