"""The names under which a client sees tools and prompts: ``<server>__<name>``, within every client's limits."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Final

LIMIT: Final = 64
"""Clients often allow only ``[A-Za-z0-9_-]{1,64}`` (PROTOCOL)."""

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_-]")


def exposed_names(pairs: Iterable[tuple[str, str]], *, prefixed: bool) -> dict[str, tuple[str, str]]:
    """Map each exposed name to its (upstream, name).

    Every pair gets exactly one name and no two share one: a name that is too long, holds other characters or is taken
    already ends in eight hexadecimal digits of its digest. Unprefixed names (one upstream alone) stay as they are.
    """
    names: dict[str, tuple[str, str]] = {}
    for upstream, name in pairs:
        if not prefixed:
            names.setdefault(name, (upstream, name))
            continue
        full = f"{upstream}__{name}"
        exposed = _UNSAFE.sub("_", full)
        if exposed != full or len(exposed) > LIMIT or exposed in names:
            digest = hashlib.sha256(full.encode("utf-8", "surrogatepass")).hexdigest()[:8]
            exposed = f"{exposed[: LIMIT - 9]}_{digest}"
        names.setdefault(exposed, (upstream, name))
    return names
