"""Servers in the text of ``rule-of-two.yaml``: put in, or given to other clients; every other character stays."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter
from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from rule_of_two.errors import ConfigurationError
from rule_of_two.gateway.config import Config, Server
from rule_of_two.yaml_source import parse_yaml

_PLAIN: Final = re.compile(r"[A-Za-z/][A-Za-z0-9/._-]*")
_WORDS: Final = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))
_UNPRINTABLE: Final = re.compile(r"[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]")
_SERVERS: Final = TypeAdapter(dict[str, Server])


def with_servers(text: str, blocks: Mapping[str, Mapping[str, Any]], file: Path) -> str:
    """The text with more servers under ``mcpServers``, proven to say the same otherwise.

    :raises ConfigurationError: it cannot be extended safely.
    """
    if not blocks:
        return text
    before = parse_yaml(text, Config, file)
    new = _extended(text, blocks, file)
    expected = before.servers | _SERVERS.validate_python({name: dict(block) for name, block in blocks.items()})
    return _proven(new, before.model_copy(update={"servers": expected}), file)


def given_to(text: str, name: str, clients: Sequence[str], file: Path) -> str:
    """The text with other ``clients`` for a server that names some, proven to say the same otherwise.

    :raises ConfigurationError: it cannot be changed safely.
    """
    before = parse_yaml(text, Config, file)
    servers = dict(before.servers)
    servers[name] = servers[name].model_copy(update={"clients": tuple(clients)})
    node = _child(_child(_child(_compose(text), "mcpServers"), name), "clients")
    if not isinstance(node, SequenceNode) or not node.flow_style:
        raise ConfigurationError(f"the clients of '{name}' cannot be changed safely: write them as [a, b]", file=file)
    new = f"{text[: node.start_mark.index]}{_flow(list(clients))}{text[node.end_mark.index :]}"
    return _proven(new, before.model_copy(update={"servers": servers}), file)


def block_text(name: str, block: Mapping[str, Any], indent: str, unit: str, line_end: str) -> str:
    """One server as lines of YAML."""
    lines = [f"{indent}{_scalar(name)}:", *(f"{indent}{unit}{key}: {_flow(value)}" for key, value in block.items())]
    return "".join(f"{line}{line_end}" for line in lines)


def _extended(text: str, blocks: Mapping[str, Mapping[str, Any]], file: Path) -> str:
    root = _compose(text)
    servers = _child(root, "mcpServers")
    if not isinstance(servers, MappingNode):
        raise ConfigurationError("cannot be extended safely: 'mcpServers' is no mapping of its own", file=file)
    line_end = "\r\n" if "\r\n" in text else "\n"
    flow = ", ".join(f"{json.dumps(name)}: {_flow(dict(block))}" for name, block in blocks.items())
    start, end = servers.start_mark.index, servers.end_mark.index
    if servers.flow_style and (servers.value or root.flow_style):
        place = int(servers.value[-1][1].end_mark.index) if servers.value else start + 1
        return f"{text[:place]}{', ' if servers.value else ''}{flow}{text[place:]}"
    indent = " " * (servers.value[0][0].start_mark.column if servers.value else 2)
    lines = "".join(block_text(name, block, indent, "  ", line_end) for name, block in blocks.items())
    if not servers.value:
        text = f"{text[:start].rstrip(' ')}{text[end:]}"
        return _after_line(text, len(text[:start].rstrip(" ")), lines, line_end)
    return _after_line(text, _end(servers), lines, line_end)


def _after_line(text: str, place: int, lines: str, line_end: str) -> str:
    if text[place - 1 : place] == "\n":
        return f"{text[:place]}{lines}{text[place:]}"
    at = text.find("\n", place)
    if at < 0:
        return f"{text}{line_end}{lines}"
    return f"{text[: at + 1]}{lines}{text[at + 1 :]}"


def _compose(text: str) -> MappingNode:
    node = YAML(typ="rt", pure=True).compose(text)
    if not isinstance(node, MappingNode):
        raise TypeError("a configuration that was read is a mapping")
    return node


def _child(node: Node | None, key: str) -> Node | None:
    if not isinstance(node, MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def _end(node: Node) -> int:
    """Behind the last character of a value: a block's own end is behind the comments that follow it."""
    while isinstance(node, MappingNode | SequenceNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return int(node.end_mark.index)


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_scalar(key)}: {_flow(one)}' for key, one in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_flow, value))}]"
    return _scalar(value) if isinstance(value, str) else json.dumps(value)


def _scalar(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


def _proven(text: str, expected: Config, file: Path) -> str:
    try:
        same = parse_yaml(text, Config, file) == expected
    except ConfigurationError:
        same = False
    if not same:
        raise ConfigurationError("cannot be extended safely; nothing was changed", file=file)
    return text
