"""What a manifest file has to say besides its entries: where it comes from, why, and whose it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from rule_of_two.manifests.linting.finding import Found, Subject
from rule_of_two.manifests.linting.of_rules import parameters_of
from rule_of_two.manifests.recognise import Origin, origins

_COMMENT: Final = re.compile(r"(?:^|\s)#\s*\S")
_OWN_PARAMETERS: Final = frozenset(("trusted_authors", "public_confidentiality"))


def of_file(subject: Subject) -> Iterator[Found]:
    """What is missing in one file."""
    document = subject.document
    if not document.source.strip():
        suggestion = 'write package, version and list, as in "npm @a/b 1.2.0, tools/list"'
        yield Found("no-source", ("source",), "it does not say where its facts come from", suggestion)
    if subject.file.stem != document.server:
        problem = f"it is found as '{subject.file.stem}', and calls itself '{document.server}'"
        yield Found("misnamed", ("server",), problem, "name the file as the server")
    for (kind, place), origin in origins(document).items():
        if origin is None:
            written = getattr(document.match, kind)[place]
            problem = f"'{written}' in `match` is no {kind} that a server is started or reached by"
            yield Found("idle-match", ("match", kind), problem, "write it as it stands there, without version")
    yield from _unused_parameters(subject)
    yield from _unargued(subject)


def _unused_parameters(subject: Subject) -> Iterator[Found]:
    used = {name for _, _, spec in subject.entries() for name in parameters_of(spec)}
    for name in subject.document.parameters:
        if name not in used | _OWN_PARAMETERS:
            problem = f"the parameter '{name}' is used by no rule and no target"
            yield Found("unused-parameter", ("parameters", name), problem, "use it, or take it out")


def _unargued(subject: Subject) -> Iterator[Found]:
    """Labels with no comment beside them, or on the line above: nobody can tell why they are right."""
    lines = subject.text.splitlines()
    places: list[tuple[str | int, ...]] = []
    for section, name, spec in subject.entries():
        places.append((section, name, "labels"))
        places += [(section, name, "rules", number, "labels") for number in range(len(spec.rules))]
    places += [("resources", number, "labels") for number in range(len(subject.document.resources))]
    for where in places:
        line = subject.located.line(*where)
        if line is None or line > len(lines):
            continue
        above = lines[line - 2].lstrip() if line > 1 else ""
        if not _COMMENT.search(lines[line - 1]) and not above.startswith("#"):
            entry = where[1] if where[0] != "resources" else subject.document.resources[int(where[1])].uri
            suggestion = "write beside them, after #, why each label is there or is not"
            yield Found("unargued", where, f"the labels of {entry} are not argued", suggestion)


def shared(subject: Subject, others: Mapping[Origin, str]) -> Iterator[Found]:
    """Names in ``match`` that another manifest has too: which one counts would be chance."""
    for (kind, _), origin in origins(subject.document).items():
        other = others.get(origin) if origin is not None else None
        if origin is not None and other is not None and other != subject.file.stem:
            problem = f"{kind} '{origin.name}' is matched by the manifest '{other}' too"
            yield Found("shared-match", ("match", kind), problem, "leave it to one of them")
