"""`audit verify` of what calls brought back: no result was handed over that nothing, or nobody, had let in.

Each forgery changes one thing in a journal that a real gateway wrote, with alice's key enrolled.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from rule_of_two.approvals.choice import Choice
from tests.attacks.test_forged_journal import ALICE, Forger, causes
from tests.gateway.test_release import ANN, EVE, MIXED, PAGE, acted_on_private, structured
from tests.harness import House, outcome
from tests.people import enrol, human

OTHER = "ab" * 32


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def genuine(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A journal in which alice had a result handed over without what asked, then one of the items that asked, and in
    the next session a whole page."""
    house = House(tmp_path_factory.mktemp("genuine"))
    house.servers = {"rec": house.recorder("sent"), "echo": house.echo("ann@acme.example")}
    enrol(house, ("alice", ALICE))
    letters = {"name": "echo__letters", "arguments": {"reply": structured(ANN, EVE, MIXED)}}
    async with house.gateway() as gateway, human(house, key=ALICE) as person:
        await acted_on_private(gateway)
        waiting = gateway.start("tools/call", letters)
        person.give(await person.question(), Choice.WITHOUT)
        assert outcome((await waiting)["result"]) == ("allow", None)
        waiting = gateway.start("tools/call", letters)
        question = await person.question(2)
        assert question.arrival is not None
        person.give(question, items=(question.arrival.items[2].id,))
        assert outcome((await waiting)["result"]) == ("allow", None)
    async with house.gateway() as gateway, human(house, key=ALICE) as person:
        await acted_on_private(gateway)
        waiting = gateway.start("tools/call", {"name": "echo__pages", "arguments": {"reply": PAGE}})
        person.give(await person.question())
        assert outcome((await waiting)["result"]) == ("allow", None)
    assert causes(house) == []
    return house


@pytest.fixture
def forger(genuine: House, tmp_path: Path) -> Forger:
    """A copy of it, to be forged."""
    house = House(tmp_path / "copy", settings=genuine.settings)
    house.state.mkdir(parents=True)
    (house.state / "journal.db").write_bytes((genuine.state / "journal.db").read_bytes())
    return Forger(house)


def decisions(forger: Forger, name: str, *, releases: bool) -> list[dict[str, Any]]:
    """The decisions about a tool's calls, or about what these brought back."""
    made = forger.house.journal("decision")
    return [one for one in made if one["name"] == name and ("releases" in one) == releases]


def released(forger: Forger, place: int) -> dict[str, Any]:
    """One that let something in: without what asked, one picked item, the page."""
    letters, pages = (decisions(forger, name, releases=True) for name in ("letters", "pages"))
    return [one for one in (*letters, *pages) if one["outcome"] == "allow"][place]


def outcome_of(forger: Forger, call: int) -> dict[str, Any]:
    (found,) = [one for one in forger.house.journal("outcome") if one["decision"] == call]
    return found


@pytest.mark.parametrize("place", [1, 2])
def test_a_yes_to_another_result_is_none_to_this_one(forger: Forger, place: int) -> None:
    item = {"id": "m9", "sha256": OTHER, "labels": ["A"]}
    one = released(forger, place)
    forger.change(one["seq"], result_sha256=OTHER, **({"items": [item]} if place == 1 else {}))
    assert (f"d{one['seq']}", "other_result") in causes(forger.house)


def test_a_digest_of_the_whole_hides_no_other_item(forger: Forger) -> None:
    one = released(forger, 1)
    arrival = forger.entry("question", 1)["arrival"]
    forger.change(one["seq"], result_sha256=arrival["digest"], items=[{"sha256": OTHER, "labels": ["A"]}])
    assert (f"d{one['seq']}", "other_result") in causes(forger.house)


def test_a_yes_to_one_item_is_none_to_the_others(forger: Forger) -> None:
    one, without = released(forger, 1), released(forger, 0)
    every = [*one["items"], *without["withheld_items"]]
    forger.change(one["seq"], items=every)
    forger.change(outcome_of(forger, one["releases"])["seq"], items=every)
    assert causes(forger.house) == [(f"d{one['seq']}", "no_approval")]


@pytest.mark.parametrize("member", ["digest", "without", "items"])
def test_what_a_question_was_about_is_bound_by_its_digest(forger: Forger, member: str) -> None:
    question = forger.entry("question")
    changed = [["w-1", OTHER]] if member == "items" else OTHER
    forger.change(question["seq"], arrival={**question["arrival"], member: changed})
    assert (f"#{question['seq']}", "digest") in causes(forger.house)


@pytest.mark.parametrize("arrival", [None, 7, {}, {"digest": OTHER}, {"digest": OTHER, "without": None, "items": []}])
def test_a_question_about_nothing_that_can_be_read_is_found(forger: Forger, arrival: object) -> None:
    question = forger.entry("question", 2)
    forger.change(question["seq"], arrival=arrival)
    assert (f"#{question['seq']}", "digest") in causes(forger.house)


def test_a_yes_lets_one_result_in_once(forger: Forger) -> None:
    again = forger.again(released(forger, 2)["seq"])
    assert causes(forger.house) == [(f"d{again}", "used_twice")]


def test_a_yes_to_a_result_is_none_to_a_call(forger: Forger) -> None:
    one = released(forger, 2)
    forger.change(one["seq"], releases=None)
    assert (f"d{one['seq']}", "other_call") in causes(forger.house)


def test_what_completes_the_set_needs_a_yes_when_it_is_let_in(forger: Forger) -> None:
    one = released(forger, 2)
    body = json.loads(forger.row(one["seq"])[4])
    del body["approves"]
    forger.run("UPDATE entries SET body = ? WHERE seq = ?", json.dumps(body), one["seq"])
    assert causes(forger.house) == [(f"d{one['seq']}", "no_approval")]


def test_what_was_to_be_left_out_is_not_let_in(forger: Forger) -> None:
    one = released(forger, 0)
    forger.change(one["seq"], labels=["A", "B"])
    assert causes(forger.house) == [(f"d{one['seq']}", "no_approval")]


def test_nothing_is_handed_over_that_was_not_let_in(forger: Forger) -> None:
    one = released(forger, 0)
    entry = outcome_of(forger, one["releases"])
    forger.change(entry["seq"], items=[*entry["items"], *one["withheld_items"]])
    assert causes(forger.house) == [(f"#{entry['seq']}", "other_result")]


@pytest.mark.parametrize("which", ["allow", "all"])
def test_a_result_that_no_decision_let_in_is_found(forger: Forger, which: str) -> None:
    one = released(forger, 2)
    entry = outcome_of(forger, one["releases"])
    for decision in decisions(forger, "pages", releases=True):
        if which == "all" or decision["outcome"] == "allow":
            forger.run("DELETE FROM entries WHERE seq = ?", decision["seq"])
    assert (f"#{entry['seq']}", "not_released") in causes(forger.house)


def test_a_call_that_acts_is_not_sent_uncounted(forger: Forger) -> None:
    sent = decisions(forger, "pages", releases=False)[0]
    forger.change(sent["seq"], defers=["A", "C"])
    assert causes(forger.house) == [(f"d{sent['seq']}", "acts")]


@pytest.mark.parametrize("releases", ["other", "later"])
def test_a_decision_lets_in_the_result_of_the_call_that_it_is_about(forger: Forger, releases: str) -> None:
    one, sent = released(forger, 2), decisions(forger, "letters", releases=False)[0]
    forger.change(one["seq"], releases=sent["seq"] if releases == "other" else one["seq"] + 1)
    found = causes(forger.house)
    assert (f"d{one['seq']}", "other_call" if releases == "other" else "no_call") in found
    assert "not_released" in {cause for _, cause in found}


def test_items_are_not_added_to_an_answer(forger: Forger) -> None:
    answer = forger.entry("answer", 1)
    forger.change(answer["seq"], receipt__items=[])
    assert (f"#{answer['seq']}", "bad_signature") in causes(forger.house)


def test_no_forged_member_breaks_an_explanation(forger: Forger) -> None:
    """Whatever stands in the lists, `why` says what can be read of it, and no text in it begins a line."""
    one, hostile = released(forger, 0), "x\n  Then alice answered yes.\x1b[2K\u202e"
    nonsense: list[Any] = [{"id": hostile, "authors": [hostile, 7], "labels": 7, "sha256": None, "name": hostile}, 7]
    lists = {"items": nonsense, "dropped_items": [{"policies": [hostile]}], "withheld_items": nonsense}
    forger.change(one["seq"], **lists, counts={"items": -1, "dropped": "x"}, lowered_by=[hostile], after=hostile)
    forger.change(outcome_of(forger, one["releases"])["seq"], items=nonsense, more_items=2**62)
    later = released(forger, 1)["seq"]
    for number in (one["seq"], one["releases"], later):
        printed = forger.house.run("why", f"d{number}")
        assert "alice answered yes." in printed
        assert not [line for line in printed.splitlines() if line.startswith("  Then alice answered yes.")]
        assert all(line.isprintable() for line in printed.split("\n"))
        assert json.loads(forger.house.run("--json", "why", f"d{number}"))["decision"] == f"d{number}"
