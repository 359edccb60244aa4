"""Whatever is asked, the shipped sets neither err nor loosen: hostile names, entities missing or half there."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rule_of_two.model import ALL, Action, Facts, Outcome, Principal, SessionView, Target
from rule_of_two.policy.authorizer import Authorizer
from rule_of_two.policy.directory import reference
from rule_of_two.policy.load import Policies, load_policies
from rule_of_two.policy.references import shipped_sets

NOW: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
RESTRICTING: Final = [name for name in shipped_sets() if name not in {"default", "roots", "sampling"}]
NAMES: Final = st.sampled_from(("s", "t", "S", "s ", "\u0455", 's"::', "s\n", "s__x", "", "\u202e", "x" * 300))
LABELS: Final = st.frozensets(st.sampled_from(("A", "B", "C")))
NUMBERS: Final = st.dictionaries(st.sampled_from(("A", "B", "C")), st.integers(0, 4))
VALUES: Final = st.sampled_from(("s", "t", "", None))

FACTS: Final = st.builds(
    Facts,
    st.sampled_from(tuple(Action)),
    st.sampled_from(("s", "t", "half", "")),
    NAMES,
    LABELS,
    targets=st.lists(
        st.builds(
            Target,
            st.sampled_from(("url", "host", "path", "recipient", "amount", "query")),
            VALUES,
            st.just("x"),
            url=VALUES,
            given=st.sampled_from((True, False, None)),
        ),
        max_size=3,
    ).map(tuple),
    communicates=st.booleans(),
    irreversible=st.booleans(),
)
PRINCIPALS: Final = st.builds(
    Principal,
    NAMES,
    NAMES,
    st.lists(NAMES, max_size=2).map(tuple),
    NAMES,
    st.booleans(),
    NAMES,
    LABELS,
)
VIEWS: Final = st.builds(SessionView, st.just("session"), NUMBERS, NUMBERS, dropped=st.booleans(), frozen=st.booleans())
ENVIRONMENTS: Final = st.fixed_dictionaries(
    {},
    optional={
        "risk": st.integers(-(2**63), 2**63 - 1),
        "local": st.fixed_dictionaries({"hour": st.integers(-1, 99), "weekday": st.integers(-1, 99)}),
        "device": st.fixed_dictionaries({"id": NAMES, "managed": st.booleans()}),
        "network": st.fixed_dictionaries({"zone": NAMES}),
    },
)
NOBODY: Final = reference("User", "nobody described them")
DESCRIBED: Final[list[dict[str, Any]]] = [
    {
        "uid": {"type": f"Gateway::{kind}", "id": name},
        "attrs": attributes,
    }
    for kind, name in (
        ("Server", "s"),
        ("Tool", "s__s"),
        ("Resource", "t__t"),
        ("Server", "half"),
        ("Prompt", "half__s"),
    )
    for attributes in (
        {"owner": NOBODY, "readers": [], "roles": [reference("Role", "s")]}
        if name == "half"
        else {
            "owner": NOBODY,
            "tenant": reference("Tenant", "s"),
            "purposes": [reference("Purpose", "s")],
            "readers": [reference("Group", "s")],
            "writers": [],
            "confidentiality": -(2**63),
            "blocked": False,
        },
    )
] + [
    {"uid": {"type": "Gateway::User", "id": "s"}, "attrs": {"manager": NOBODY, "clearance": 2**63 - 1}},
    {"uid": {"type": "Gateway::Agent", "id": "s"}, "attrs": {"hosts": ["s"], "urls": [], "authors": [NOBODY]}},
]


@pytest.fixture(scope="module")
def entities(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("entities") / "entities.json"
    file.write_bytes(orjson.dumps(DESCRIBED))
    return str(file)


@cache
def policies(entities: str, *sets: str) -> Policies:
    return load_policies(sets, relative_to=Path(), entities=[entities])


def judged(
    entities: str,
    sets: tuple[str, ...],
    principal: Principal,
    facts: Facts,
    view: SessionView,
    environment: dict[str, Any],
) -> tuple[int, tuple[str, ...]]:
    authorizer = Authorizer(policies(entities, *sets), principal, "generic")
    verdict = authorizer.decide(facts, view, now=NOW, environment=environment)
    return verdict.outcome.strictness, verdict.errors


@settings(deadline=None)
@given(FACTS, PRINCIPALS, VIEWS, ENVIRONMENTS)
def test_no_set_errs_and_more_sets_are_never_looser(
    entities: str, facts: Facts, principal: Principal, view: SessionView, environment: dict[str, Any]
) -> None:
    alone, _ = judged(entities, ("default",), principal, facts, view, environment)
    together, errors = judged(entities, ("default", *RESTRICTING), principal, facts, view, environment)
    assert errors == ()
    assert alone <= together


@settings(deadline=None)
@given(FACTS, PRINCIPALS, VIEWS, ENVIRONMENTS, st.sampled_from(RESTRICTING))
def test_no_single_set_is_looser_than_the_default_one(
    entities: str, facts: Facts, principal: Principal, view: SessionView, environment: dict[str, Any], name: str
) -> None:
    alone, _ = judged(entities, ("default",), principal, facts, view, environment)
    beside, errors = judged(entities, ("default", name), principal, facts, view, environment)
    assert errors == ()
    assert alone <= beside


@pytest.mark.parametrize("name", ["travel-agent", "web-research", "choose-two", "purpose", "context", "risk", "acl"])
def test_a_server_that_nobody_knows_gets_nothing(name: str, entities: str) -> None:
    facts = Facts(Action.CALL_TOOL, "new", "tool", ALL)
    outcome, _ = judged(entities, ("default", name), Principal(), facts, SessionView("session"), {})
    assert outcome == Outcome.DENY.strictness
