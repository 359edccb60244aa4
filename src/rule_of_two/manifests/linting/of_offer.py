"""A manifest against what its server lists: names, pointers into schemas, arguments that reach somewhere, hints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rule_of_two.json_pointer import pointer_of, tokens_of
from rule_of_two.manifests.document import ManifestDocument, PromptSpec, ToolSpec
from rule_of_two.manifests.drafting.arguments import kind_of
from rule_of_two.manifests.entry import hinted
from rule_of_two.manifests.linting.finding import Found, Subject
from rule_of_two.manifests.offer import Offer, OfferedTool
from rule_of_two.manifests.schema_places import Place, leads, places
from rule_of_two.manifests.tool_words import named
from rule_of_two.manifests.uri import UriGlob, is_plain_uri
from rule_of_two.model import ORDER
from rule_of_two.yaml_source import nearest

_DEMANDED: Final = frozenset(("url", "host", "recipient", "amount", "command"))
"""Kinds of argument that have to be declared; a path only where the manifest declares paths at all."""


def of_offer(subject: Subject) -> Iterator[Found]:
    """Where the manifest and the server do not agree; nothing where it is not known what the server lists."""
    if subject.offer is None:
        return
    yield from _names(subject.document, subject.offer)
    local = any(target.kind == "path" for spec in subject.document.tools.values() for target in spec.targets.values())
    for tool in subject.offer.tools:
        spec = subject.document.tools.get(tool.name)
        if spec is None:
            continue
        yield from _hints(tool, spec)
        if tool.schema is not None:
            yield from _dead_pointers(tool.name, tool.schema, spec)
            yield from _missing_targets(tool.name, tool.schema, spec, local=local)
            yield from _impossible_values(tool.name, tool.schema, spec)


def _names(document: ManifestDocument, offer: Offer) -> Iterator[Found]:
    kinds = [("tool", "tools", [tool.name for tool in offer.tools], list(document.tools))]
    if offer.complete:
        kinds.append(("prompt", "prompts", [one.name for one in offer.prompts], list(document.prompts)))
    for kind, section, listed, written in kinds:
        for name in listed:
            if name not in written:
                problem = f"the server has a {kind} '{name}', which is not in here and so [A][B][C]"
                yield Found(f"missing-{kind}", (section,), problem, f"add it under {section}{nearest(name, written)}")
        for name in written:
            if name not in listed:
                suggestion = f"take it out{nearest(name, listed)}"
                yield Found(f"invented-{kind}", (section, name), f"the server lists no {kind} '{name}'", suggestion)
    globs = [UriGlob.parse(resource.uri) for resource in document.resources]
    for uri in offer.resources:
        if not is_plain_uri(uri) or not any(glob.matches(uri) for glob in globs):
            problem = f"the resource {uri[:200]} matches no pattern, and so is [A][B][C]"
            yield Found("missing-resource", ("resources",), problem, "add a pattern under resources")


def _pointers(spec: ToolSpec) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every pointer that an entry says, and where it stands in the file."""
    for name, target in spec.targets.items():
        yield from ((("targets", name), pointer) for pointer in target.at)
    for what, stored in (("reads", spec.reads), ("writes", spec.writes)):
        for kind, at in () if stored is None else stored.at.items():
            yield from (((what, kind), pointer) for pointer in at)
    for number, rule in enumerate(spec.rules):
        for name in rule.when:
            if name not in spec.targets:
                yield ("rules", number, "when", name), pointer_of((name,))
    yield from ((("secrets",), pointer) for pointer in spec.secrets)
    yield from ((("opaque",), pointer) for pointer in spec.opaque)
    yield from ((("arguments", "cap", pointer), pointer) for pointer in spec.arguments.cap)


def _dead_pointers(tool: str, schema: Mapping[str, Any], spec: ToolSpec) -> Iterator[Found]:
    for where, pointer in _pointers(spec):
        if not leads(schema, pointer):
            known = [place.pointer for place in places(schema)]
            hint = nearest(pointer, known) or f"; it has {', '.join(known[:12]) or 'no arguments'}"
            problem = f"{tool} has no argument {pointer}"
            yield Found("dead-pointer", ("tools", tool, *where), problem, f"correct it{hint}")


def _missing_targets(tool: str, schema: Mapping[str, Any], spec: ToolSpec, *, local: bool) -> Iterator[Found]:
    covered = [tokens_of(pointer) for _, pointer in _pointers(spec)]
    covered += [tokens_of(term.pointer) for term in spec.arguments.terms]
    name = named(tool)
    found = places(schema)
    for place in found:
        kind = kind_of(place, name, found)
        if kind is None or not (kind in _DEMANDED or (kind == "path" and local)) or _is_excused(kind, spec):
            continue
        if not any(_touch(tokens_of(place.pointer), other) for other in covered) and not _is_outer(place, found):
            problem = f"{tool} takes a {kind} at {place.pointer}, which is no target"
            suggestion = f"add `targets: {{{kind}: {place.pointer}}}`"
            yield Found("missing-target", ("tools", tool), problem, suggestion)


def _is_excused(kind: str, spec: ToolSpec) -> bool:
    """Whether an argument of that kind says nothing of where a call reaches: a tool that only answers, with nothing
    that leaves, compares a host or a command with what it has."""
    return kind != "url" and "C" not in spec.labels


def _touch(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether one is the other, or contains it."""
    length = min(len(one), len(other))
    return one[:length] == other[:length]


def _is_outer(place: Place, found: tuple[Place, ...]) -> bool:
    """Whether it is a list or object that has places of its own."""
    return any(other.pointer.startswith(f"{place.pointer}/") for other in found)


def _hints(tool: OfferedTool, spec: PromptSpec) -> Iterator[Found]:
    added = [label for label in ORDER if label in hinted(tool.annotations) - spec.labels]
    if added:
        problem = f"{tool.name}'s own hints add {' and '.join(added)}, so every call carries more than its labels say"
        yield Found("hint-adds", ("tools", tool.name, "labels"), problem, "add it, and say why")


def _impossible_values(tool: str, schema: Mapping[str, Any], spec: ToolSpec) -> Iterator[Found]:
    """Rules that compare an argument with a value that its schema does not allow."""
    limited = {place.pointer: place.values for place in places(schema) if place.bounded}
    for number, rule in enumerate(spec.rules):
        for name, condition in rule.when.items():
            target = spec.targets.get(name)
            at = [pointer_of((name,))] if target is None else list(target.at)
            allowed = [limited[pointer] for pointer in at if pointer in limited]
            written = condition.operators
            values = (*written.get("in", ()), *((written["equals"],) if "equals" in written else ()))
            if allowed and values and not any(value in known for known in allowed for value in values):
                problem = f"rule {number + 1} of {tool} never holds: {name} is never one of its values"
                some = ", ".join(str(value) for value in allowed[0][:8])
                where = ("tools", tool, "rules", number)
                yield Found("never-rule", where, problem, f"it can be {some}")
