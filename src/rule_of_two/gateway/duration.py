"""Durations as the configuration writes them."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import BeforeValidator

_WRITTEN: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0}


def _seconds(value: object) -> float:
    match = _WRITTEN.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f"{value!r} is not a duration such as 45s")
    return float(match[1]) * _UNITS[match[2]]


Duration = Annotated[float, BeforeValidator(_seconds, json_schema_input_type=float | str)]
"""Seconds; written ``45s``, ``500ms``, ``5m``, ``1h``, ``90d`` or as a number."""
