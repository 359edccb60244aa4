"""Of many facts, a question is told those that bear on it."""

from __future__ import annotations

from rule_of_two.policy.findings.neighbourhood import Neighbourhood
from rule_of_two.policy.proof.formula import Equal, Flag, Number, Unknown, negated, some

IN_WEB, IN_FILES, LOCAL = Flag("in web"), Flag("in files"), Flag("local")
SERVER, RESOURCE = Unknown("server", "Entity"), Unknown("resource", "Entity")
WEB = Equal(SERVER, Number(1))
TOOL = Equal(RESOURCE, Number(2))
BELONGS = some((negated(IN_WEB), WEB))
NAMED = some((negated(TOOL), WEB))
OTHER = some((negated(IN_FILES), LOCAL))
ITSELF = Equal(SERVER, RESOURCE)


def test_facts_of_a_question_are_those_about_its_atoms_and_what_these_lead_to() -> None:
    found = Neighbourhood([BELONGS, NAMED, OTHER])
    assert list(found.facts(found.atoms([IN_FILES]))) == [OTHER]
    assert set(found.facts(found.atoms([TOOL, IN_WEB]))) == {BELONGS, NAMED}
    assert list(found.facts(found.atoms([Flag("unheard of")]))) == []


def test_an_equation_is_the_same_the_other_way_round() -> None:
    found = Neighbourhood([BELONGS])
    assert list(found.facts(found.atoms([Equal(Number(1), SERVER)]))) == [BELONGS]


def test_what_compares_two_unknowns_bears_on_every_question() -> None:
    found = Neighbourhood([ITSELF, OTHER])
    assert list(found.facts(found.atoms([IN_WEB]))) == [ITSELF]


def test_an_atom_of_many_facts_leads_nowhere_but_its_facts_are_found_from_their_other_end() -> None:
    empty = Flag("empty")
    elements = [Flag(f"contains {number}") for number in range(50)]
    facts = [negated(some((negated(empty), negated(one)))) for one in elements]
    found = Neighbourhood(facts)
    assert list(found.facts(found.atoms([empty]))) == []
    assert list(found.facts(found.atoms([elements[7]]))) == [facts[7]]
