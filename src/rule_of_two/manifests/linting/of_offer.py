"""A manifest against what its server lists: names, pointers into schemas, arguments that reach somewhere, hints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from rule_of_two.json_pointer import pointer_of
from rule_of_two.manifests.document import ManifestDocument, ToolSpec
from rule_of_two.manifests.hints import HINT_NAMES, HintName, hinted, sent_hints
from rule_of_two.manifests.linting.finding import Found, Subject
from rule_of_two.manifests.linting.of_arguments import missing_targets
from rule_of_two.manifests.offer import Offer, OfferedTool
from rule_of_two.manifests.schema_places import Place, leads, places
from rule_of_two.manifests.uri import UriGlob, is_plain_uri
from rule_of_two.model import ORDER
from rule_of_two.yaml_source import nearest

_LONGEST: Final = 200
_MOST_OTHERS: Final = 100


def of_offer(subject: Subject) -> Iterator[Found]:
    """Where the manifest and the server do not agree; nothing where it is not known what the server lists."""
    if subject.offer is None:
        return
    yield from _names(subject.document, subject.offer)
    yield from _known_everywhere(subject, subject.offer)
    pairs = list(_pairs(subject.document, subject.offer))
    paths = _paths(pairs)
    for pair in pairs:
        yield from _hints(pair.tool, pair.spec, subject.document)
        if pair.tool.schema is not None:
            yield from _dead_pointers(pair, pair.tool.schema)
            yield from missing_targets(pair.tool.name, pair.places, pair.spec, pair.named_at, paths)
            yield from _impossible_values(pair)


class _Pair(Struct, frozen=True):
    """A tool that is both listed and written. ``places`` is empty where its schema is not known."""

    tool: OfferedTool
    spec: ToolSpec
    places: tuple[Place, ...]

    @property
    def named_at(self) -> tuple[str, ...]:
        return tuple(pointer for _, pointer in pointers_of(self.spec))


def _pairs(document: ManifestDocument, offer: Offer) -> Iterator[_Pair]:
    for tool in offer.tools:
        spec = document.tools.get(tool.name)
        if spec is not None:
            yield _Pair(tool, spec, () if tool.schema is None else places(tool.schema).found)


def _names(document: ManifestDocument, offer: Offer) -> Iterator[Found]:
    kinds = [("tool", "tools", {tool.name: 0 for tool in offer.tools}, dict.fromkeys(document.tools, 0))]
    if offer.complete:
        kinds.append(("prompt", "prompts", {one.name: 0 for one in offer.prompts}, dict.fromkeys(document.prompts, 0)))
    for kind, section, listed, written in kinds:
        missing = [name for name in listed if name not in written]
        invented = [name for name in written if name not in listed]
        for name in missing:
            problem = f"the server has a {kind} '{name}', which is not in here and so [A][B][C]"
            yield Found(f"missing-{kind}", (section,), problem, f"add it under {section}{_renamed(name, invented)}")
        for name in invented:
            suggestion = f"take it out{_renamed(name, missing)}"
            yield Found(f"invented-{kind}", (section, name), f"the server lists no {kind} '{name}'", suggestion)
    globs = [UriGlob.parse(resource.uri) for resource in document.resources]
    for uri in offer.resources:
        if not is_plain_uri(uri) or not any(glob.matches(uri) for glob in globs):
            problem = f"the resource {uri[:200]} matches no pattern, and so is [A][B][C]"
            yield Found("missing-resource", ("resources",), problem, "add a pattern under resources")


def _renamed(name: str, others: list[str]) -> str:
    """A name that this one may have been, or become; of thousands nobody looks for one."""
    return nearest(name[:_LONGEST], others) if len(others) <= _MOST_OTHERS else ""


def _paths(pairs: Iterable[_Pair]) -> frozenset[str]:
    """Names of arguments that are declared as paths more often than not: what is called so is most likely one."""
    tally: Counter[str] = Counter()
    for pair in pairs:
        declared = {at for target in pair.spec.targets.values() if target.kind == "path" for at in target.at}
        for place in pair.places:
            tally[place.name] += 1 if place.pointer in declared else -1
    return frozenset(name for name, more in tally.items() if more > 0)


def pointers_of(spec: ToolSpec) -> Iterator[tuple[tuple[str | int, ...], str]]:
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


def _dead_pointers(pair: _Pair, schema: Mapping[str, Any]) -> Iterator[Found]:
    for where, pointer in pointers_of(pair.spec):
        if not leads(schema, pointer):
            known = [place.pointer for place in pair.places]
            hint = nearest(pointer, known) or f"; it has {', '.join(known[:12]) or 'no arguments'}"
            problem = f"{pair.tool.name} has no argument {pointer}"
            yield Found("dead-pointer", ("tools", pair.tool.name, *where), problem, f"correct it{hint}")


def _hints(tool: OfferedTool, spec: ToolSpec, document: ManifestDocument) -> Iterator[Found]:
    adds = hinted(tool.annotations, document.known_hints_of(spec)) - spec.labels
    added = [label for label in ORDER if label in adds]
    if added:
        problem = f"{tool.name}'s own hints add {' and '.join(added)}, so every call carries more than its labels say"
        yield Found("hint-adds", ("tools", tool.name, "labels"), problem, "add it, and say why")
    for hint in _never_sent(spec.known_hints, (tool,)):
        problem = f"{tool.name} does not send the hint {hint} that adds a label, so there is nothing to know"
        yield Found("idle-hint", ("tools", tool.name, "known_hints"), problem, "take it out")


def _known_everywhere(subject: Subject, offer: Offer) -> Iterator[Found]:
    for hint in _never_sent(subject.document.known_hints, offer.tools):
        problem = f"no tool of the server's sends the hint {hint} that adds a label, so there is nothing to know"
        yield Found("idle-hint", ("known_hints",), problem, "take it out")


def _never_sent(known: frozenset[HintName], tools: Sequence[OfferedTool]) -> Iterator[HintName]:
    sent = frozenset[HintName]().union(*(sent_hints(tool.annotations) for tool in tools)) if known else known
    return (hint for hint in HINT_NAMES if hint in known - sent)


def _impossible_values(pair: _Pair) -> Iterator[Found]:
    """Rules that compare an argument with a value that its schema does not allow."""
    limited = {place.pointer: place.values for place in pair.places if place.bounded}
    for number, rule in enumerate(pair.spec.rules):
        for name, condition in rule.when.items():
            target = pair.spec.targets.get(name)
            at = [pointer_of((name,))] if target is None else list(target.at)
            allowed = [limited[pointer] for pointer in at if pointer in limited]
            written = condition.operators
            values = (*written.get("in", ()), *((written["equals"],) if "equals" in written else ()))
            if allowed and values and not any(value in known for known in allowed for value in values):
                problem = f"rule {number + 1} of {pair.tool.name} never holds: {name} is never one of its values"
                some = ", ".join(str(value) for value in allowed[0][:8])
                where = ("tools", pair.tool.name, "rules", number)
                yield Found("never-rule", where, problem, f"it can be {some}")
