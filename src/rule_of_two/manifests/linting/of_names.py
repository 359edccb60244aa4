"""What an entry's name and targets say, against its labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rule_of_two.manifests.document import PromptSpec
from rule_of_two.manifests.linting.finding import Found, Subject
from rule_of_two.manifests.tool_words import SURE_WRITES, Act, named

_REACHES: Final = frozenset(("url", "host", "recipient", "amount", "command"))
_SURE_READS: Final = frozenset("read search find fetch query".split())  # noqa: SIM905  # as the other lists of words
_FINAL: Final = frozenset("send post publish share reply forward invite submit".split())  # noqa: SIM905  # as above
_C: Final = "add C to its labels"


def of_names(subject: Subject) -> Iterator[Found]:
    """Contradictions within one entry."""
    for section, name, spec in subject.entries():
        where = (section, name, "labels")
        said = (*_of_name(name, spec), *_of_c(name, spec)) if section == "tools" else ()  # a prompt is only text
        for rule, problem, suggestion in (*said, *_of_targets(name, spec)):
            yield Found(rule, where, problem, suggestion)


def _of_name(name: str, spec: PromptSpec) -> Iterator[tuple[str, str, str]]:
    said = named(name)
    if "C" not in spec.labels:
        if said.verb in SURE_WRITES or said.also in SURE_WRITES:
            verb = said.verb if said.verb in SURE_WRITES else said.also
            yield "act-without-c", f"{name} is no C, and '{verb}' changes or sends something", _C
        elif said.act in {Act.FETCH, Act.SEARCH} and said.outside:
            yield "outside-without-c", f"{name} asks the web ('{said.outside}'), and is no C", f"{_C}: a query leaves"
    if said.verb in _SURE_READS and not spec.labels & {"A", "B"}:
        yield (
            "read-without-a-or-b",
            f"{name} reads ('{said.verb}'), and brings neither A nor B",
            "add what it brings",
        )


def _of_targets(name: str, spec: PromptSpec) -> Iterator[tuple[str, str, str]]:
    kinds = {target.kind for target in spec.targets.values()} & _REACHES
    if kinds and "C" not in spec.labels:
        named_kinds = " and ".join(sorted(kinds))
        yield "target-without-c", f"{name} reaches a {named_kinds}, and is no C", f"{_C}, or take the target out"
    if "url" in kinds and named(name).act is Act.FETCH and "A" not in spec.labels:
        yield "fetch-without-a", f"{name} fetches a URL, and is no A", "add A to its labels: a page is anyone's words"


def _of_c(name: str, spec: PromptSpec) -> Iterator[tuple[str, str, str]]:
    verb = named(name).verb
    if verb not in _FINAL or "C" not in spec.labels:
        return
    if not spec.communicates:
        yield "silent-send", f"{name} is said not to communicate, and '{verb}' does", "take out `communicates: false`"
    if spec.reversible:
        yield "undone-send", f"{name} is said to be reversible, and '{verb}' is not", "take out `reversible: true`"
