"""JSON with comments and trailing commas: what it says, and where each part of it stands.

Comments and trailing commas are blanked out, each character by a space, and what is left is strict JSON with the same
positions, which the standard library reads.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from rule_of_two.clients.tables import Path_
from rule_of_two.errors import ConfigurationError

_STRING: Final = r'"(?:[^"\\]++|\\.)*+"'
_COMMENT: Final = re.compile(rf"{_STRING}|//[^\n\r]*|/\*.*?\*/", re.DOTALL)
_TRAILING: Final = re.compile(rf"{_STRING}|,(?=\s*[}}\]])", re.DOTALL)
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_NOT_LINE_END: Final = re.compile(r"[^\r\n]")
_DECODER: Final = json.JSONDecoder()


class Member(Struct, frozen=True):
    key: str
    start: int
    """Of the key."""
    value: int
    end: int


class JsonText:
    """A document as it was read.

    :raises ConfigurationError: it is no JSON object, or a key in it stands twice: clients differ in which they take.
    """

    def __init__(self, text: str, file: Path) -> None:
        self.text = text
        self.file = file
        self._plain = _COMMENT.sub(_blank, text.replace("\ufeff", " ", 1) if text[:1] == "\ufeff" else text)
        self._strict = _TRAILING.sub(_blank, self._plain)
        self.empty = not self._strict.strip()
        self.line_end = "\r\n" if "\r\n" in text else "\n"
        self.value: dict[str, Any] = {} if self.empty else self._parsed()
        self._root = _skip(self._strict, 0)

    def _parsed(self) -> dict[str, Any]:
        try:
            value = json.loads(self._strict, object_pairs_hook=self._object)
        except json.JSONDecodeError as error:
            raise ConfigurationError(f"is not valid JSON: {error.msg}", file=self.file, line=error.lineno) from error
        except (RecursionError, ValueError) as error:
            raise ConfigurationError(
                f"is not JSON that can be read ({type(error).__name__})", file=self.file
            ) from error
        if not isinstance(value, dict):
            raise ConfigurationError("must be a JSON object", file=self.file)
        return value

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise ConfigurationError(f"the key '{twice}' stands twice in one object; take one out", file=self.file)
        return made

    def comma_after(self, place: int) -> int | None:
        after = _skip(self._plain, place)
        return after if self._plain[after : after + 1] == "," else None

    def span(self, path: Path_) -> tuple[int, int] | None:
        """Where the object at ``path`` stands, from brace to brace."""
        if self.empty:
            return None
        start = self._root
        for key in path:
            member = next((one for one in self.members(start) if one.key == key), None)
            if member is None or self._strict[member.value] != "{":
                return None
            start = member.value
        return start, _DECODER.raw_decode(self._strict, start)[1]

    def key_of(self, path: Path_) -> int:
        return next(one.start for one in self.members(self.start_of(path[:-1])) if one.key == path[-1])

    def start_of(self, path: Path_) -> int:
        span = self.span(path)
        if span is None:
            raise ConfigurationError(f"has no '{'.'.join(path)}'", file=self.file)
        return span[0]

    def members(self, start: int) -> list[Member]:
        """The members of the object whose brace stands at ``start``."""
        text, place = self._strict, start + 1
        found: list[Member] = []
        while True:
            place = _skip(text, place)
            if text[place] == "}":
                return found
            if text[place] == ",":
                place += 1
                continue
            key, end = _DECODER.raw_decode(text, place)
            value = _skip(text, text.index(":", end) + 1)
            found.append(Member(key, place, value, _DECODER.raw_decode(text, value)[1]))
            place = found[-1].end

    def indent_at(self, place: int) -> str | None:
        """The white space before a key that stands first on its line; ``None``: something else does."""
        line = max(self.text.rfind("\n", 0, place), self.text.rfind("\r", 0, place)) + 1
        before = self.text[line:place]
        return before if line and not before.strip(" \t") else None

    def rendered(self, value: Any, indent: str | None) -> str:
        """A value as text whose first line is indented by ``indent`` already; ``None``: on one line."""
        if indent is None:
            return json.dumps(value, ensure_ascii=False)
        lines = json.dumps(value, ensure_ascii=False, indent=self._unit()).split("\n")
        return f"{self.line_end}{indent}".join(lines)

    def _unit(self) -> str:
        first = None if self.empty else next(iter(self.members(self._root)), None)
        return (None if first is None else self.indent_at(first.start)) or "  "


def _blank(match: re.Match[str]) -> str:
    found = match[0]
    return found if found.startswith('"') else _NOT_LINE_END.sub(" ", found)


def _skip(text: str, place: int) -> int:
    """The first place from ``place`` on where no white space stands."""
    match = _SPACE.match(text, place)
    return match.end() if match else place
