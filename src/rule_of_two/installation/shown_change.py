"""How a change of a file is shown: a unified diff in which no secret stands."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rule_of_two.clients.secrets import is_secret_name, secret_shapes
from rule_of_two.escape import visible

MASK: Final = "•••"

_TEXT: Final = r"\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'"
_STRINGS: Final = re.compile(_TEXT)
_NAMED: Final = re.compile(rf"(?P<name>(?<![\w.-])[\"']?[\w.-]++[\"']?)(?P<gap>\s*[:=]\s*)(?P<value>{_TEXT})")
_REFERENCE: Final = re.compile(r"([A-Za-z]+ )?(\$\{[^}]*\})+")
_CONTEXT: Final = 3


def shown_change(file: Path, before: bytes | None, after: bytes | None, hidden: Sequence[str]) -> str:
    """The diff from one content to another (``None``: no file); the empty string where nothing changes.

    ``hidden`` are secrets by value; what looks like one, or stands under the name of one, is masked, too.
    """
    if before == after:
        return ""
    old, new = (_lines(content, hidden) for content in (before, after))
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    # Only what differs is compared: a client's file can have a hundred thousand lines that do not.
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    skipped = max(head - _CONTEXT, 0)
    end = max(tail - _CONTEXT, 0)
    diff = difflib.unified_diff(
        old[skipped : len(old) - end],
        new[skipped : len(new) - end],
        str(file) if before is not None else "/dev/null",
        str(file) if after is not None else "/dev/null",
        n=_CONTEXT,
        lineterm="",
    )
    lines = [_moved(line, skipped) if line.startswith("@@") else visible(line) for line in diff]
    return "\n".join(lines) or f"--- {file}\n+++ {file}\n(only secrets or line ends differ)"


def masked(text: str, hidden: Sequence[str]) -> str:
    """A text with every secret replaced by dots."""
    text = _STRINGS.sub(lambda match: _masked_string(match[0], hidden), text)
    text = _NAMED.sub(_masked_value, text)
    for value in sorted({*hidden, *secret_shapes(text)}, key=len, reverse=True):
        if len(value) >= 4:
            text = text.replace(value, MASK)
    return text


def _lines(content: bytes | None, hidden: Sequence[str]) -> list[str]:
    return masked((content or b"").decode(errors="replace"), hidden).splitlines()


def _masked_string(written: str, hidden: Sequence[str]) -> str:
    """A string of JSON or TOML, where it has an escape: a secret can be written in more than one way."""
    if "\\" not in written:
        return f'"{MASK}"' if written[1:-1] in hidden else written
    try:
        said = json.loads(written)
    except ValueError:
        return f'"{MASK}"' if hidden else written
    return json.dumps(masked_words(said, hidden), ensure_ascii=False) if masked_words(said, hidden) != said else written


def masked_words(text: str, hidden: Sequence[str]) -> str:
    """A plain text with secrets replaced, the longest first."""
    for value in sorted(hidden, key=len, reverse=True):
        text = text.replace(value, MASK)
    return text


def _masked_value(match: re.Match[str]) -> str:
    if (
        _REFERENCE.fullmatch(match["value"][1:-1])
        or not is_secret_name(match["name"].strip("\"'"))
        or len(match["value"]) <= 2
    ):
        return match[0]
    return f'{match["name"]}{match["gap"]}"{MASK}"'


def _moved(line: str, by: int) -> str:
    """``@@ -1,7 +1,3 @@`` of a part that begins further down."""
    return re.sub(r"([-+])(\d+)", lambda match: f"{match[1]}{int(match[2]) + by}", line)
