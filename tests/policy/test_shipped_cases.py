"""The cases beside the shipped sets, and what each set promises: that they hold, and that they would notice."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from rule_of_two.model import Outcome
from rule_of_two.policy.cases.run import Result, Runner, coverage
from rule_of_two.policy.cases.suite import CASES_FILE, Suite, suite_at
from rule_of_two.policy.load import Policies, load_policies
from rule_of_two.policy.proof.properties import load_properties, properties_beside
from rule_of_two.policy.proof.verify import Prover
from rule_of_two.policy.references import INVARIANT, files_of_set, shipped_policies, shipped_sets
from rule_of_two.policy.statements import split

SETS: Final = [INVARIANT, *shipped_sets()]
OWN: Final = [name for name in SETS if name not in {INVARIANT, "default"}]
PERMITTING: Final = {"default", "hold-untrusted", "roots", "sampling"}
"""The sets with permits: all others only ever take away."""
LOWERING: Final = {"trusted-targets", "audiences"}
"""The sets that leave C out of account, and so ask less."""
LOOSER: Final = {"lethal-trifecta", *LOWERING}
WITH_PROPERTIES: Final = [name for name in shipped_sets() if properties_beside(files_of_set(name))]
WITHOUT_PROPERTIES: Final = {"default", "four-eyes", "hold-untrusted", "lethal-trifecta", "roots", "sampling"}
"""What they promise is the invariant's, a permit, or about answers, which the prover does not look at."""


@cache
def suite(name: str) -> Suite:
    return suite_at(str(shipped_policies() / name), relative_to=Path())


@cache
def results(name: str) -> tuple[Result, ...]:
    return run(name, suite(name).policies)


def run(name: str, policies: Policies) -> tuple[Result, ...]:
    """The cases of a set under whatever policies, with the entities that they need."""
    return tuple(Runner(policies).run(suite(name).cases.cases))


def under(name: str, *references: str) -> tuple[Result, ...]:
    entities = [str(suite(name).cases.path.parent / file) for file in suite(name).cases.entities]
    return run(name, load_policies(references, relative_to=Path(), entities=entities))


def strictness(found: tuple[Result, ...]) -> list[int]:
    return [one.verdict.outcome.strictness for one in found]


def left_out(found: tuple[Result, ...]) -> list[bool]:
    """Of which calls C is left out of account, by how the shipped policies are called."""
    return [any(".leave-out" in name for name in one.lowered) for one in found]


def without_one(name: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """Copies of a set, each without one of its policies, where that leaves any."""
    for file in files_of_set(name):
        statements = split(file.read_text(encoding="utf-8"), file)
        for place in range(len(statements)):
            copy = folder / str(place)
            shutil.copytree(file.parent, copy, ignore=shutil.ignore_patterns("properties.cedar"))
            kept = [one.text for number, one in enumerate(statements) if number != place]
            neutral = '@id("test.neutral") @message("m") forbid (principal, action, resource) when { false };'
            (copy / file.name).write_text("\n".join([*kept, neutral]), encoding="utf-8")
            yield statements[place].text, copy


@pytest.mark.parametrize("name", SETS)
def test_each_case_comes_out_as_it_says(name: str) -> None:
    assert [(one.case.place, one.problems, one.verdict.errors) for one in results(name) if not one.passed] == []


@pytest.mark.parametrize("name", SETS)
def test_every_policy_decides_some_case(name: str) -> None:
    assert [one.id for one in suite(name).uncovered(coverage(suite(name).policies, results(name)))] == []


@pytest.mark.parametrize("name", OWN)
def test_some_case_notices_when_a_policy_is_missing(name: str, tmp_path: Path) -> None:
    unnoticed = []
    for policy, copy in without_one(name, tmp_path):
        found = under(name, "default", str(copy))
        if (strictness(found), left_out(found)) == (strictness(results(name)), left_out(results(name))):
            unnoticed.append(policy)
    assert unnoticed == []


@pytest.mark.parametrize("name", OWN)
def test_some_case_is_let_through_beside_those_that_are_not(name: str) -> None:
    assert {Outcome.ALLOW} < {one.verdict.outcome for one in results(name)}


@pytest.mark.parametrize("name", [name for name in OWN if name not in PERMITTING | LOOSER])
def test_a_set_only_ever_restricts(name: str) -> None:
    alone = strictness(under(name, "default"))
    assert all(before <= after for before, after in zip(alone, strictness(results(name)), strict=True))


@pytest.mark.parametrize("name", SETS)
def test_all_sets_together_never_err_and_never_loosen(name: str) -> None:
    together = under(name, *(one for one in shipped_sets() if one != "lethal-trifecta"))
    assert [one.case.place for one in together if one.verdict.errors] == []
    if name not in PERMITTING | LOOSER:
        assert all(
            before <= after for before, after in zip(strictness(results(name)), strictness(together), strict=True)
        )


def test_only_the_lethal_trifecta_lowers_c_and_says_that_it_is_the_one() -> None:
    lowering = {name: load_policies([name], relative_to=Path()).only_communication for name in shipped_sets()}
    assert {name: named for name, named in lowering.items() if named} == {"lethal-trifecta": "lethal-trifecta"}


def test_two_sets_permit_to_leave_c_out_of_account_and_no_other_does() -> None:
    permitting = {name for name in shipped_sets() if load_policies([name], relative_to=Path()).lowers}
    assert permitting == LOWERING


@pytest.mark.parametrize("name", sorted(LOWERING))
def test_a_set_that_asks_less_denies_nothing_less(name: str) -> None:
    """What counts less is the question of the third label alone."""
    for alone, found in zip(under(name, "default"), results(name), strict=True):
        if alone.verdict.outcome is not found.verdict.outcome:
            assert (alone.verdict.outcome, found.verdict.outcome) == (Outcome.ASK, Outcome.ALLOW)
            assert alone.verdict.policies == ("r2.ask-third-label",)


def test_each_set_has_cases() -> None:
    assert [name for name in SETS if not (shipped_policies() / name / CASES_FILE).is_file()] == []


def test_what_a_set_promises_of_calls_is_a_property() -> None:
    assert set(shipped_sets()) - set(WITH_PROPERTIES) == WITHOUT_PROPERTIES


@pytest.mark.parametrize("name", WITH_PROPERTIES)
def test_what_a_set_promises_is_proved(name: str) -> None:
    policies = load_policies(["default", name], relative_to=Path())
    properties = load_properties(properties_beside(files_of_set(name)), policies.schema_text)
    found = list(Prover(policies, properties).results())
    assert [(one.claim.name, one.status) for one in found if one.status not in {"proved", "does not apply"}] == []
    assert {one.id for one in properties} == {one.claim.name for one in found if one.claim.origin is not None}


@pytest.mark.parametrize("name", WITH_PROPERTIES)
def test_each_promise_needs_the_set(name: str, tmp_path: Path) -> None:
    (tmp_path / "lower.cedar").write_text(
        '@id("test.lower") permit (principal, action == Gateway::Action::"lower_c", resource);'
    )
    policies = load_policies(["default", "lower.cedar"], relative_to=tmp_path)
    properties = [
        one
        for one in load_properties(properties_beside(files_of_set(name)), policies.schema_text)
        if "forbid" in one.text
    ]
    found = [one for one in Prover(policies, properties).results() if one.claim.origin is not None]
    assert [one.claim.name for one in found if one.status == "proved"] == []
    assert properties
