"""Loads the policies that a configuration names, always with the invariant, or refuses to start.

# INVARIANT: the invariant's policies are in every loaded set, and no other statement carries one of their ids;
# `tests/policy/test_load.py` holds it, `tests/policy/test_invariant.py` what they mean.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import cedarpy
import orjson
from msgspec import Struct, field

from rule_of_two.errors import PolicyError
from rule_of_two.policy.directory import Directory, Key, entity_literals, load_directory
from rule_of_two.policy.documents import DocumentReads, document_reads
from rule_of_two.policy.files import DISK, Files
from rule_of_two.policy.references import INVARIANT, files_of_set, find_files, shipped_policies
from rule_of_two.policy.settings import set_settings
from rule_of_two.policy.slices import HOLD_RESULT, LOWER_C, Slices, permits
from rule_of_two.policy.statements import Statement, split
from rule_of_two.policy.syntax import Grammar, Policy
from rule_of_two.policy.trees import annotations_of, policy_trees, reads
from rule_of_two.policy.typed.actions import TypedAction, TypedGrammar
from rule_of_two.policy.typed.definitions import ToolDefinition

SCHEMA_FILE: Final = "rule-of-two.cedarschema"

_INVARIANT_AREA: Final = "r2."


class Policies(Struct, frozen=True):
    """Policies that validated, parsed once.

    ``version`` is the SHA-256 of schema, policies and entities, and ``parts`` those of each alone: it changes with
    everything that can change a decision or what is said of it, and not with layout, comments, file names or the order
    of sets. ``schema`` has the actions of the tools that policies name. ``by_id`` is in the order of the files.
    ``literals`` are the entities that policies name. ``reads_now``, ``reads_urls``, ``reads_given`` and
    ``reads_readers``: whether any policy may read the clock, whole addresses, whether these were given, and who may
    read what was read. ``lowers`` and ``holds``: whether any permits to leave C
    out of account, and to keep results. ``only_communication`` is the set by
    which C counts only where it communicates.
    """

    version: str
    parts: Mapping[str, str]
    sets: tuple[str, ...]
    schema_text: str
    schema: cedarpy.Schema
    by_id: Mapping[str, Policy]
    slices: Slices
    directory: Directory
    literals: tuple[Key, ...]
    reads_now: bool
    reads_urls: bool
    reads_given: bool
    reads_readers: bool
    lowers: bool
    holds: bool
    yields: frozenset[str]
    """The ``@id`` of the policies that may read whether somebody approved, or how many did."""
    counts: frozenset[str]
    """Those that may read how many."""
    documents: DocumentReads
    """What policies about items of results read of them."""
    only_communication: str | None
    typed: Mapping[str, TypedAction] = field(default_factory=dict)
    """Of each tool whose action a policy names (``<server>__<tool>``): its action. No part of ``version``."""


def _raise(error: PolicyError) -> None:
    raise error


def load_policies(
    references: Sequence[str],
    *,
    relative_to: Path,
    entities: Sequence[str] = (),
    tools: Sequence[ToolDefinition] | None = None,
    files: Files = DISK,
    refused: Callable[[PolicyError], None] = _raise,
) -> Policies:
    """Load shipped sets, files and folders, and the invariant besides; and the files that describe ``entities``.

    A policy about named tools that does not validate against their definitions is left out, and every call of these
    tools denied (:attr:`TypedAction.problem`).

    :param references: as in ``policies:`` of the configuration.
    :param relative_to: the folder that relative paths start from; never the working directory.
    :param tools: the pinned definitions of all tools; ``None``: policies cannot name tools' actions.
    :param files: how they are read.
    :param refused: told of each policy, file or set that is refused, to find them all at once. What it lets pass is
        left out of the result, which is then not to be served.
    :raises PolicyError: nothing named, something not found, unreadable or empty, or a policy that is refused; one
        sentence with file, line and ``@id``.
    """
    if not references:
        raise PolicyError("no policy set is named, so nothing would be permitted; write `policies: [default]`")
    if repeated := [reference for reference in references if references.count(reference) > 1]:
        raise PolicyError(f"the policy set '{repeated[0]}' is named twice; name it once")
    schema_text = read_text(shipped_policies() / SCHEMA_FILE, files)
    grammar = Grammar(schema_text) if tools is None else TypedGrammar(schema_text, tools)
    loader = _Loader(grammar, files, refused)
    only_communication = loader.load(references, relative_to)
    loaded, every, schema, whole_text, typed = loader.loaded, loader.loaded, grammar.schema, schema_text, {}
    if isinstance(grammar, TypedGrammar):
        typed = grammar.actions()
        whole_text, schema = grammar.whole()
        loaded = {name: policy for name, policy in every.items() if name not in grammar.set_aside}
    directory = load_directory([relative_to / name for name in entities], grammar.schema, files=files)
    trees = {name: policy_trees(policy.text)[0] for name, policy in loaded.items()}
    decisive = {"trees": {policy.id: policy.tree for policy in every.values()}, "c": only_communication is not None}
    parts = {"schema": _digest(schema_text), "policies": _digest(decisive), "entities": directory.digest}
    return Policies(
        version=_digest(parts),
        parts=MappingProxyType(parts),
        sets=tuple(references),
        schema_text=whole_text,
        schema=schema,
        by_id=MappingProxyType(loaded),
        slices=Slices({name: (tree, loaded[name].text) for name, tree in trees.items()}),
        directory=directory,
        literals=tuple(sorted(set(entity_literals(list(trees.values()))))),
        reads_now=any(reads(tree, "now") for tree in trees.values()),
        reads_urls=any(reads(tree, "target", "urls") for tree in trees.values()),
        reads_given=any(reads(tree, "target", "given") for tree in trees.values()),
        reads_readers=any(reads(tree, "readers") for tree in trees.values()),
        lowers=any(permits(tree, LOWER_C) for tree in trees.values()),
        holds=any(permits(tree, HOLD_RESULT) for tree in trees.values()),
        yields=frozenset(name for name, tree in trees.items() if reads(tree, "approved") or reads(tree, "approvals")),
        counts=frozenset(name for name, tree in trees.items() if reads(tree, "approvals")),
        documents=document_reads(trees.values()),
        only_communication=only_communication,
        typed=MappingProxyType(typed),
    )


class _Loader:
    """Checks each statement of each file, and keeps what is in order in :attr:`loaded`."""

    def __init__(self, grammar: Grammar, files: Files, refused: Callable[[PolicyError], None]) -> None:
        self._grammar = grammar
        self._files = files
        self._refused = refused
        self._invariant: frozenset[str] | None = None
        """The ids of the invariant's policies, once they are loaded."""
        self.loaded: dict[str, Policy] = {}

    def load(self, references: Sequence[str], relative_to: Path) -> str | None:
        """Load the invariant, then what is named. Returns the set by which C counts only where it communicates."""
        for file in files_of_set(INVARIANT, files=self._files):
            self._load_file(file)
        self._invariant = frozenset(self.loaded)
        only_communication: str | None = None
        for reference in references:
            try:
                found = self._find(reference, relative_to)
            except PolicyError as error:
                self._refused(error)
                continue
            written = sum(map(self._load_file, found))
            if set_settings(found, files=self._files).c == "communication":
                only_communication = reference
            if not written:
                self._refused(PolicyError(f"{found[0]}: the policy set '{reference}' holds no policy"))
        return only_communication

    def _find(self, reference: str, relative_to: Path) -> Sequence[Path]:
        if reference == INVARIANT:
            raise PolicyError(f"the set '{INVARIANT}' is always loaded; take it off the list of policies")
        return find_files(reference, relative_to=relative_to, files=self._files)

    def _load_file(self, file: Path) -> int:
        """Load one file; how many statements it has."""
        ids: list[str] = []
        statements: Sequence[Statement] = ()
        try:
            text = read_text(file, self._files)
            statements = split(text, file)
            for statement in statements:
                try:
                    policy = self._checked(statement)
                except PolicyError as error:
                    self._refused(error)
                else:
                    self.loaded[policy.id] = policy
                    ids.append(policy.id)
            if len(ids) == len(statements):
                _check_whole(text, file, ids)
        except PolicyError as error:
            self._refused(error)
            return max(len(statements), 1)
        return len(statements)

    def _checked(self, statement: Statement) -> Policy:
        policy = self._grammar.parse(statement)
        if self._invariant is not None and policy.id.startswith(_INVARIANT_AREA):
            what = "is" if policy.id in self._invariant else f"starts with '{_INVARIANT_AREA}', which is"
            raise statement.error(f"{what} the invariant's own and cannot be redefined; choose another area", policy.id)
        if policy.id in self.loaded:
            first = self.loaded[policy.id]
            raise statement.error(f"this @id stands already in {first.file}:{first.line}; choose another", policy.id)
        return policy


def _check_whole(text: str, file: Path, ids: list[str]) -> None:
    """Hold the engine's reading of a whole file against the statements that were checked one by one.

    # INVARIANT: what runs is what was checked; a statement that the splitter misses cannot vanish.
    """
    try:
        found = [annotations_of(tree).get("id") for tree in policy_trees(text)]
    except ValueError as error:
        raise PolicyError(f"{file}: is not valid Cedar: {error}") from error
    if found != ids:
        raise PolicyError(f"{file}: holds the policies {found}, but {ids} were checked; write one statement a line")


def _digest(content: Any) -> str:
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def read_text(file: Path, files: Files = DISK) -> str:
    """The text of a policy file.

    :raises PolicyError: it cannot be read, or is no UTF-8.
    """
    try:
        # As a text file is read: a policy's lines are counted by their line feeds.
        return files.read(file).decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except OSError as error:
        raise PolicyError(f"{file}: cannot be read ({error.strerror}); check the path and its permissions") from error
    except UnicodeDecodeError as error:
        raise PolicyError(f"{file}: is not UTF-8 text") from error
