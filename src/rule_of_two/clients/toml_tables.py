"""TOML as users write it: the tables of some servers are changed, every other byte stays.

A scanner of ours finds where each statement begins and ends; what it says is read by the standard library, before and
after. tomlkit keeps a document's style too, but moves tables that are not in one piece, which clients' files have.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from rule_of_two.clients.tables import Path_, contents, unlike
from rule_of_two.errors import ConfigurationError

_KEY: Final = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_KEYS: Final = re.compile(rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*")
_ONE_KEY: Final = re.compile(_KEY)
_HEADER: Final = re.compile(rf"\[\[?[ \t]*({_KEYS.pattern})[ \t]*\]\]?[^\n]*\n?")
_PIECE: Final = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}|' + r"'''(?:[^']|'(?!''))*'{3,5}|"
    r'"(?:[^"\\\n]|\\.)*"|' + r"'[^'\n]*'|#[^\n]*|[\[{]|[\]}]|\n|[^\"'#\[\]{}\n]+",
    re.DOTALL,
)
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


class _Statement(Struct, frozen=True):
    """A header or an assignment, with its lines; ``keys`` lead from the root."""

    keys: Path_
    start: int
    end: int
    header: bool


class TomlTables:
    """A document as it was read.

    :raises ConfigurationError: it is not valid TOML.
    """

    def __init__(self, text: str, file: Path) -> None:
        self.text = text
        self._file = file
        bare = text.removeprefix("\ufeff")
        try:
            self.value: dict[str, Any] = tomllib.loads(bare)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise ConfigurationError(f"is not valid TOML: {error or type(error).__name__}", file=file) from error
        self.empty = not self.value
        self._line_end = "\r\n" if "\r\n" in text else "\n"
        self._statements = tuple(_statements(text, len(text) - len(bare)))

    def put(self, path: Path_, name: str, entry: Mapping[str, Any], *, instead_of: Collection[str]) -> str:
        """The text with the entry ``name`` among the tables of ``path``, in place of others. Proven to say the same
        otherwise.

        :raises ConfigurationError: the servers are not written as tables, or the proof fails.
        """
        expected = unlike(self.value, path, {name: entry}, instead_of, self._file)
        runs = self._runs(path, {name, *instead_of})
        written = self._rendered((*path, name), entry)
        place = next((one for one in runs if self._can_begin_table(one[1])), None)
        text = self.text
        for run in reversed(runs):
            text = text[: run[0]] + (written if run == place else "") + text[run[1] :]
        if place is None:
            gap = "" if not text.strip("\ufeff") else self._line_end if text.endswith("\n") else self._line_end * 2
            text = f"{text}{gap}{written}"
        return self._proven(text, expected)

    def give_back(
        self, path: Path_, name: str, before: TomlTables, members: Sequence[str], *, keep_entry: bool = False
    ) -> str:
        """The text with the ``members`` that ``before`` has, as they were written there, in place of the entry
        ``name``. Proven to say the same otherwise.

        :raises ConfigurationError: the entry is not there, a member of that name is, or the proof fails.
        """
        old = contents(before.value, path, self._file) or {}
        now = contents(self.value, path, self._file) or {}
        if taken := [member for member in members if member in now]:
            raise ConfigurationError(f"has a server '{taken[0]}' again", file=self._file)
        if name not in now:
            raise ConfigurationError(f"the entry '{name}' is not there any more", file=self._file)
        expected = unlike(
            self.value, path, {key: old[key] for key in members}, () if keep_entry else (name,), self._file
        )
        pieces = [before.text[start:end] for start, end in before._runs(path, set(members))]
        chunk = "".join(piece if piece.endswith("\n") else piece + self._line_end for piece in pieces)
        text = self.text
        runs = self._runs(path, {name})
        for start, end in reversed(runs):
            own = text[start:end] if keep_entry else ""
            own += self._line_end if own and not own.endswith("\n") else ""
            text = text[:start] + own + (chunk if (start, end) == runs[0] else "") + text[end:]
        if not keep_entry and expected[path[0]] == {} and not _has(tomllib.loads(text.removeprefix("\ufeff")), path):
            del expected[path[0]]
        return self._proven(text, expected)

    def _can_begin_table(self, place: int) -> bool:
        """Whether a table may stand before ``place``: no assignment of another table follows at once."""
        following = next((one for one in self._statements if one.start >= place), None)
        return following is None or following.header

    def _runs(self, path: Path_, names: Collection[str]) -> list[tuple[int, int]]:
        """Where the statements of some members stand: pieces between which there are others."""
        runs: list[tuple[int, int]] = []
        joined = False
        for one in self._statements:
            mine = one.keys[: len(path)] == path and len(one.keys) > len(path) and one.keys[len(path)] in names
            if mine and joined:
                runs[-1] = (runs[-1][0], one.end)
            elif mine:
                runs.append((one.start, one.end))
            joined = mine
        return runs

    def _rendered(self, keys: Path_, entry: Mapping[str, Any]) -> str:
        head = ".".join(key if _BARE.fullmatch(key) else _toml(key) for key in keys)
        lines = [f"[{head}]", *(f"{key} = {_toml(value)}" for key, value in entry.items())]
        return self._line_end.join((*lines, ""))

    def _proven(self, text: str, expected: Mapping[str, Any]) -> str:
        try:
            same = tomllib.loads(text.removeprefix("\ufeff")) == expected
        except tomllib.TOMLDecodeError:
            same = False
        if not same:
            raise ConfigurationError(
                "cannot be changed safely, as its servers are not written as tables of their own", file=self._file
            )
        return text


def _has(document: Mapping[str, Any], path: Path_) -> bool:
    return path[0] in document


def _statements(text: str, place: int) -> Iterator[_Statement]:
    table: Path_ = ()
    while place < len(text):
        line_end = text.find("\n", place)
        line_end = len(text) if line_end < 0 else line_end + 1
        first = place + len(text[place:line_end]) - len(text[place:line_end].lstrip(" \t"))
        if first >= line_end or text[first] in "#\r\n":
            place = line_end
        elif header := _HEADER.match(text, first):
            table = _keys(header[1])
            yield _Statement(table, place, header.end(), header=True)
            place = header.end()
        else:
            named = _KEYS.match(text, first)
            end = _end_of_value(text, named.end() if named else first)
            yield _Statement((*table, *(_keys(named[0]) if named else ())), place, end, header=False)
            place = end


def _end_of_value(text: str, place: int) -> int:
    """Behind the line end that ends an assignment."""
    depth = 0
    while match := _PIECE.match(text, place):
        place = match.end()
        depth += (match[0] in {"[", "{"}) - (match[0] in {"]", "}"})
        if match[0] == "\n" and depth <= 0:
            break
    return place


def _keys(text: str) -> Path_:
    return tuple(_key(one) for one in _ONE_KEY.findall(text))


def _key(written: str) -> str:
    return written if _BARE.fullmatch(written) else next(iter(tomllib.loads(f"{written} = 0")))


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        inner = ", ".join(f"{key if _BARE.fullmatch(key) else _toml(key)} = {_toml(one)}" for key, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
