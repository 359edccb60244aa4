"""Which of many facts bear on a question, so that a question about two policies is not one about a thousand."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from rule_of_two.policy.proof.actions import ACTION, TYPE_OF
from rule_of_two.policy.proof.formula import Atom, Equal, Flag, Formula, Less, Number, Unknown, atoms

_COMMON: Final = frozenset((ACTION, *TYPE_OF.values()))
"""Of action and types every question speaks."""

_FEW: Final = 20
"""An atom of more facts than these leads to no further atoms: it says something of too much."""


class Neighbourhood:
    """Facts, found by the atoms of a question. Leaving facts out is safe: what is impossible stays so with more."""

    def __init__(self, facts: Iterable[Formula]) -> None:
        self._facts = [(fact, frozenset(_known_by(fact))) for fact in facts]
        self._always = [fact for fact, about in self._facts if all(map(_is_between, about))]
        count = Counter(atom for _, about in self._facts for atom in about)
        self._by_rarest: dict[Atom, list[int]] = defaultdict(list)
        self._beside: dict[Atom, set[Atom]] = defaultdict(set)
        for number, (_, about) in enumerate(self._facts):
            if not all(map(_is_between, about)):
                self._by_rarest[min(about, key=lambda atom: count[atom])].append(number)
            for atom in about:
                if count[atom] <= _FEW:
                    self._beside[atom] |= about

    def atoms(self, formulas: Iterable[Formula]) -> frozenset[Atom]:
        """Those of ``formulas``, and those that few facts lead to from there."""
        own = {atom for formula in formulas for atom in _known_by(formula)}
        return frozenset(own.union(*(self._beside.get(atom, ()) for atom in own)))

    def facts(self, about: frozenset[Atom]) -> Iterator[Formula]:
        """The facts that speak of nothing else."""
        yield from self._always
        for atom in about:
            for number in self._by_rarest.get(atom, ()):
                fact, needs = self._facts[number]
                if needs <= about:
                    yield fact


def _known_by(formula: Formula) -> Iterator[Atom]:
    """Its atoms, an equation of a number the same way round wherever it stands."""
    for atom in atoms(formula):
        if isinstance(atom, Equal) and isinstance(atom.left, Number):
            atom = Equal(atom.right, atom.left)  # noqa: PLW2901  # the same atom
        if not _is_common(atom):
            yield atom


def _is_common(atom: Atom) -> bool:
    return isinstance(atom, Equal | Less) and (atom.left in _COMMON or atom.right in _COMMON)


def _is_between(atom: Atom) -> bool:
    """It compares two unknowns, so it bears on every question about either."""
    return not isinstance(atom, Flag) and isinstance(atom.left, Unknown) and isinstance(atom.right, Unknown)
