"""From a Cedar expression to a formula that has at least its models.

# INVARIANT: each request on which no policy errs is a model of its formula, with the truth that the engine finds. So
what no model does, no request does; `tests/policy/proof/test_relations.py` holds it against the engine.

Validated policies only: both sides of a comparison have one type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from rule_of_two.policy.proof.actions import ActionClasses, uid_text
from rule_of_two.policy.proof.expressions import entity_of, is_literal, key_of, operation, path_of, sort_of, varies
from rule_of_two.policy.proof.formula import (
    APPROVALS,
    FALSE,
    TRUE,
    Equal,
    Flag,
    Formula,
    Less,
    Node,
    Number,
    Product,
    Sum,
    Term,
    Truth,
    Unknown,
    Values,
    choose,
    every,
    negated,
    some,
)
from rule_of_two.policy.proof.schema import Record, SchemaView

TICKS: Final = 10_000
"""A decimal is a count of ten-thousandths."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_APPROVED: Final = Less(Number(0), APPROVALS)
_COMPARISONS: Final = {
    "lessThan": "<",
    "lessThanOrEqual": "<=",
    "greaterThan": ">",
    "greaterThanOrEqual": ">=",
    **{name: name for name in ("<", "<=", ">", ">=")},
}
_DURATION: Final = re.compile(r"(-?)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?")


class Translator:
    """Translates under one schema. Equal expressions become equal atoms."""

    def __init__(self, view: SchemaView, classes: ActionClasses, values: Values) -> None:
        self.view = view
        self.classes = classes
        self.values = values
        self._operations: Mapping[str, Callable[[Any, Node], Formula]] = {
            "Value": lambda body, _: Truth(value=body is True),
            "!": lambda body, _: negated(self.formula(body["arg"])),
            "&&": lambda body, _: every((self.formula(body["left"]), self.formula(body["right"]))),
            "||": lambda body, _: some((self.formula(body["left"]), self.formula(body["right"]))),
            "==": lambda body, _: self.equal(body["left"], body["right"]),
            "!=": lambda body, _: negated(self.equal(body["left"], body["right"])),
            "in": lambda body, _: self.inside(body["left"], body["right"]),
            "is": lambda body, _: self._is(body),
            "has": self._has,
            ".": self._attribute,
            "contains": self._contains,
            "containsAny": self._contains_any,
            "containsAll": self._contains_all,
            "if-then-else": lambda body, _: choose(*(self.formula(body[name]) for name in ("if", "then", "else"))),
        }

    def formula(self, node: Node) -> Formula:
        """A Boolean expression."""
        name, body = operation(node)
        if name in _COMPARISONS:
            return self._compare(
                _COMPARISONS[name], *(body if isinstance(body, list) else (body["left"], body["right"]))
            )
        return self._operations[name](body, node) if name in self._operations else self._free(node)

    def equal(self, left: Node, right: Node) -> Formula:
        """``left == right``."""
        if {"Var": "action"} in (left, right):
            entity = entity_of(right if left == {"Var": "action"} else left)
            return self.classes.exactly(uid_text(entity)) if entity is not None else self._free({"==": [left, right]})
        sort = sort_of(left, self.view) or sort_of(right, self.view) or "?"
        if sort == "Bool":
            one, other = self.formula(left), self.formula(right)
            return choose(one, other, negated(other))
        first, second = sorted((self.term(left, sort), self.term(right, sort)), key=repr)
        if first == second:
            return TRUE
        return FALSE if isinstance(first, Number) and isinstance(second, Number) else Equal(first, second)

    def inside(self, left: Node, right: Node) -> Formula:
        """``left in right``."""
        if "Set" in right:
            return some(self.inside(left, one) for one in right["Set"])
        entity = entity_of(right)
        if left == {"Var": "action"} and entity is not None:
            return self.classes.within([uid_text(entity)])
        return self._free({"in": {"left": left, "right": right}})

    def term(self, node: Node, sort: str) -> Term:
        """An expression of any other type, as an integer."""
        name, body = operation(node)
        if name == "Value":
            return Number(body) if isinstance(body, int) else self._value(node)
        if node == {".": {"left": {"Var": "context"}, "attr": "approvals"}}:
            return APPROVALS
        if sort == "Long" and name in {"+", "-"}:
            return Sum(self.term(body["left"], sort), self.term(body["right"], sort), minus=name == "-")
        if sort == "Long" and name == "neg":
            return Product(-1, self.term(body["arg"], sort))
        if sort == "Long" and name == "*":
            for factor, other in ((body["left"], body["right"]), (body["right"], body["left"])):
                if is_literal(factor):
                    return Product(factor["Value"], self.term(other, sort))
        written = _instant(name, body)
        return Number(written) if written is not None else Unknown(f"{sort} {key_of(node)}", sort, node, varies(node))

    def _value(self, node: Node) -> Number:
        entity = entity_of(node)
        sort, text = ("String", node["Value"]) if entity is None else ("Entity", uid_text(entity))
        return Number(self.values.number(sort, text))

    def _compare(self, operator: str, left: Node, right: Node) -> Formula:
        sort = sort_of(left, self.view) or sort_of(right, self.view) or "?"
        first, second = self.term(left, sort), self.term(right, sort)
        if operator in {">", "<="}:
            first, second = second, first
        less: Formula = Less(first, second)
        if isinstance(first, Number) and isinstance(second, Number):
            less = Truth(first.value < second.value)
        return less if operator in {"<", ">"} else negated(less)

    def _is(self, body: Any) -> Formula:
        left, wanted = body["left"], body["entity_type"]
        inner = self.inside(left, body["in"]) if "in" in body else TRUE
        if left.get("Var") in {"principal", "resource"}:
            return every((self.classes.is_of(left["Var"], [wanted]), inner))
        return every((self._free({"is": {"left": left, "entity_type": wanted}}), inner))

    def _has(self, body: Any, node: Node) -> Formula:
        """An attribute that the schema requires is there, in a record and in principal and resource themselves.

        Another entity may be absent itself, and then has nothing.
        """
        path = path_of(body["left"])
        types = self.view.types_at(*path) if path is not None else []
        if path is not None and types and (not path[1] or all(isinstance(one, Record) for one in types)):
            declared = [self.view.declared(one, body["attr"]) for one in types]
            if all(one is not None and one.required for one in declared):
                return TRUE
            if not any(declared):
                return FALSE
        return self._free(node)

    def _attribute(self, body: Any, node: Node) -> Formula:
        if body == {"left": {"Var": "context"}, "attr": "approved"}:
            return _APPROVED
        return self._free(node)

    def _contains(self, body: Any, node: Node) -> Formula:
        if "Set" in body["left"]:
            return some(self.equal(one, body["right"]) for one in body["left"]["Set"])
        return self._free(node)

    def _contains_any(self, body: Any, node: Node) -> Formula:
        for literal, other in ((body["left"], body["right"]), (body["right"], body["left"])):
            if "Set" in literal:
                return some(self.formula({"contains": {"left": other, "right": one}}) for one in literal["Set"])
        return self._free(node)

    def _contains_all(self, body: Any, node: Node) -> Formula:
        if "Set" in body["right"]:
            one_by_one = ({"contains": {"left": body["left"], "right": one}} for one in body["right"]["Set"])
            return every(self.formula(one) for one in one_by_one)
        return self._free(node)

    def _free(self, node: Node) -> Formula:
        return Flag(key_of(node), node, varies(node))


def _instant(name: str, body: Any) -> int | None:
    """A literal of an extension type as an integer: ten-thousandths, or milliseconds."""
    if name not in {"decimal", "datetime", "duration"} or not (
        len(body) == 1 and isinstance(body[0].get("Value"), str)
    ):
        return None
    text = body[0]["Value"]
    if name == "decimal":
        return int(Decimal(text) * TICKS)
    if name == "datetime":
        return _milliseconds(text)
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    days, hours, minutes, seconds, milliseconds = (int(part or 0) for part in match.groups()[1:])
    total = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + milliseconds
    return -total if match[1] else total


def _milliseconds(text: str) -> int | None:
    """A Cedar datetime: a date, or a date and time with an offset."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return ((moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)) - _EPOCH) // timedelta(milliseconds=1)
