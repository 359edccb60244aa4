"""What a manifest says, in words that a person reads: labels and why, targets, rules, what is read and written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec import Struct

from rule_of_two.manifests.condition import RuleSpec, reference
from rule_of_two.manifests.document import ManifestDocument, PromptSpec, ResourceSpec, StoredSpec, TargetSpec, ToolSpec
from rule_of_two.manifests.hints import ADDED_BY, HINT_NAMES, HintName
from rule_of_two.manifests.parameters import Bound
from rule_of_two.model import Labels, label_text
from rule_of_two.yaml_source import Located

MEANINGS: Final = {
    "A": "it brings what others may have written",
    "B": "it brings or reaches what is private",
    "C": "it changes something or sends something out",
}
"""What each label says of a call."""
_OPERATORS: Final = {
    "host_in": "is on",
    "inside": "is inside",
    "outside": "is outside of",
    "recipient_in": "is",
    "in": "is",
    "equals": "is",
    "at_most": "is at most",
}
_COMMENT: Final = re.compile(r"(?:^|\s)#\s?(?P<text>.*)$")
_FILL: Final = {
    "hosts": "a list of hosts, such as [docs.example.com]",
    "folders": "a list of absolute folders, such as [/home/me/notes]",
    "recipients": "a list of mail addresses, such as [me@example.com]",
    "strings": "a list of texts",
    "authors": "a list of authors, byte for byte as the platform writes them",
    "amount": "a number, such as 100",
}


class Explanation(Struct, frozen=True):
    """One entry. ``why`` is what the file argues beside its labels; ``lines`` are heading and sentence."""

    section: str
    name: str
    labels: Labels
    why: str
    lines: tuple[tuple[str, str], ...]

    def as_facts(self) -> dict[str, Any]:
        """For scripts."""
        said = [{"about": heading, "says": sentence} for heading, sentence in self.lines]
        return {"kind": self.section, "name": self.name, "labels": sorted(self.labels), "why": self.why, "says": said}


class Explained(Struct, frozen=True):
    """A manifest file with its comments, and what the operator filled in; ``None``: it is not mounted."""

    located: Located[ManifestDocument]
    text: str
    bound: Mapping[str, Bound] | None = None

    @property
    def document(self) -> ManifestDocument:
        """What the file says."""
        return self.located.value

    @property
    def preface(self) -> str:
        """The comment that the file begins with."""
        lines: list[str] = []
        for line in self.text.splitlines():
            if not line.startswith("#"):
                break
            lines.append(line.lstrip("# ").rstrip())
        return " ".join(lines)

    def entries(self) -> Iterator[Explanation]:
        """Everything in it: tools, resources, prompts."""
        for name, tool in self.document.tools.items():
            yield self._entry("tool", name, tool, ("tools", name))
        for number, resource in enumerate(self.document.resources):
            where = ("resources", number)
            yield Explanation("resource", resource.uri, resource.labels, self._why(*where), tuple(_stored(resource)))
        for name, prompt in self.document.prompts.items():
            yield self._entry("prompt", name, prompt, ("prompts", name))

    def parameters(self) -> Iterator[tuple[str, str]]:
        """What the operator can fill in, each with what it takes and what holds now."""
        for name, spec in self.document.fillable.items():
            line = self.located.line("parameters", name) if name in self.document.parameters else None
            comment = "" if line is None else self._comment(line)
            now = f"now {self._now(name)}" if self.bound is not None else f"by default {_shown(spec.initial)}"
            yield name, f"{_FILL[spec.type]}; {now}{f'; {comment}' if comment else ''}"

    def _entry(self, section: str, name: str, spec: PromptSpec, where: tuple[str, str]) -> Explanation:
        lines = (
            *(("reaches", _target(one)) for one in spec.targets.values()),
            *self._rules(spec, where),
            *_stored(spec),
            *_act(spec),
            *(_of_tool(spec) if isinstance(spec, ToolSpec) else ()),
            *_known(self.document.known_hints_of(spec)),
        )
        return Explanation(section, name, spec.labels, self._why(*where), tuple(lines))

    def _rules(self, spec: PromptSpec, where: tuple[str, str]) -> Iterator[tuple[str, str]]:
        for number, rule in enumerate(spec.rules):
            comment = self._why(*where, "rules", number)
            said = f"when {' and '.join(self._conditions(rule))}: {label_text(rule.labels)}"
            yield f"rule {number + 1}", f"{said}{f', {comment}' if comment else ''}"

    def _conditions(self, rule: RuleSpec) -> Iterator[str]:
        for name, condition in rule.when.items():
            for operator, operand in condition.operators.items():
                if operator == "absent":
                    yield f"{name} is not given"
                    continue
                link = " and of " if operator == "outside" else " or "
                items = operand if isinstance(operand, tuple) else (operand,)
                yield f"{name} {_OPERATORS[operator]} {link.join(map(self._operand, items)) or 'nothing'}"

    def _operand(self, item: Any) -> str:
        name = reference(item)
        if name is None:
            return item if isinstance(item, str) else json.dumps(item)
        return f"{name} ({self._now(name)})" if self.bound is not None else name

    def _now(self, name: str) -> str:
        return _shown(None if self.bound is None else self.bound.get(name))

    def _why(self, *where: str | int) -> str:
        line = self.located.line(*where, "labels")
        return "" if line is None else self._comment(line)

    def _comment(self, line: int) -> str:
        lines = self.text.splitlines()
        found = _COMMENT.search(lines[line - 1]) if line <= len(lines) else None
        return found["text"].strip() if found else ""


def in_words(labels: Labels) -> str:
    """``[A][C]: it brings what others may have written, and it changes something or sends something out``."""
    said = [meaning for label, meaning in MEANINGS.items() if label in labels]
    nothing = "it brings nothing of others and nothing private, and acts on nothing"
    return f"{label_text(labels)}: {', and '.join(said) or nothing}"


def _shown(value: Any) -> str:
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _target(target: TargetSpec) -> str:
    if target.value is not None:
        return f"{target.kind} {target.value}, in every call"
    more = (", nobody where it is not given" if target.optional else "") + (
        ", which only names something behind which others stand" if target.indirect else ""
    )
    return f"{target.kind} at {', '.join(target.at)}{more}"


def _stored(spec: PromptSpec | ResourceSpec) -> Iterator[tuple[str, str]]:
    if spec.reads is not None:
        yield "reads", _store(spec.reads)
    if spec.writes is not None:
        yield "writes", _store(spec.writes)
    elif "C" in spec.labels:
        yield "writes", "it does not say, so the whole store"


def _store(stored: StoredSpec) -> str:
    if stored.scope == "named":
        return ", ".join(f"{kind} at {', '.join(at)}" for kind, at in stored.at.items())
    return "nothing that is read later" if stored.scope == "none" else "the whole store"


def _act(spec: PromptSpec) -> Iterator[tuple[str, str]]:
    if not spec.communicates:
        yield "act", "reaches nobody else: it only changes state"
    if spec.reversible:
        yield "act", "can be taken back, wholly"
    if spec.secrets:
        yield "secret", ", ".join(spec.secrets)


def _known(hints: frozenset[HintName]) -> Iterator[tuple[str, str]]:
    for hint in HINT_NAMES:
        if hint in hints:
            yield "known", f"{hint}: it adds no [{ADDED_BY[hint]}] to these labels, which were chosen knowing it"


def _of_tool(spec: ToolSpec) -> Iterator[tuple[str, str]]:
    if spec.opaque:
        yield "handles", f"can stand in {', '.join(spec.opaque)}"
    for term in spec.arguments.terms:
        yield "argument", _written(spec, term.pointer)
    if spec.result is not None:
        given = {name: getattr(spec.result, name) for name in type(spec.result).model_fields}
        said = [f"{name} at {_shown(at)}" for name, at in given.items() if at and name not in {"source", "items"}]
        items = spec.result.items or "the whole"
        yield "result", f"items: {items}, from {spec.result.source}{'; ' if said else ''}{'; '.join(said)}"


def _written(spec: ToolSpec, pointer: str) -> str:
    if pointer in spec.arguments.force:
        return f"{pointer} is set to {_shown(spec.arguments.force[pointer])}"
    if pointer in spec.arguments.cap:
        return f"{pointer} is at most {spec.arguments.cap[pointer]}"
    return f"{pointer} must not be given"
