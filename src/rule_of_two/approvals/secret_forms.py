"""The forms in which a secret stands in other texts: as it is, escaped, in URLs, in hexadecimal, and inside base64."""

from __future__ import annotations

import base64
import json
from typing import Final
from urllib.parse import quote, quote_plus

SHORTEST_DERIVED: Final = 8
"""Characters of a form that is looked for: a shorter one stands in many a text by chance."""


def forms(secret: str) -> tuple[str, ...]:
    """The secret and all its other forms, each once. Of base64 what is the same whatever stands before and after it."""
    data = secret.encode("utf-8", "replace")
    found = [
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret, safe="", errors="replace"),
        quote_plus(secret, errors="replace"),
        quote(secret, safe="", errors="replace").lower(),
        data.hex(),
        data.hex().upper(),
        *_in_base64(data),
    ]
    return tuple(dict.fromkeys([secret, *(one for one in found if one != secret and len(one) >= SHORTEST_DERIVED)]))


def _in_base64(data: bytes) -> list[str]:
    """What of the base64 of a longer text is due to ``data`` alone, for each place where it can begin in a group."""
    found: list[str] = []
    for before in range(3):
        # Characters that also hold bits of neighbours are left out: 8 bits a byte, 6 bits a character.
        begin = -(-before * 8 // 6)
        end = (before + len(data)) * 8 // 6
        encoded = base64.b64encode(b"\0" * before + data)[begin:end].decode()
        found += [encoded, encoded.replace("+", "-").replace("/", "_")]
    return found
