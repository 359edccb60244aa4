"""Pages of the reference, written from the code that they are about."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import click

from rule_of_two.cli.main import cli
from rule_of_two.errors import Code
from rule_of_two.gateway.config import Config
from rule_of_two.gateway.results import NEXT_STEP
from rule_of_two.manifests.document import ManifestDocument
from rule_of_two.manifests.load import list_manifests
from rule_of_two.model import label_text
from scripts.schemas import schema_of

_WIDTH: Final = 88


def commands() -> str:
    """What each command says of itself."""
    intro = """# Commands

Exit 0: done. 1: the answer is no. 2: usage or configuration. `--json`, before the command, prints facts for scripts.
"""
    return "\n".join([intro, *_command(cli, click.Context(cli, info_name="rule-of-two"), 2)])


def _command(command: click.Command, context: click.Context, depth: int) -> Iterator[str]:
    context.max_content_width = context.terminal_width = _WIDTH
    yield f"{'#' * min(depth, 4)} {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None:
                yield from _command(below, click.Context(below, parent=context, info_name=name), depth + 1)


def codes() -> str:
    """Why something was not carried out, and what comes next."""
    intro = """# Codes

Stable: scripts and policies can rely on them. A tool call that was not carried out returns a result with
`isError: true`, other requests the JSON-RPC error -32050; both carry the code in `_meta["rule-of-two/decision"]`, or in
`data`.

| code | what comes next |
|---|---|"""
    return "\n".join([intro, *(f"| `{code}` | {NEXT_STEP.get(code, '')} |" for code in Code)])


def configuration() -> str:
    """Every key of the configuration."""
    schema = schema_of(Config)
    intro = """# Configuration

`rule-of-two.yaml`. Unknown keys are errors that name the key, its line and the nearest known one. For editors:
[JSON Schema](../src/rule_of_two/schemas/configuration.schema.json).
"""
    return "\n".join([intro, *_model("The file", schema, schema["$defs"])])


def manifest_files() -> str:
    """Every key of a manifest."""
    schema = schema_of(ManifestDocument)
    intro = """# Manifest files

One YAML file a server. For editors: [JSON Schema](../src/rule_of_two/schemas/manifest.schema.json).
"""
    return "\n".join([intro, *_model("The file", schema, schema["$defs"])])


def _model(title: str, schema: Mapping[str, Any], below: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {title}\n"
    if title != "The file" and schema.get("description"):
        yield f"{_prose(schema['description'])}\n"
    yield "| key | type | default | |\n|---|---|---|---|"
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        default = "required" if name in required else _code(field.get("default"))
        yield f"| `{name}` | {_type(field)} | {default} | {_prose(field.get('description', ''))} |"
    yield ""
    for name, definition in below.items():
        if definition.get("type") == "object" and "properties" in definition:
            yield from _model(name, definition, {})


def _code(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return "" if value is None else f"`{text}`" if len(text) < 60 else "see below"


def _type(field: Mapping[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_type(one) for one in field["anyOf"] if one.get("type") != "null"))
    if "$ref" in field:
        name = str(field["$ref"]).rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in field or "const" in field:
        return " or ".join(f"`{one}`" for one in field.get("enum", [field.get("const")]))
    inner = _inner(field)
    word = {"array": "list", "object": "map"}.get(field.get("type", ""), field.get("type", "anything"))
    return f"{word} of {_type(inner)}" if inner else word


def _inner(field: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The schema of a list's elements, or of a map's values."""
    values = [field.get("items"), *field.get("patternProperties", {}).values(), field.get("additionalProperties")]
    return next((one for one in values if isinstance(one, Mapping) and one), None)


def _prose(text: str) -> str:
    return " ".join(text.replace("``", "`").replace("|", "\\|").split())


def manifests() -> str:
    """Every shipped manifest: its source, and the labels of each tool."""
    documents = list_manifests(())
    tools = sum(len(one.tools) for one in documents)
    intro = f"""# Shipped manifests

{len(documents)} servers, {tools} tools. [A] reads untrustworthy input, [B] reaches private data or sensitive systems,
[C] changes state or communicates; +n: rules by which arguments say otherwise.
"""
    lines = [intro]
    for one in documents:
        lines += [f"## {one.server}\n", f"{_prose(one.source)}\n", "| tool | labels |\n|---|---|"]
        for name, spec in one.tools.items():
            rules = f" +{len(spec.rules)}" if spec.rules else ""
            lines.append(f"| `{name}` | {label_text(spec.labels)}{rules} |")
        lines.append("")
    return "\n".join(lines)


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "reference/commands.md": commands,
    "reference/configuration.md": configuration,
    "reference/manifest-files.md": manifest_files,
    "reference/manifests.md": manifests,
    "reference/codes.md": codes,
}
