"""Tables of servers in JSON as clients' users write it: one is changed, every other byte stays.

No library is used, as none edits such a text in place: those that read comments (json5, commentjson) drop them, and
what is needed is little. Edits are cut into the text at the positions that :class:`JsonText` finds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from rule_of_two.clients.json_text import JsonText, Member
from rule_of_two.clients.tables import Path_, contents, unlike
from rule_of_two.errors import ConfigurationError

_REST_OF_LINE: Final = re.compile(r"[ \t]*(\r\n|\n|\r)")


class JsonTables(JsonText):
    """A document that can be changed."""

    def put(self, path: Path_, name: str, entry: Mapping[str, Any], *, instead_of: Collection[str]) -> str:
        """The text with the entry ``name`` in the table at ``path``, in place of others; the table is made where there
        is none. Proven to say the same otherwise.

        :raises ConfigurationError: the table is none, or the proof fails.
        """
        expected = unlike(self.value, path, {name: entry}, instead_of, self.file)
        return self._proven(self._put(path, name, entry, instead_of), expected)

    def give_back(
        self, path: Path_, name: str, before: JsonTables, members: Sequence[str], *, keep_entry: bool = False
    ) -> str:
        """The text with the ``members`` that ``before`` has in the table, as they were written there, in place of the
        entry ``name``. Proven to say the same otherwise.

        :raises ConfigurationError: the entry is not there, a member of that name is, or the proof fails.
        """
        old = contents(before.value, path, self.file) or {}
        back = {member: old[member] for member in members}
        now = contents(self.value, path, self.file) or {}
        if taken := [member for member in members if member in now]:
            raise ConfigurationError(f"has a server '{taken[0]}' again", file=self.file)
        if name not in now:
            raise ConfigurationError(f"the entry '{name}' is not there any more", file=self.file)
        expected = unlike(self.value, path, back, () if keep_entry else (name,), self.file)
        others = {key: value for key, value in now.items() if key != name}
        if not keep_entry and others == {key: value for key, value in old.items() if key not in members}:
            return self._as_it_was(path, before, expected)
        return self._proven(self._merged(path, name, before, members, keep_entry=keep_entry), expected)

    def _as_it_was(self, path: Path_, before: JsonTables, expected: Mapping[str, Any]) -> str:
        span = self.span(path)
        old = before.span(path)
        if old is not None and span is not None:
            new = f"{self.text[: span[0]]}{before.text[old[0] : old[1]]}{self.text[span[1] :]}"
            return self._proven(new, expected)
        new = self.without(path[:-1], {path[-1]})
        shrunk = {key: value for key, value in expected.items() if key != path[-1]} if len(path) == 1 else expected
        return self._proven(new, shrunk)

    def _merged(self, path: Path_, name: str, before: JsonTables, members: Sequence[str], *, keep_entry: bool) -> str:
        start = self.start_of(path)
        (own,) = (one for one in self.members(start) if one.key == name)
        if not members:
            return self.text if keep_entry else self.without(path, {name})
        indent = self.indent_at(own.start)
        joint = f",{self.line_end}{indent}" if indent is not None else ", "
        chunk = before._chunk(path, members, joint)
        kept = f"{self.text[own.start : own.end]}{joint}" if keep_entry else ""
        return f"{self.text[: own.start]}{kept}{chunk}{self.text[own.end :]}"

    def _chunk(self, path: Path_, members: Sequence[str], joint: str) -> str:
        """The text of some members: as one piece, with what stands between them, where nothing else does."""
        found = self.members(self.start_of(path))
        places = [place for place, one in enumerate(found) if one.key in members]
        if places == list(range(places[0], places[-1] + 1)):
            return self.text[found[places[0]].start : found[places[-1]].end]
        return joint.join(self.text[found[place].start : found[place].end] for place in places)

    def _put(self, path: Path_, name: str, entry: Mapping[str, Any], instead_of: Collection[str]) -> str:
        span = self.span(path)
        if span is None:
            return self._with_table(path, name, entry)
        members = self.members(span[0])
        if not [one for one in members if one.key != name and one.key not in instead_of]:
            depth = self.indent_at(self.key_of(path)) if path else None
            table = self.rendered({name: entry}, depth)
            return f"{self.text[: span[0]]}{table}{self.text[span[1] :]}"
        place = next((one for one in members if one.key == name), None) or next(
            (one for one in members if one.key in instead_of), None
        )
        written = f"{json.dumps(name, ensure_ascii=False)}: "
        if place is None:
            last = members[-1]
            indent = self.indent_at(last.start)
            joint = ", " if indent is None else f",{self.line_end}{indent}"
            return f"{self.text[: last.end]}{joint}{written}{self.rendered(entry, indent)}{self.text[last.end :]}"
        written += self.rendered(entry, self.indent_at(place.start))
        text = f"{self.text[: place.start]}{written}{self.text[place.end :]}"
        rest = {one for one in instead_of if one not in {place.key, name}}
        return JsonTables(text, self.file).without(path, rest)

    def _with_table(self, path: Path_, name: str, entry: Mapping[str, Any]) -> str:
        if self.empty:
            gap = "" if not self.text or self.text.endswith(("\n", "\ufeff")) else self.line_end
            return f"{self.text}{gap}{self.rendered({path[-1]: {name: entry}}, '')}{self.line_end}"
        start = self.start_of(path[:-1])
        members = self.members(start)
        key = f"{json.dumps(path[-1], ensure_ascii=False)}: "
        if members:
            last = members[-1]
            indent = self.indent_at(last.start)
            joint = ", " if indent is None else f",{self.line_end}{indent}"
            table = self.rendered({name: entry}, indent)
            return f"{self.text[: last.end]}{joint}{key}{table}{self.text[last.end :]}"
        inside = start + 1
        table = f"{self.line_end}  {key}{self.rendered({name: entry}, '  ')}"
        gap = "" if self.text[inside:].lstrip(" \t")[:1] in {"\r", "\n"} else self.line_end
        return f"{self.text[:inside]}{table}{gap}{self.text[inside:]}"

    def without(self, path: Path_, keys: Collection[str]) -> str:
        """The text without some members of the object at ``path``, and without the commas that they leave behind."""
        members = self.members(self.start_of(path))
        gone = [one for one in members if one.key in keys]
        kept = [one for one in members if one.key not in keys]
        cuts = [self._cut(one) for one in gone]
        if gone and kept and gone[-1].end == members[-1].end and self.comma_after(gone[-1].end) is None:
            comma = self.comma_after(kept[-1].end)
            cuts += [] if comma is None else [(comma, comma + 1)]
        text = self.text
        for first, last in sorted(cuts, reverse=True):
            text = text[:first] + text[last:]
        return text

    def _cut(self, member: Member) -> tuple[int, int]:
        """A member with its comma; with its lines, where nothing else stands on them."""
        comma = self.comma_after(member.end)
        first, last = member.start, member.end if comma is None else comma + 1
        line = max(self.text.rfind("\n", 0, first), self.text.rfind("\r", 0, first)) + 1
        rest = _REST_OF_LINE.match(self.text, last)
        return (line, rest.end()) if rest and not self.text[line:first].strip(" \t") and line else (first, last)

    def _proven(self, text: str, expected: Mapping[str, Any]) -> str:
        if JsonTables(text, self.file).value != expected:
            raise ConfigurationError("cannot be changed safely; nothing was changed", file=self.file)
        return text
