"""`why --not`: every way that is told is one, none is needless, and what cannot be told is not."""

from __future__ import annotations

import itertools
import json
from datetime import datetime
from pathlib import Path

import pytest

from rule_of_two.audit.journal import Journal
from rule_of_two.model import (
    Action,
    Facts,
    Label,
    Outcome,
    Principal,
    SessionView,
    Target,
    Verdict,
    completing,
    labels_in,
)
from rule_of_two.policy.authorizer import Authorizer
from rule_of_two.policy.load import load_policies
from rule_of_two.simulation.counterfactual import Counterfactual, counterfactual
from rule_of_two.simulation.judge import Judge
from rule_of_two.store.journal import JournalStore
from tests.harness import House
from tests.people import SEND, tainted
from tests.simulation.rehearsal import forbid

NOW = "2026-11-28T10:00:00.000000+00:00"


def _told(
    folder: Path, held: str, carries: str, *, own: str = "", dropped: bool = False, frozen: bool = False
) -> Counterfactual:
    """Of a call with these labels in a session that holds those, each brought by a call of its own."""
    if own:
        (folder / "own.cedar").write_text(own)
    policies = load_policies(["default", *(["./own.cedar"] if own else [])], relative_to=folder)
    store = JournalStore(folder)
    journal = Journal(store, lambda: NOW, policy_version=lambda: "p", principal=Principal(), client="generic")
    authorizer = Authorizer(policies, Principal(), "generic")
    view = SessionView("s-1")
    numbers: dict[Label, int] = {}
    for label in labels_in(held):
        facts = Facts(Action.CALL_TOOL, "up", f"bring_{label}", frozenset((label,)))
        allowed = authorizer.decide(facts, view, now=datetime.fromisoformat(NOW), environment={})
        numbers[label] = journal.decision_now(facts, view, allowed)
    target = Target("recipient", "bob@example.org", "bob@example.org")
    facts = Facts(Action.CALL_TOOL, "up", "act", labels_in(carries), targets=(target,), manifest="m")
    view = SessionView("s-1", numbers, {}, dropped, frozen)
    verdict = authorizer.decide(facts, view, now=datetime.fromisoformat(NOW), environment={})
    number = journal.decision_now(facts, view, verdict)
    entry = store.get(number)
    assert entry is not None
    found = counterfactual(store, entry, Judge(policies, Principal()), policies="the policies of then")
    store.close()
    return found


LABELS = ["".join(some) for size in range(4) for some in itertools.combinations("ABC", size)]


@pytest.mark.parametrize(("held", "carries"), list(itertools.product(LABELS, LABELS)))
def test_every_way_flips_the_rule_and_no_part_of_one_does(tmp_path: Path, held: str, carries: str) -> None:
    """Against the rule as DESIGN states it, not as Cedar does."""
    found = _told(tmp_path, held, carries)
    asks = completing(labels_in(held), labels_in(carries))
    assert found.same
    assert (found.verdict.outcome is Outcome.ASK) is asks
    assert found.ways or not held + carries
    for way in found.ways:
        for size in range(len(way.changes) + 1):
            for some in itertools.combinations(way.changes, size):
                have, call, dropped = set(held), set(carries), False
                for one in some:
                    if one.what == "gave up":
                        dropped = one.now
                        continue
                    place = have if one.what == "holds" else call
                    (place.add if one.now else place.discard)(one.label or "")
                flipped = completing(labels_in("".join(have)), labels_in("".join(call)), dropped=dropped) is not asks
                assert flipped is (size == len(way.changes)), (way, some)


def test_what_a_policy_of_ones_own_forbids_is_not_laid_to_the_labels(tmp_path: Path) -> None:
    found = _told(tmp_path, "AB", "C", own=forbid("never", 'resource == Gateway::Tool::"up__act"'))
    assert found.verdict.outcome is Outcome.DENY
    assert found.ways == ()
    assert "whatever the session held" in found.lines()[0]
    assert "own.never" in found.lines()[0]


def test_of_a_session_that_gave_up_c_and_of_a_frozen_one(tmp_path: Path) -> None:
    dropped = _told(tmp_path, "A", "C", dropped=True)
    assert [[(one.what, one.label, one.now) for one in way.changes] for way in dropped.ways] == [
        [("carries", "C", False)],
        [("gave up", None, False)],
    ]


def test_policies_that_say_something_else_today_tell_nothing(tmp_path: Path) -> None:
    store = JournalStore(tmp_path)
    journal = Journal(store, lambda: NOW, policy_version=lambda: "p", principal=Principal(), client="generic")
    facts = Facts(Action.CALL_TOOL, "up", "act", labels_in("C"))
    number = journal.decision_now(facts, SessionView("s-1"), Verdict(Outcome.DENY, None, ("gone.forbid",)))
    entry = store.get(number)
    assert entry is not None
    judge = Judge(load_policies(["default"], relative_to=tmp_path), Principal())
    found = counterfactual(store, entry, judge, policies="today's policies")
    store.close()
    assert not found.same
    assert found.ways == ()
    assert found.lines()[0].endswith("was decided as deny; today's policies say allow of it.")


async def test_the_command_asks_the_policies_of_then(house: House) -> None:
    house.settings["policies"] = ["default"]
    async with house.gateway() as gateway:
        await tainted(gateway)
        await gateway.call("rec__read_untrusted")
        result = await gateway.call("rec__send", SEND["arguments"])
    reads = [f"d{one['seq']}" for one in house.journal("decision") if one["name"] == "read_untrusted"]
    assert len(reads) == 2
    decision = result["_meta"]["rule-of-two/decision"]["id"]
    house.settings["policies"] = ["default", "choose-two"]
    lines = house.run("why", "--not", decision).splitlines()
    assert lines[0].endswith("was asked; the policies of then, asked again, say otherwise if")
    without = ", ".join(f"{one} rec__read_untrusted" for one in reads)
    assert lines[1] == f"  the session had not held [A] (without {without}): allow"
    assert lines[-1] == "  or a person said yes to exactly this call: allow"
    facts = json.loads(house.run("--json", "why", "--not", decision))
    assert facts["same"] is True
    assert facts["ways"][0]["changes"] == [{"what": "holds", "label": "A", "now": False, "calls": reads}]
