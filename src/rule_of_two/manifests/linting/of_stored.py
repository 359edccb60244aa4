"""What entries read and write, against what they are and against each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rule_of_two.manifests.document import ResourceSpec, ToolSpec
from rule_of_two.manifests.linting.finding import Found, Subject
from rule_of_two.manifests.tool_words import READING, lexicon, named

_STORES: Final = lexicon("create write update insert append edit rename upload modify upsert save store commit")


def of_stored(subject: Subject) -> Iterator[Found]:
    """Reads and writes that contradict."""
    for section, name, spec in subject.entries():
        if section == "prompts":
            continue  # a prompt's name says what it is about, and not what getting it does
        said = named(name)
        scope = None if spec.writes is None else spec.writes.scope
        if scope in {"store", "named"} and "C" not in spec.labels and said.act in READING and not said.writing_verb:
            problem = f"{name} writes, by `writes`, and is a reader by its name and its labels"
            yield Found("reader-writes", (section, name, "writes"), problem, "say `writes: none`, or add C")
        if scope == "none" and "C" in spec.labels and said.verb in _STORES:
            problem = f"{name} is said to write nothing, and '{said.verb}' stores something"
            suggestion = "say what it writes, or `writes: store`: who reads it later has to be told"
            yield Found("writer-writes-nothing", (section, name, "writes"), problem, suggestion)
    yield from _never_read(subject)


def _never_read(subject: Subject) -> Iterator[Found]:
    """Kinds of stored things that are written and that nothing reads: their labels would come back to nobody."""
    tools = subject.document.tools
    entries: list[ToolSpec | ResourceSpec] = [*tools.values(), *subject.document.resources]
    if any(entry.reads is not None and entry.reads.scope == "store" for entry in entries):
        return
    read = {kind for entry in entries if entry.reads is not None for kind in entry.reads.at}
    for name, spec in tools.items():
        for kind in sorted(spec.writes.at) if spec.writes is not None else ():
            if kind not in read:
                problem = f"{name} writes a {kind}, and nothing reads one"
                suggestion = f"say of what shows it `reads: {{{kind}: /…}}` or `reads: store`"
                yield Found("written-never-read", ("tools", name, "writes"), problem, suggestion)
