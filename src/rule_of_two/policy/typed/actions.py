"""Policies that name a tool's action: each checked against the tool's pinned definition, and what they read of its
arguments.

A policy that does not validate against the definition is set aside, and every call of each tool that it names is denied
until it does: a forbid that is not evaluated forbids nothing. Other tools go on.
# INVARIANT: a tool with a policy that is set aside is never called; tests/policy/typed/test_actions.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any, Final

import cedarpy
from msgspec import Struct

from rule_of_two.policy.statements import Statement
from rule_of_two.policy.syntax import Grammar
from rule_of_two.policy.trees import Path, Tree, actions_of, context_reads
from rule_of_two.policy.typed.definitions import ToolDefinition
from rule_of_two.policy.typed.schema import TypedSchema, typed_schema, with_actions
from rule_of_two.policy.typed.shapes import Choice, Record, Shape
from rule_of_two.yaml_source import nearest

INPUT: Final = "input"
_OF_TOOLS: Final = "__"


class TypedAction(Struct, frozen=True):
    """The action of one tool that a policy names. ``input`` is what policies read of its arguments; ``problem``, if it
    is not empty, is why every call of it is denied. ``text`` is the schema."""

    id: str
    text: str
    schema: cedarpy.Schema | None
    input: Record
    problem: str = ""
    policies: tuple[str, ...] = ()
    """The ``@id`` of those that do not validate."""


class TypedGrammar(Grammar):
    """The schema, and that of every pinned tool that a statement names.

    # INVARIANT: a statement about other requests than calls of named tools is checked as without it;
    # tests/policy/typed/test_actions.py.
    """

    def __init__(self, text: str, definitions: Sequence[ToolDefinition]) -> None:
        """:raises PolicyError: ``text`` is no Cedar schema, or the generator is not installed."""
        super().__init__(text)
        self._text = text
        self._typed: TypedSchema = typed_schema(text, definitions)
        self._grammars: dict[frozenset[str], Grammar] = {}
        self._read: dict[str, set[str]] = {}
        self._problems: dict[str, list[tuple[str, str]]] = {}
        self.set_aside: set[str] = set()
        """The ``@id`` of every policy that does not validate."""

    def check(self, statement: Statement, name: str, tree: Tree) -> None:
        """Check a statement against the schema of what it is about.

        :raises PolicyError: it is about calls of named tools and about more; or it is not, and does not validate.
        """
        tools = tools_of(tree)
        if not tools:
            if read_of_input(tree):
                raise statement.error(
                    "context.input is one tool's; name its action in the head, as in "
                    'action == Gateway::Action::"git__git_status"',
                    name,
                )
            super().check(statement, name, tree)
            return
        if len(tools) < len(actions_of(tree)):
            raise statement.error("names actions of tools and others in one head; write a policy for each", name)
        paths = read_of_input(tree)
        problem = self._problem(statement, tools, paths)
        for tool in tools:
            known = self._typed.tools.get(tool)
            every = known.input.attributes if known is not None and () in paths else ()
            self._read.setdefault(tool, set()).update(every, (path[0] for path in paths if path))
            if problem is not None:
                self.set_aside.add(name)
                self._problems.setdefault(tool, []).append((name, str(statement.error(problem, name))))

    def _problem(self, statement: Statement, tools: frozenset[str], paths: frozenset[Path]) -> str | None:
        known = self._typed.tools
        for tool in sorted(tools - known.keys()):
            said = "; ".join(self._typed.problems.get(tool, ()))
            server = tool.partition(_OF_TOOLS)[0]
            pin = f"; mount its server once, or run `rule-of-two manifest pin {server} --accept`"
            why = said or f"no pinned tool is called so{nearest(tool, list(known)) or pin}"
            return f"'{tool}' has no action: {why}"
        # Cedar takes `context.input has nmae` for false, and what is behind it for never evaluated.
        for tool, path in product(sorted(tools), sorted(paths)):
            if absent := _absent(known[tool].input, path):
                return f"'{tool}' has no argument {absent}"
        grammar = self._grammars.get(tools)
        if grammar is None:
            grammar = Grammar(with_actions(self._text, {tool: known[tool].input for tool in tools}))
            self._grammars[tools] = grammar
        return grammar.problem(statement.text)

    def whole(self) -> tuple[str, cedarpy.Schema]:
        """The schema with the actions of all tools that statements named and fit, as text and for the engine."""
        fit = self._read.keys() & self._typed.tools.keys() - self._problems.keys()
        text = with_actions(self._text, {tool: self._typed.tools[tool].input for tool in fit})
        return text, cedarpy.Schema.from_str(text)

    def actions(self) -> dict[str, TypedAction]:
        """The actions of all tools that statements named, each with what they read of its arguments."""
        return {tool: self._action(tool, read) for tool, read in sorted(self._read.items())}

    def _action(self, tool: str, read: set[str]) -> TypedAction:
        problems = self._problems.get(tool)
        if problems:
            return TypedAction(tool, "", None, Record({}), problems[0][1], tuple(name for name, _ in problems))
        record = self._typed.tools[tool].input.only(read)
        text = with_actions(self._text, {tool: record})
        return TypedAction(tool, text, cedarpy.Schema.from_str(text), record)


def problems_of(actions: Iterable[TypedAction]) -> list[str]:
    """What does not validate against pinned definitions: one sentence each, with file, line and ``@id``."""
    return sorted({action.problem for action in actions if action.problem})


def tools_of(tree: Mapping[str, Any]) -> frozenset[str]:
    """The tools whose actions a policy names in its head."""
    return frozenset(name for name in actions_of(tree) if _OF_TOOLS in name)


def read_of_input(tree: Mapping[str, Any]) -> frozenset[Path]:
    """What a policy reads of ``context.input``, as paths of names; the empty one: all of it, or it cannot be told."""
    return frozenset(path[1:] for path in context_reads(tree) if path[:1] in {(), (INPUT,)})


def _absent(record: Record, path: Path) -> str:
    """The first name of a path that is not there; the empty text if all are."""
    shape: Shape = record
    for name in path:
        if isinstance(shape, Choice):
            shape = shape.record
        if not isinstance(shape, Record):
            break
        if name not in shape.attributes:
            return f"'{'.'.join(path)}'{nearest(name, list(shape.attributes))}"
        shape = shape.attributes[name].shape
    return ""
