"""Loads the policies that a configuration names, always with the invariant, or refuses to start.

# INVARIANT: the invariant's policies are in every loaded set, and no other statement carries one of their ids;
# `tests/policy/test_load.py` holds it, `tests/policy/test_invariant.py` what they mean.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import cedarpy
import orjson

from rule_of_two.errors import PolicyError
from rule_of_two.policy.references import INVARIANT, files_of_set, find_files, shipped_policies
from rule_of_two.policy.statements import split
from rule_of_two.policy.syntax import Grammar, Policy, policy_trees, reads_now

SCHEMA_FILE: Final = "rule-of-two.cedarschema"

_INVARIANT_AREA: Final = "r2."


@dataclass(frozen=True, slots=True)
class Policies:
    """Policies that validated, parsed once.

    ``version`` is the SHA-256 of schema and policies: it changes with everything that can change a decision or what is
    said of it, and not with layout, comments, file names or the order of sets. ``by_id`` is in the engine's order.
    """

    version: str
    sets: tuple[str, ...]
    schema: cedarpy.Schema
    schema_text: str
    handle: cedarpy.PolicySet
    by_id: Mapping[str, Policy]
    reads_now: bool


def load_policies(references: Sequence[str], *, relative_to: Path) -> Policies:
    """Load shipped sets, files and folders, and the invariant besides.

    :param references: as in ``policies:`` of the configuration.
    :param relative_to: the folder that relative paths start from; never the working directory.
    :raises PolicyError: nothing named, something not found, unreadable or empty, or a policy that is refused; one
        sentence with file, line and ``@id``.
    """
    if not references:
        raise PolicyError("no policy set is named, so nothing would be permitted; write `policies: [default]`")
    if repeated := [reference for reference in references if references.count(reference) > 1]:
        raise PolicyError(f"the policy set '{repeated[0]}' is named twice; name it once")
    folder = shipped_policies()
    schema_text = read_text(folder / SCHEMA_FILE)
    grammar = Grammar(schema_text)
    loaded: dict[str, Policy] = {}
    texts = [_load_file(file, grammar, loaded) for file in files_of_set(INVARIANT)]
    invariant = frozenset(loaded)
    for reference in references:
        if reference == INVARIANT:
            raise PolicyError(f"the set '{INVARIANT}' is always loaded; take it off the list of policies")
        before = len(loaded)
        files = find_files(reference, relative_to=relative_to)
        texts += [_load_file(file, grammar, loaded, invariant) for file in files]
        if len(loaded) == before:
            raise PolicyError(f"{files[0]}: the policy set '{reference}' holds no policy")
    text = "\n".join(texts)
    content = {"schema": schema_text, "policies": {policy.id: policy.tree for policy in loaded.values()}}
    return Policies(
        version=hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest(),
        sets=tuple(references),
        schema=grammar.schema,
        schema_text=schema_text,
        handle=cedarpy.PolicySet.from_str(text),
        by_id=MappingProxyType(loaded),
        reads_now=any(reads_now(tree) for tree in policy_trees(text)),
    )


def _load_file(file: Path, grammar: Grammar, loaded: dict[str, Policy], invariant: frozenset[str] | None = None) -> str:
    """Check each statement of a file, add it to ``loaded``, and return the text that the engine will run.

    ``invariant`` is ``None`` for the invariant's own files.
    """
    text = read_text(file)
    ids: list[str] = []
    for statement in split(text, file):
        policy = grammar.parse(statement)
        if invariant is not None and policy.id.startswith(_INVARIANT_AREA):
            what = "is" if policy.id in invariant else f"starts with '{_INVARIANT_AREA}', which is"
            raise statement.error(f"{what} the invariant's own and cannot be redefined; choose another area", policy.id)
        if policy.id in loaded:
            first = loaded[policy.id]
            raise statement.error(f"this @id stands already in {first.file}:{first.line}; choose another", policy.id)
        loaded[policy.id] = policy
        ids.append(policy.id)
    _check_whole(text, file, ids)
    return text


def _check_whole(text: str, file: Path, ids: list[str]) -> None:
    """Hold the engine's reading of a whole file against the statements that were checked one by one.

    # INVARIANT: what runs is what was checked; a statement that the splitter misses cannot vanish.
    """
    try:
        found = [tree.get("annotations", {}).get("id") for tree in policy_trees(text)]
    except ValueError as error:
        raise PolicyError(f"{file}: is not valid Cedar: {error}") from error
    if found != ids:
        raise PolicyError(f"{file}: holds the policies {found}, but {ids} were checked; write one statement a line")


def read_text(file: Path) -> str:
    """The text of a policy file.

    :raises PolicyError: it cannot be read, or is no UTF-8.
    """
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise PolicyError(f"{file}: cannot be read ({error.strerror}); check the path and its permissions") from error
    except UnicodeDecodeError as error:
        raise PolicyError(f"{file}: is not UTF-8 text") from error
