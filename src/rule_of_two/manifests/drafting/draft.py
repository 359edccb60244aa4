"""A manifest for a server that has none: worst case first, with what it seems to do beside it, for a person to judge.

INVARIANT: every entry is [A, B, C] but for those that a person took a suggestion for
(test_a_draft_is_the_worst_case_whatever_the_server_says).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from rule_of_two.errors import ConfigurationError
from rule_of_two.escape import name_warning, visible
from rule_of_two.manifests.document import ManifestDocument
from rule_of_two.manifests.drafting.suggest import Suggestion, as_text, suggest, suggest_prompt, suggest_resource
from rule_of_two.manifests.drafting.written import key, mapping, pointers, text, told
from rule_of_two.manifests.offer import Offer, OfferedTool
from rule_of_two.manifests.recognise import Launch, identify
from rule_of_two.manifests.uri import UriGlob
from rule_of_two.model import ALL, Labels
from rule_of_two.records import replace
from rule_of_two.yaml_source import parse_yaml

MOST_RESOURCES: Final = 200
"""Resources that are written; what a server lists is often data, which comes and goes."""
_UNFIT: Final = re.compile(r"[^A-Za-z0-9._-]+")
_VARIABLE: Final = re.compile(r"\{([+/#.;?&]?)[^{}]*\}")
_LONGEST_NOTE: Final = 300
_LONGEST_KEY: Final = 1000
"""Characters of a key as it is written: YAML 1.2 allows 1024."""
_WORST: Final = "worst case: nobody has judged it yet"
_PATHWARD: Final = frozenset(("+", "/", "#"))


class Judged(Struct, frozen=True):
    """What a person said of one tool: its labels, in place of the worst case, and why."""

    labels: Labels
    why: str


class Draft(Struct, frozen=True):
    """A manifest as text, which loads, and what it was made of. ``left_out`` says what is not in it, and why."""

    text: str
    document: ManifestDocument
    suggestions: Mapping[str, Suggestion]
    left_out: tuple[str, ...] = ()


def draft(
    offer: Offer,
    *,
    server: str,
    on: date,
    launch: Launch | None = None,
    judged: Mapping[str, Judged] | None = None,
) -> Draft:
    """Write a manifest for what a server offers.

    :param server: its name; characters that a manifest's name cannot have become ``-``.
    :param on: the date that is noted as its source.
    :param launch: how it is mounted: by that it is recognised from now on, where that can be said.
    :param judged: what a person said of single tools. All others are [A, B, C].
    :raises ConfigurationError: the text that was made is no manifest, or another one than was meant.
    """
    offer = _writable(offer)
    writing = _Writing(offer, _UNFIT.sub("-", server).strip("-._")[:64] or "server", on, judged or {})
    written = "\n".join(writing.lines(launch)) + "\n"
    document = parse_yaml(written, ManifestDocument, Path(f"{writing.server}.yaml"))
    meant = {tool.name: writing.labels_of(tool) for tool in offer.tools}
    said = {name: spec.labels for name, spec in document.tools.items()}
    if said != meant or {*document.prompts} != {prompt.name for prompt in offer.prompts}:
        raise ConfigurationError("the draft does not say what was meant; write this manifest by hand")
    return Draft(written, document, writing.suggestions, tuple(writing.left_out))


def _writable(offer: Offer) -> Offer:
    """Without entries whose names are too long for a key of YAML."""
    tools = tuple(tool for tool in offer.tools if len(key(tool.name)) <= _LONGEST_KEY)
    prompts = tuple(prompt for prompt in offer.prompts if len(key(prompt.name)) <= _LONGEST_KEY)
    lost = len(offer.tools) - len(tools) + len(offer.prompts) - len(prompts)
    return replace(offer, tools=tools, prompts=prompts, left_out=offer.left_out + lost)


class _Writing(Struct):
    offer: Offer
    server: str
    on: date
    judged: Mapping[str, Judged]
    suggestions: dict[str, Suggestion] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    """Sentences in which all that is the server's is escaped."""

    def labels_of(self, tool: OfferedTool) -> Labels:
        said = self.judged.get(tool.name)
        return ALL if said is None else said.labels

    def lines(self, launch: Launch | None) -> Iterator[str]:
        resources = list(self._resources())
        if self.offer.note:
            self.left_out.append(visible(self.offer.note)[:_LONGEST_NOTE])
        if self.offer.left_out:
            self.left_out.append(
                f"{self.offer.left_out} entries without a usable name, named twice, or beyond what is looked at"
            )
        yield f"# Drafted by `rule-of-two manifest draft` on {self.on.isoformat()} from what the server lists."
        yield "# What is `suggested` is not in force: nothing is lowered until a person does it. Read what each tool"
        yield "# does, change its labels, and write beside them why. `rule-of-two manifest lint` checks the file."
        for line in self.left_out:
            yield f"# Not in here, and so [A, B, C]: {line}."
        yield "version: 1"
        yield f"server: {text(self.server) if self.server[0].isdigit() else key(self.server)}"
        yield f"source: {text(self._source())}"
        yield from _match(launch)
        yield ""
        yield from self._tools()
        if resources:
            yield "resources:"
            yield from resources
        yield from self._prompts()

    def _source(self) -> str:
        said = " ".join(part for part in (self.offer.server, self.offer.version) if part)[:120]
        protocol = f", MCP {self.offer.protocol[:40]}" if self.offer.protocol else ""
        return f"{visible(said) or self.server}{visible(protocol)}, tools/list of {self.on.isoformat()}, drafted"

    def _tools(self) -> Iterator[str]:
        if not self.offer.tools:
            yield "tools: {}"
            return
        yield "tools:"
        near = _alike([tool.name for tool in self.offer.tools])
        for tool in self.offer.tools:
            found = suggest(tool)
            self.suggestions[tool.name] = found
            yield f"  {key(tool.name)}:"
            if tool.name in near:
                yield f"    # LOOK AT THIS NAME: {near[tool.name]}"
            if tool.description:
                yield f"    # the server says {told(tool.description)}"
            yield from self._judgement(tool, found)
            yield from _facts(found)

    def _judgement(self, tool: OfferedTool, found: Suggestion) -> Iterator[str]:
        said = self.judged.get(tool.name)
        if said is None:
            yield from _suggested(found)
            yield f"    labels: [A, B, C] # {_WORST}"
            return
        yield f"    labels: {as_text(said.labels)} # {visible(' '.join(said.why.split()))[:200] or 'by hand'}"

    def _resources(self) -> Iterator[str]:
        globs: dict[str, str] = {}
        for uri in (*self.offer.templates, *self.offer.resources[:MOST_RESOURCES]):
            glob = _glob(uri, template=uri in self.offer.templates)
            if glob is None:
                self.left_out.append(f"the resource {told(uri)}, whose address makes no pattern")
            elif glob not in globs:
                globs[glob] = uri
        if len(self.offer.resources) > MOST_RESOURCES:
            self.left_out.append(f"{len(self.offer.resources) - MOST_RESOURCES} more resources")
        for glob, uri in globs.items():
            yield f"  - uri: {text(glob)}"
            yield from _suggested(suggest_resource(uri))
            yield f"    labels: [A, B, C] # {_WORST}"
            yield "    reads: store"

    def _prompts(self) -> Iterator[str]:
        if not self.offer.prompts:
            return
        yield "prompts:"
        for prompt in self.offer.prompts:
            found = suggest_prompt(prompt)
            yield f"  {key(prompt.name)}:"
            if prompt.description:
                yield f"    # the server says {told(prompt.description)}"
            yield from _suggested(found)
            yield f"    labels: [A, B, C] # {_WORST}"
            if found.arguments.targets:
                yield f"    targets: {mapping(found.arguments.targets)}"


def _suggested(found: Suggestion) -> Iterator[str]:
    yield f"    # suggested: {as_text(found.labels)}"
    for reason in found.reasons:
        yield f"    #   {reason}"
    for note in found.notes:
        yield f"    #   note: {note}"


def _facts(found: Suggestion) -> Iterator[str]:
    """What can be said at once, since it makes nothing looser."""
    if found.arguments.targets:
        yield f"    targets: {mapping(found.arguments.targets)}"
    yield "    reads: store"
    if found.arguments.secrets:
        yield f"    secrets: {pointers(found.arguments.secrets)}"


def _match(launch: Launch | None) -> Iterator[str]:
    origin = None if launch is None else identify(launch)
    if origin is None or origin.runs is not None:
        yield "# No `match:` could be told from how it is started: name this file as `manifest:` of the server."
        return
    yield f"match: {{{origin.kind}: {text(origin.name)}}}"


def _glob(uri: str, *, template: bool) -> str | None:
    """The pattern of a URI, or of a template; ``None`` where none says just that."""
    if "*" in (_VARIABLE.sub("", uri) if template else uri):
        return None
    pattern = _VARIABLE.sub(lambda match: "**" if match[1] in _PATHWARD else "*", uri) if template else uri
    try:
        return UriGlob.parse(pattern).text
    except ValueError:
        return None


def _alike(names: Sequence[str]) -> dict[str, str]:
    """Names that a person could take for another, each with why."""
    seen: dict[str, str] = {}
    found: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"[^a-z0-9]", "", name.lower())
        if plain in seen:
            found[name] = f"it differs from {told(seen[plain])} only in case, signs or hidden characters"
        elif not name.isascii():
            warning = name_warning(name)
            found[name] = f"it reads {told(name)}{f', {warning}' if warning else ''}"
        seen.setdefault(plain, name)
    return found
