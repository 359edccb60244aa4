"""``rule-of-two manifest show``: what a manifest says, in words."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rule_of_two.cli.main import Context
from rule_of_two.cli.names import manifests
from rule_of_two.cli.output import print_json
from rule_of_two.errors import ConfigurationError
from rule_of_two.escape import visible
from rule_of_two.gateway.config import found_config
from rule_of_two.gateway.manifests_in_use import InUse, manifests_in_use
from rule_of_two.manifests.document import ManifestDocument
from rule_of_two.manifests.explanation import Explained, Explanation, in_words
from rule_of_two.manifests.load import find_manifest
from rule_of_two.manifests.parameters import Bound, bind
from rule_of_two.model import label_text
from rule_of_two.yaml_source import locate_yaml, nearest, read_yaml

_PLAIN_WIDTH: Final = 160
_UNARGUED: Final = "(not argued)"


@click.command()
@click.argument("name", metavar="NAME", shell_complete=manifests)
@click.argument("tool", required=False)
@click.pass_obj
def show(context: Context, name: str, tool: str | None) -> None:
    """Explain a manifest: a server of your configuration, a shipped one by name, or a file; or one TOOL of it.

    Of a server of your configuration it is shown as it is mounted, with your parameters filled in. A resource is named
    by its pattern, and a prompt as a tool.

    \b
    Examples:
      rule-of-two manifest show filesystem
      rule-of-two manifest show filesystem edit_file
    """
    config, path = found_config(context.config)
    used = () if config is None else manifests_in_use(config, path.parent)
    server = next((one for one in used if one.name == name), None)
    file = _file(name, server)
    text = read_yaml(file)
    located = locate_yaml(text, ManifestDocument, file)
    explained = Explained(located, text, None if server is None else _bound(located.value, server))
    entries = list(explained.entries())
    if tool is not None:
        entries = _only(entries, tool, file)
    if context.json:
        dumped = located.value.model_dump(mode="json", by_alias=True, exclude_none=True)
        print_json({**dumped, "file": str(file), "explained": [entry.as_facts() for entry in entries]})
        return
    page = _details(entries) if tool is not None else _overview(explained, entries, name, file, server)
    Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH, highlight=False).print(page)


def _file(name: str, server: InUse | None) -> Path:
    if server is None:
        return find_manifest(name, relative_to=Path.cwd(), folders=())
    if server.file is None:
        raise ConfigurationError(
            f"the server '{name}' has no manifest, so everything it does is [A][B][C]; "
            f"`rule-of-two manifest draft {name}` writes one"
        )
    return server.file


def _bound(document: ManifestDocument, server: InUse) -> Mapping[str, Bound]:
    specs = document.fillable
    types = {name: spec.type for name, spec in specs.items()}
    initial = {name: spec.initial for name, spec in specs.items()}
    return bind(types, initial, server.server.parameters, server=document.server)


def _only(entries: list[Explanation], name: str, file: Path) -> list[Explanation]:
    found = [entry for entry in entries if entry.name == name]
    if not found:
        known = [entry.name for entry in entries]
        hint = nearest(name, known) or "; it has " + ", ".join(known)
        raise ConfigurationError(f"has no '{name}'{hint}", file=file)
    return found


def _overview(explained: Explained, entries: list[Explanation], name: str, file: Path, server: InUse | None) -> Group:
    document = explained.document
    parts: list[Any] = [Text(f"{visible(document.server)}: {visible(document.source) or 'its source is not named'}")]
    if explained.preface:
        parts.append(Text(visible(explained.preface), style="dim"))
    mounted = "" if server is None else f", mounted as {visible(name)}"
    parts += [Text(f"{visible(str(file))}{mounted}", style="dim"), Text("")]
    table = Table(box=None, pad_edge=False)
    for heading in ("", "labels", "why, and what it reaches"):
        table.add_column(heading, no_wrap=heading == "labels", overflow="fold")
    for entry in entries:
        more = [f"{heading} {sentence}" for heading, sentence in entry.lines if heading == "reaches"]
        rules = sum(heading.startswith("rule ") for heading, _ in entry.lines)
        more += [f"{rules} rules"] if rules > 1 else ["1 rule"] if rules else []
        table.add_row(
            Text(visible(entry.name)),
            Text(label_text(entry.labels)),
            Text("\n".join((visible(entry.why) or _UNARGUED, *([visible(" · ".join(more))] if more else [])))),
        )
    parts.append(table)
    parameters = list(explained.parameters())
    if parameters:
        parts += [Text(""), Text("What you can fill in, under `parameters:` of the server:")]
        parts += [Padding(Text(f"{visible(one)}: {visible(takes)}"), (0, 0, 0, 2)) for one, takes in parameters]
    parts += [Text(""), Text(f"One tool with its rules: rule-of-two manifest show {visible(name)} TOOL", style="dim")]
    return Group(*parts)


def _details(entries: list[Explanation]) -> Group:
    parts: list[Any] = []
    for entry in entries:
        parts.append(Text(f"{entry.section} {visible(entry.name)}", style="bold"))
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for heading, sentence in (
            ("labels", in_words(entry.labels)),
            ("why", entry.why or _UNARGUED),
            *entry.lines,
        ):
            table.add_row(Text(heading, style="dim"), Text(visible(sentence)))
        parts.append(Padding(table, (0, 0, 0, 2)))
    return Group(*parts)
