"""An operator's own properties: Cedar policies in ``properties.cedar`` beside their policies.

They decide nothing. A ``forbid`` says of which requests none may run unasked; with ``@even("approved")`` none may run
at all, whatever people answer. A ``permit`` says which requests have to run unasked; with ``@even("asked")`` it is
enough that they run when people say yes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from rule_of_two.errors import PolicyError
from rule_of_two.policy.load import read_text
from rule_of_two.policy.proof.abstraction import reads_approvals, tree_of
from rule_of_two.policy.references import PROPERTIES
from rule_of_two.policy.slices import LOWER_C
from rule_of_two.policy.statements import Statement, split
from rule_of_two.policy.syntax import Grammar, Policy
from rule_of_two.policy.trees import actions_of, annotations_of

_EVEN: Final = {"forbid": "approved", "permit": "asked"}


def properties_beside(files: Iterable[Path]) -> Sequence[Path]:
    """The property files in the folders of these policy files."""
    folders = dict.fromkeys(file.parent for file in files)
    return [folder / PROPERTIES for folder in folders if (folder / PROPERTIES).is_file()]


def load_properties(files: Iterable[Path], schema_text: str) -> Sequence[Policy]:
    """The properties of these files.

    :raises PolicyError: one of them is no valid policy, has no ``@id`` or ``@message``, repeats an ``@id``, or has an
        ``@even`` that says nothing; with file and line.
    """
    grammar = Grammar(schema_text)
    found: dict[str, Policy] = {}
    for file in files:
        for statement in split(read_text(file), file):
            one = _property(statement, grammar)
            if one.id in found:
                first = found[one.id]
                raise statement.error(f"this @id stands already in {first.file}:{first.line}; choose another", one.id)
            found[one.id] = one
    return list(found.values())


def _property(statement: Statement, grammar: Grammar) -> Policy:
    one = grammar.parse(statement)
    tree = tree_of(one)
    if one.message is None:
        raise statement.error("a property needs a @message, the sentence that a report says of it", one.id)
    if reads_approvals(one):
        raise statement.error("a property is about requests, not about what people answered; use @even instead", one.id)
    named = actions_of(tree)
    if LOWER_C in named and len(named) > 1:
        raise statement.error(f"a property is about {LOWER_C} alone or not at all; write two of them", one.id)
    annotations = annotations_of(tree)
    if LOWER_C in named and "even" in annotations:
        raise statement.error(f"nobody is asked about {LOWER_C}, so @even says nothing; take it off", one.id)
    wanted = _EVEN[tree["effect"]]
    if "even" in annotations and annotations["even"] != wanted:
        raise _even(statement, one, tree["effect"], wanted)
    return one


def _even(statement: Statement, one: Policy, effect: str, wanted: str) -> PolicyError:
    return statement.error(f'a {effect} can say @even("{wanted}") and nothing else', one.id)
