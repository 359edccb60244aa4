"""What is different between two versions of policies and entities, by what they mean: layout and order do not count."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from msgspec import Struct

from rule_of_two.policy.load import Policies


class Change(Struct, frozen=True):
    """Something of one name; ``before`` or ``after`` is ``None`` where it was not, or is not any more."""

    name: str
    before: str | None
    after: str | None

    @property
    def word(self) -> str:
        """How it changed."""
        return "added" if self.before is None else "removed" if self.after is None else "changed"

    def lines(self) -> Iterator[str]:
        """As a unified diff."""
        before, after = ("" if text is None else text for text in (self.before, self.after))
        yield f"{self.name}: {self.word}"
        for line in list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2))[2:]:
            if not line.startswith("@@"):
                yield f"  {line}"


class Changes(Struct, frozen=True):
    """Of policies by ``@id``, of entities, and whether the schema is another one."""

    policies: tuple[Change, ...]
    entities: tuple[Change, ...]
    schema: bool

    @property
    def summary(self) -> str:
        """``+1 -2 ~1 policies, +3 entities``."""
        parts = [_counted(self.policies, "policies"), _counted(self.entities, "entities")]
        return ", ".join([*filter(None, parts), *(["another schema"] if self.schema else [])]) or "nothing that counts"

    def lines(self) -> Iterator[str]:
        """For people."""
        for change in (*self.policies, *self.entities):
            yield from change.lines()
        if self.schema:
            yield "the schema is another one: the package was updated"

    def as_facts(self) -> dict[str, Any]:
        """For scripts."""
        return {
            kind: [{"name": one.name, "change": one.word, "before": one.before, "after": one.after} for one in changes]
            for kind, changes in (("policies", self.policies), ("entities", self.entities))
        } | {"schema": self.schema}


def changes(before: Policies, after: Policies) -> Changes:
    """From one version to another."""
    meant = [{name: one.tree for name, one in policies.by_id.items()} for policies in (before, after)]
    texts = [{name: one.text for name, one in policies.by_id.items()} for policies in (before, after)]
    described = [{_name(one): _entity(one) for one in policies.directory} for policies in (before, after)]
    return Changes(
        _changed(meant[0], meant[1], texts[0], texts[1], "policy"),
        _changed(described[0], described[1], described[0], described[1], "entity"),
        before.parts["schema"] != after.parts["schema"],
    )


def _changed(
    old: Mapping[str, str], new: Mapping[str, str], before: Mapping[str, str], after: Mapping[str, str], kind: str
) -> tuple[Change, ...]:
    names = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    return tuple(Change(f"{kind} {name}", before.get(name), after.get(name)) for name in names)


def _counted(found: tuple[Change, ...], what: str) -> str:
    signs = {"added": "+", "removed": "-", "changed": "~"}
    counts = {word: sum(one.word == word for one in found) for word in signs}
    told = " ".join(f"{signs[word]}{count}" for word, count in counts.items() if count)
    return f"{told} {what}" if told else ""


def _name(entity: Mapping[str, Any]) -> str:
    return f'{entity["uid"]["type"]}::"{entity["uid"]["id"]}"'


def _entity(entity: Mapping[str, Any]) -> str:
    return orjson.dumps(entity, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2).decode()
