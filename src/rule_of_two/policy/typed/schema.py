"""The schema with the actions of tools: each a child of ``call_tool``, whose context has its arguments as ``input``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from rule_of_two.errors import PolicyError
from rule_of_two.policy.typed.definitions import Generate, ToolDefinition, ToolShape, generator, shape_of
from rule_of_two.policy.typed.shapes import Record

_USE: Final = re.compile(r"type Use = \{\n(.*?)\n  \};", re.DOTALL)
_ID: Final = re.compile(r"[A-Za-z0-9_.\-/ ]{1,200}")
_ACTION: Final = re.compile(r'action "(\w+)"')


class TypedSchema(Struct, frozen=True):
    """A schema text with the actions of ``tools``. ``problems`` says, of each tool, what policies cannot read of it;
    one that is not among ``tools`` has no action."""

    text: str
    tools: Mapping[str, ToolShape]
    problems: Mapping[str, tuple[str, ...]]


def typed_schema(base: str, definitions: Iterable[ToolDefinition], *, generate: Generate | None = None) -> TypedSchema:
    """The schema of all tools whose definitions are given. One odd tool never spoils the rest.

    :raises PolicyError: the generator is not installed.
    """
    generate = generate or generator()
    tools: dict[str, ToolShape] = {}
    problems: dict[str, tuple[str, ...]] = {}
    own = set(_ACTION.findall(base))
    for definition in definitions:
        name = definition.id
        if name in tools or name in problems:
            tools.pop(name, None)
            problems[name] = (f"two tools are called '{name[:200]}', so neither has an action",)
        elif not _ID.fullmatch(name) or name in own:
            problems[name] = ("its name cannot be an action's",)
        else:
            tools[name] = shape_of(definition, generate)
            if tools[name].problems:
                problems[name] = tools[name].problems
    return TypedSchema(with_actions(base, {name: one.input for name, one in tools.items()}), tools, problems)


def with_actions(base: str, inputs: Mapping[str, Record]) -> str:
    """The schema text with an action for each tool.

    :raises PolicyError: ``base`` is not the shipped schema.
    """
    use = _USE.search(base)
    end = base.rstrip()
    if use is None or not end.endswith("}"):
        raise PolicyError("the policy schema has no type Use that tools could extend; reinstall mcp-rule-of-two")
    return end[:-1] + "".join(_action(name, one, use[1]) for name, one in sorted(inputs.items())) + "}\n"


def _action(name: str, record: Record, use: str) -> str:
    return f"""
  // tools/call of one tool, by its pinned definition
  action "{name}" in ["call_tool"] appliesTo {{
    principal: [Session],
    resource: [Tool],
    context: {{
{use}
    input: {record.text(2)},
    }},
  }};
"""
