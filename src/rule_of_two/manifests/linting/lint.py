"""Everything that ``manifest lint`` looks for, over any number of manifests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from rule_of_two.manifests.document import ManifestDocument
from rule_of_two.manifests.linting.exemptions import exemptions, without
from rule_of_two.manifests.linting.finding import Finding, Found, Subject
from rule_of_two.manifests.linting.of_file import of_file, shared
from rule_of_two.manifests.linting.of_names import of_names
from rule_of_two.manifests.linting.of_offer import of_offer
from rule_of_two.manifests.linting.of_rules import of_rules
from rule_of_two.manifests.linting.of_stored import of_stored
from rule_of_two.manifests.offer import Offer
from rule_of_two.manifests.recognise import Origin, origins
from rule_of_two.yaml_source import locate_yaml, read_yaml

RULES: Final[Mapping[str, str]] = {
    "act-without-c": "a name that changes or sends something (`send_*`, `create_*`), without C",
    "outside-without-c": "a search or fetch of the web, by its name, without C",
    "target-without-c": "a target of kind url, host, recipient, amount or command, without C",
    "fetch-without-a": "a tool that fetches a URL, without A",
    "read-without-a-or-b": "a name that reads (`read_*`, `search_*`, `fetch_*`), with neither A nor B",
    "silent-send": "`communicates: false` on what sends",
    "undone-send": "`reversible: true` on what sends",
    "reader-writes": "`writes` on what only reads, by its name and labels",
    "writer-writes-nothing": "`writes: none` on what stores, by its name",
    "written-never-read": "a kind of stored thing that is written, and that nothing reads",
    "unreachable-rule": "a rule behind one that holds whenever it does",
    "never-rule": "a rule that compares with nothing, or with a value that the schema does not allow",
    "idle-rule": "a rule that says what holds without it",
    "redirected-trust": "A taken off for a trusted host",
    "no-source": "no `source`",
    "unargued": "labels with no comment beside or above them",
    "misnamed": "a file called otherwise than its server",
    "idle-match": "a name in `match` that nothing can have",
    "shared-match": "a name in `match` that another manifest has too",
    "unused-parameter": "a parameter that nothing names",
    "missing-tool": "a tool of the server's that is not in the manifest",
    "invented-tool": "a tool that the server does not have",
    "missing-prompt": "a prompt of the server's that is not in the manifest",
    "invented-prompt": "a prompt that the server does not have",
    "missing-resource": "a listed resource that no pattern matches",
    "dead-pointer": "a JSON Pointer that no argument has",
    "missing-target": "an argument that is a URL, host, recipient, amount, command or path, and no target",
    "hint-adds": "annotations that add a label that the manifest does not say",
    "idle-hint": "`known_hints` with a hint that the server does not send, or that adds nothing as it sends it",
    "bad-exemption": "an exemption without a rule that there is, or without a reason",
    "idle-exemption": "an exemption of nothing",
}
"""Each rule, and what it finds. Those from ``missing-tool`` to ``idle-hint``, and part of ``never-rule``, need what the
server lists."""

AGAINST_A_SERVER: Final = frozenset(
    (
        "missing-tool",
        "invented-tool",
        "missing-prompt",
        "invented-prompt",
        "missing-resource",
        "dead-pointer",
        "missing-target",
        "hint-adds",
        "idle-hint",
        "never-rule",
    )
)
"""The rules by which a manifest and its server can disagree."""

_CHECKS: Final[Sequence[Callable[[Subject], Iterator[Found]]]] = (of_file, of_names, of_stored, of_rules, of_offer)


def read_subject(file: Path, offer: Offer | None = None) -> Subject:
    """Read a manifest to look at it.

    :raises ConfigurationError: unreadable, or not a manifest; one sentence with file and line.
    """
    text = read_yaml(file)
    return Subject(file, text, locate_yaml(text, ManifestDocument, file), offer)


def lint(subjects: Sequence[Subject], *, beside: Iterable[tuple[str, ManifestDocument]] = ()) -> list[Finding]:
    """What is found in these manifests, file by file, each by line. ``beside``: other manifests that are looked through
    when a server is recognised, with their names. Pure."""
    known = {origin: stem for stem, document in beside for origin in _matched(document)}
    found: list[Finding] = []
    for subject in subjects:
        found += _of_one(subject, known)
        for origin in _matched(subject.document):
            known.setdefault(origin, subject.file.stem)
    return found


def _matched(document: ManifestDocument) -> Iterator[Origin]:
    return (origin for origin in origins(document).values() if origin is not None)


def _of_one(subject: Subject, known: Mapping[Origin, str]) -> list[Finding]:
    allowed, wrong = exemptions(subject.text, subject.file, RULES)
    found: dict[tuple[str, int | None, str], tuple[Finding, int | None]] = {}
    for one in (*(one for check in _CHECKS for one in check(subject)), *shared(subject, known)):
        line = subject.located.line(*one.where)
        finding = Finding(one.rule, subject.file, line, one.problem, one.suggestion)
        found.setdefault((one.rule, line, one.problem), (finding, subject.located.line(*one.where[:2])))
    unknown = AGAINST_A_SERVER if subject.offer is None else frozenset()
    left = [*wrong, *without(found.values(), allowed, subject.file, unknown)]
    return sorted(left, key=lambda finding: (finding.line or 0, finding.rule))
