"""Obligations met: a tool call's arguments made what policies and its manifest demand, before anything is decided by
them.

What is set, and left alone, is the frozen value that facts, question, digest, journal and upstream all get. Then the
call is decided by it: what policy demands of it then must be what was met, or nothing is sent (:data:`UNSTEADY`).
An obligation that cannot be met is a denial that names the argument and who demands it.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from msgspec import Struct

from rule_of_two.approvals.masks import MASK, Masks
from rule_of_two.errors import Code
from rule_of_two.gateway.flight import Call
from rule_of_two.gateway.input_schema import refusal
from rule_of_two.json_pointer import tokens_of
from rule_of_two.model import Facts, Forced, Obligation, Outcome, Verdict
from rule_of_two.obligations import as_json
from rule_of_two.records import replace

UNSTEADY: Final = Verdict(
    Outcome.DENY,
    Code.POLICY_ERROR,
    ("gateway.obligations-change",),
    ("What policy demands of the arguments changes once they are so, or with the session, so nothing is sent.",),
)
_ORDER: Final = ("omit", "force", "cap")
_MISSING: Final = object()
_PROTOTYPE: Final = "__proto__"

Tokens = tuple[str, ...]


class _Unmet(Exception):
    """An obligation that cannot be met. ``code`` is what the denial says."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code


class Met(Struct, frozen=True):
    """Arguments with all that could be met. ``changed`` are the obligations that set one; ``problem`` denies."""

    arguments: Mapping[str, Any]
    changed: tuple[Obligation, ...]
    problem: Verdict | None


def oblige(call: Call, decide: Callable[[Facts], Verdict], secrets: Sequence[str]) -> Call:
    """The call with its arguments as they have to be. The manifest's demands hold whatever policy says; policy's are
    those of the permits that let such a call pass. ``secrets`` are hidden in what is told of it.

    # INVARIANT: facts, question, digest, journal and upstream get the same arguments, those with every demand met;
    # tests/gateway/test_obliged.py.
    """
    tool = call.changeable
    if tool is None:
        return call
    changed = _changed(call, (), secrets) if tool.demanded else call
    verdict = decide(changed.facts)
    if verdict.outcome is Outcome.DENY or not verdict.obligations:
        return changed
    return _changed(call, verdict.obligations, secrets)


def _changed(call: Call, policies: tuple[Obligation, ...], secrets: Sequence[str]) -> Call:
    tool = call.changeable
    if tool is None:
        return call
    met = meet(call.arguments, (*tool.demanded, *policies), tool.schema)
    if met.arguments is call.arguments:
        return replace(call, obligations=policies, unmet=met.problem)
    facts_now = partial(tool.facts_of, met.arguments)
    facts = facts_now()
    return replace(
        call,
        facts=facts,
        facts_now=facts_now,
        arguments=met.arguments,
        forwarded={**call.forwarded, "arguments": met.arguments},
        answers=None if call.answers is None else replace(call.answers, labels=facts.labels),
        obligations=policies,
        forced=_told(met, Masks(met.arguments, call.secret_pointers, secrets)),
        unmet=met.problem,
    )


def _told(met: Met, masks: Masks) -> tuple[Forced, ...]:
    told: list[Forced] = []
    for one in met.changed:
        tokens = tokens_of(one.pointer)
        hidden = any(masks.hides(tokens[:length]) for length in range(len(tokens)))
        value = MASK if hidden else masks.masked(json.loads(one.value), tokens)
        told.append(Forced(one.pointer, value, one.by))
    return tuple(told)


def meet(arguments: Mapping[str, Any], obligations: Iterable[Obligation], schema: Any) -> Met:
    """Meet all obligations together. ``schema`` is the tool's pinned input schema. Changes nothing in place.

    A number above its cap becomes the cap. One that is missing, negative, or no number is no number to be capped.
    """
    wanted = sorted(obligations, key=lambda one: (_ORDER.index(one.demand), len(tokens_of(one.pointer)), one))
    changed: list[Obligation] = []
    problems: dict[Obligation, _Unmet] = {}
    given = arguments
    for one in wanted:
        try:
            arguments = _met(arguments, one, schema, changed)
        except _Unmet as error:
            problems[one] = error
    for one in wanted:
        if one not in problems and not _holds(arguments, one):
            others = tuple(other for other in wanted if other.by != one.by and _touch(one, other)) or (one,)
            return Met(arguments, tuple(changed), _conflict(one, others))
    if not problems:
        return Met(arguments if changed else given, tuple(changed), None)
    # What observe mode would let pass comes last: it must not hide what stops the call there too.
    one = min(problems, key=lambda one: problems[one].code is not Code.POLICY_ERROR)
    text = f"The argument '{one.pointer}' {problems[one]} ({_who(one.by)})."
    return Met(arguments, tuple(changed), Verdict(Outcome.DENY, problems[one].code, (one.by,), (text,)))


def _met(arguments: Mapping[str, Any], one: Obligation, schema: Any, changed: list[Obligation]) -> Mapping[str, Any]:
    """The arguments with one obligation met, which is added to ``changed`` if it set something.

    :raises _Unmet: it cannot be.
    """
    tokens = tokens_of(one.pointer)
    found = _at(arguments, tokens, Code.POLICY_ERROR if one.demand == "force" else Code.DENIED_BY_POLICY)
    if one.demand == "omit":
        if found is not _MISSING:
            raise _Unmet(Code.DENIED_BY_POLICY, "may not be given")
        return arguments
    most = json.loads(one.value)
    if one.demand == "cap":
        if found is _MISSING:
            raise _Unmet(
                Code.DENIED_BY_POLICY,
                f"has to be given, at most {one.value}: without it the server takes what it likes",
            )
        if not _is_number(found) or (found < 0 <= most):
            raise _Unmet(Code.DENIED_BY_POLICY, f"has to be a number{' from 0' if most >= 0 else ''} to {one.value}")
        if found <= most:
            return arguments
    why = refusal(schema, tokens, most)
    if why is not None:
        raise _Unmet(Code.POLICY_ERROR, f"cannot be set to what is demanded of it: {why}")
    changed.append(one)
    return _with(arguments, tokens, most)


def _at(arguments: Any, tokens: Tokens, code: Code) -> Any:
    """The argument that ``tokens`` name, or ``_MISSING``.

    A server can read ``Namespace`` or ``name_space`` as ``namespace``, and a JavaScript one what stands below
    ``__proto__``: beside an argument that something is demanded of there is none that is called so.

    :raises _Unmet: there is, or something on the way is no object.
    """
    node = arguments
    for token in tokens:
        if not isinstance(node, Mapping):
            raise _Unmet(code, "cannot be looked after, as what it stands in is no object")
        alike = _folded(token)
        if any(key != token and (key == _PROTOTYPE or _folded(key) == alike) for key in node):
            raise _Unmet(code, "cannot be looked after, as another one is called nearly the same")
        if token not in node:
            return _MISSING
        node = node[token]
    return node


def _folded(key: str) -> str:
    folded = unicodedata.normalize("NFKC", key).casefold()
    return folded if folded.isalnum() else "".join(character for character in folded if character.isalnum())


def _with(node: Mapping[str, Any], tokens: Tokens, value: Any) -> dict[str, Any]:
    head, *rest = tokens
    return {**node, head: _with(node.get(head, {}), tuple(rest), value) if rest else value}


def _holds(arguments: Mapping[str, Any], one: Obligation) -> bool:
    try:
        found = _at(arguments, tokens_of(one.pointer), Code.POLICY_ERROR)
    except _Unmet:
        return False
    if one.demand == "omit":
        return found is _MISSING
    if one.demand == "cap":
        return _is_number(found) and bool(found <= json.loads(one.value))
    return found is not _MISSING and as_json(found) == one.value


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and (isinstance(value, int) or math.isfinite(value))
    )


def _touch(one: Obligation, other: Obligation) -> bool:
    """Whether one's argument is the other's, or stands in it."""
    pair = tokens_of(one.pointer), tokens_of(other.pointer)
    length = min(map(len, pair))
    return pair[0][:length] == pair[1][:length]


def _conflict(one: Obligation, others: Sequence[Obligation]) -> Verdict:
    by = tuple(sorted({one.by, *(other.by for other in others)}))
    who = " and ".join(_who(name) for name in by)
    text = f"The argument '{one.pointer}' cannot be all that is demanded of it ({who})."
    return Verdict(Outcome.DENY, Code.POLICY_ERROR, by, (text,))


def _who(by: str) -> str:
    kind, _, name = by.partition(":")
    return f"the manifest '{name}'" if kind == "manifest" else f"@{by}"
