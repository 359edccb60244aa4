"""What holds between the atoms of policies in every request, so that fewer impossible requests are looked at.

Each is true of the engine: leaving one out only makes proofs weaker, and adding a wrong one would make them lies.
`tests/policy/proof/test_relations.py` holds each against the engine.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from rule_of_two.policy.proof.actions import ActionClasses, uid_text
from rule_of_two.policy.proof.expressions import entity_of, is_literal, key_of, operation
from rule_of_two.policy.proof.formula import (
    TRUE,
    Atom,
    Equal,
    Flag,
    Formula,
    Node,
    Number,
    Unknown,
    Values,
    every,
    negated,
    some,
)
from rule_of_two.policy.proof.schema import EntityType, SchemaView

_OF_SERVERS: Final = frozenset(("Tool", "Resource", "Prompt"))
_MOST_PAIRS: Final = 20_000
"""Pairs of atoms about one expression that are related at most; with more they stay free."""


def relations(found: Iterable[Atom], view: SchemaView, classes: ActionClasses, values: Values) -> Iterator[Formula]:
    """Facts about these atoms. Those whose truth hangs on approvals stay free."""
    flags: dict[str, list[Flag]] = defaultdict(list)
    literals: dict[str, list[tuple[Equal, str]]] = defaultdict(list)
    for atom in dict.fromkeys(found):
        if isinstance(atom, Flag) and not atom.varies:
            flags[operation(atom.node)[0]].append(atom)
        elif isinstance(atom, Equal):
            for one, other in ((atom.left, atom.right), (atom.right, atom.left)):
                if isinstance(one, Unknown) and isinstance(other, Number) and not one.varies:
                    text = values.text(one.sort, other.value)
                    if text is not None:
                        literals[one.key].append((atom, text))
    yield classes.axioms()
    yield from _types(flags["in"], literals, view, classes, values)
    yield from _reflexive(flags["in"], literals)
    yield from _belonging(flags["in"], view, classes, values)
    yield from _named_after_servers(literals, view, values)
    yield from _patterns(flags["like"], literals)
    yield from _sets(flags)


def _types(
    inside: Iterable[Flag],
    literals: Mapping[str, list[tuple[Equal, str]]],
    view: SchemaView,
    classes: ActionClasses,
    values: Values,
) -> Iterator[Formula]:
    """Principal and resource are of the type of what they equal, and can only be in what their type can be in."""
    for variable in ("principal", "resource"):
        for equal, text in literals.get(f"Entity {key_of({'Var': variable})}", ()):
            yield _implies(equal, classes.is_of(variable, [text.rpartition('::"')[0]]))
    for flag in inside:
        left, entity = flag.node["in"]["left"], entity_of(flag.node["in"]["right"])
        if entity is not None and left.get("Var") in {"principal", "resource"}:
            itself = Equal(_variable(left), Number(values.number("Entity", uid_text(entity))))
            yield _implies(flag, some((itself, classes.is_of(left["Var"], view.below(entity["type"])))))


def _reflexive(inside: Iterable[Flag], literals: Mapping[str, list[tuple[Equal, str]]]) -> Iterator[Formula]:
    """Whatever is an entity is in it."""
    for flag in inside:
        entity = entity_of(flag.node["in"]["right"])
        for equal, text in literals.get(f"Entity {key_of(flag.node['in']['left'])}", ()):
            if entity is not None and text == uid_text(entity):
                yield _implies(equal, flag)


def _belonging(inside: Iterable[Flag], view: SchemaView, classes: ActionClasses, values: Values) -> Iterator[Formula]:
    """The gateway puts a session in its agent and nothing else, and what is used in its server and nothing else.

    The server of a server is itself.
    """
    for variable, attribute, kind in (("principal", "agent", "Session"), ("resource", "server", None)):
        node = {".": {"left": {"Var": variable}, "attr": attribute}}
        belongs = _variable(node)
        if variable == "resource":
            servers = [name for name in view.entities if name.endswith("::Server")]
            yield _implies(classes.is_of(variable, servers), Equal(belongs, _variable({"Var": variable})))
        types = [one.name for one in view.types_at(variable, [attribute]) if isinstance(one, EntityType)]
        for flag in inside:
            entity = entity_of(flag.node["in"]["right"])
            if flag.node["in"]["left"] != {"Var": variable} or entity is None or [entity["type"]] != types:
                continue
            equal = Equal(belongs, Number(values.number("Entity", uid_text(entity))))
            namespace = entity["type"].rpartition("::")[0]
            where = TRUE if kind is None else classes.is_of(variable, [f"{namespace}::{kind}"])
            yield _implies(flag, equal)
            yield _implies(every((where, equal)), flag)


def _named_after_servers(
    literals: Mapping[str, list[tuple[Equal, str]]], view: SchemaView, values: Values
) -> Iterator[Formula]:
    """The server of `<server>__<name>` is the one that stands in front."""
    server = {".": {"left": {"Var": "resource"}, "attr": "server"}}
    if not view.types_at("resource", ["server"]):
        return
    for equal, text in literals.get(f"Entity {key_of({'Var': 'resource'})}", ()):
        kind, _, name = text.partition('::"')
        before, marked, _ = name.partition("__")
        namespace = kind.rpartition("::")[0]
        if marked and kind.rpartition("::")[2] in _OF_SERVERS:
            named = values.number("Entity", f'{namespace}::Server::"{before}"')
            yield _implies(equal, Equal(_variable(server), Number(named)))


def _patterns(likes: list[Flag], literals: Mapping[str, list[tuple[Equal, str]]]) -> Iterator[Formula]:
    """A known text matches a pattern, or does not."""
    by_text: dict[str, list[Flag]] = defaultdict(list)
    for flag in likes:
        by_text[f"String {key_of(flag.node['like']['left'])}"].append(flag)
    for key, patterns in by_text.items():
        known = literals.get(key, [])
        if len(known) * len(patterns) > _MOST_PAIRS:
            continue
        for equal, text in known:
            for flag in patterns:
                fits = matches(text, flag.node["like"]["pattern"])
                yield _implies(equal, flag if fits else negated(flag))


def _sets(flags: Mapping[str, list[Flag]]) -> Iterator[Formula]:
    """Which literal elements a set can have, when it is empty or within a literal set."""
    elements: dict[str, list[tuple[Flag, str]]] = defaultdict(list)
    for flag in flags["contains"]:
        body = flag.node["contains"]
        if is_literal(body["right"]):
            elements[key_of(body["left"])].append((flag, key_of(body["right"])))
    for flag in flags["isEmpty"]:
        for contains, _ in elements[key_of(flag.node["isEmpty"]["arg"])]:
            yield negated(every((flag, contains)))
    for flag in flags["containsAll"]:
        body = flag.node["containsAll"]
        known = elements[key_of(body["right"])]
        if "Set" not in body["left"] or not all(map(is_literal, body["left"]["Set"])) or len(known) > _MOST_PAIRS:
            continue
        allowed = {key_of(one) for one in body["left"]["Set"]}
        for contains, element in known:
            if element not in allowed:
                yield negated(every((flag, contains)))
        for empty in flags["isEmpty"]:
            if key_of(empty.node["isEmpty"]["arg"]) == key_of(body["right"]):
                yield _implies(empty, flag)


def matches(text: str, pattern: list[Node]) -> bool:
    """Cedar's ``like``: each wildcard is any text."""
    rows = {0}  # how far the text can have been read
    for part in pattern:
        if part == "Wildcard":
            rows = set(range(min(rows), len(text) + 1))
        else:
            literal = part["Literal"]
            rows = {at + len(literal) for at in rows if text.startswith(literal, at)}
        if not rows:
            return False
    return len(text) in rows


def _variable(node: Node) -> Unknown:
    return Unknown(f"Entity {key_of(node)}", "Entity", node)


def _implies(condition: Formula, then: Formula) -> Formula:
    return some((negated(condition), then))
