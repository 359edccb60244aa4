"""Obligations in a policy's annotations: ``@force``, ``@omit`` and ``@cap`` of a permit that lets tool calls pass."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Final

from rule_of_two.obligations import DEMANDS, Term, Unreadable, parse
from rule_of_two.policy.statements import Statement
from rule_of_two.policy.trees import actions_of, annotations_of

_CALL: Final = "call_tool"
_TYPED: Final = "__"
"""Stands in the name of every action that is one tool's, and in no other."""
_CLOSE: Final = 0.75
_KNOWN: Final = frozenset((*DEMANDS, "id", "message", "code"))


def obligations_of(statement: Statement, name: str, tree: Mapping[str, Any]) -> tuple[Term, ...]:
    """What the policy ``name`` demands of the arguments of each call that it lets pass.

    :raises PolicyError: an obligation cannot be read, stands on a forbid, or on a permit that lets something else pass
        than tool calls.
    """
    annotations = annotations_of(tree)
    for word in annotations.keys() - _KNOWN:
        # A misspelt obligation would be none.
        near = difflib.get_close_matches(word.lower(), DEMANDS, n=1, cutoff=_CLOSE)
        if near:
            raise statement.error(f"'@{word}' is no obligation; did you mean '@{near[0]}'?", name)
    given = [demand for demand in DEMANDS if demand in annotations]
    if not given:
        return ()
    if tree["effect"] != "permit":
        raise statement.error(
            f"a forbid lets nothing pass whose arguments could be changed; put the @{given[0]} on a permit", name
        )
    actions = actions_of(tree)
    if not actions or not all(map(_is_call, actions)):
        raise statement.error(
            f"@{given[0]} is about the arguments of tool calls; write "
            'action in Gateway::Action::"call_tool" in the head of the policy',
            name,
        )
    terms: list[Term] = []
    for demand in given:
        try:
            terms += parse(demand, annotations[demand] or "")
        except Unreadable as error:
            raise statement.error(f"@{demand}: {error}", name) from error
    return tuple(terms)


def _is_call(action: str) -> bool:
    return action == _CALL or _TYPED in action
