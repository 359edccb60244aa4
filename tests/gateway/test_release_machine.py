"""The state machine of the pipeline, with calls whose results are decided when they are there.

Reads that would complete the set are sent with nothing reserved; results are taken apart, narrowed, asked about, let in
whole or in part, withheld, given up; notes that were read are written meanwhile, and everything else that
:mod:`tests.gateway.test_model_machine` does goes on beside them.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.pending import MAX_OF_SESSION
from rule_of_two.approvals.question import Question
from rule_of_two.gateway.released import Released
from rule_of_two.manifests.metadata import Trust
from rule_of_two.manifests.result_spec import ResultSpec
from rule_of_two.manifests.results import ResultReader
from rule_of_two.model import INGRESS, NONE, Action, Facts, Labels, labels_in
from rule_of_two.records import replace
from rule_of_two.wire.peer import RemoteError
from tests.gateway.naive_rule import Rules
from tests.gateway.test_model_machine import LABELS, MOST_QUESTIONS, NOTES, Machine, Running, refused_only, stored

READER: Final = ResultReader(ResultSpec(items="/items/*", labels="/labels"), Trust(authority=True), what="rec: tool")
ITEMS: st.SearchStrategy[list[Labels]] = st.lists(st.frozensets(st.sampled_from(("A", "B"))), min_size=1, max_size=3)


def reply_of(items: list[Labels]) -> dict[str, Any]:
    """A result whose platform says of each item what it carries."""
    said = [
        {
            "number": number,
            "labels": {
                "integrity": "untrusted" if "A" in labels else "trusted",
                "confidentiality": "private" if "B" in labels else "public",
            },
        }
        for number, labels in enumerate(items)
    ]
    return {"content": [], "structuredContent": {"items": said}}


class ReleaseMachine(Machine):
    def __init__(self) -> None:
        self.own: dict[int, tuple[Labels, set[str], bool]] = {}
        """Of each call: its own labels, what it reads, and whether its result is taken apart."""
        self.items: dict[int, list[Labels] | None] = {}
        """What arrived, by call; ``None``: nothing is known of it."""
        super().__init__()

    def clinging(self, reads: set[str]) -> Labels:
        return NONE.union(*(labels_in(self.notes[name]) for name in NOTES if reads & {name, "/n"}))

    @rule(labels=LABELS, reads=st.sets(st.sampled_from((*NOTES, "/n")), max_size=1), reader=st.booleans())
    def read(self, labels: Labels, reads: set[str], reader: bool) -> None:
        """A call whose result is decided when it is there; one that only reads is sent where it would ask."""
        known = labels | self.clinging(reads)
        asks = self.model.asks(known, self.in_force)
        waits = asks and "C" not in known
        facts = Facts(Action.CALL_TOOL, "rec", "tool", labels, reads=stored(reads))
        call = self.runner.run(
            self.start(known, touching=facts, waits=waits, brings=True, reader=READER if reader else None)
        )
        self.own[id(call)] = labels, reads, reader
        self.took(call, sent=not asks or waits, waits=asks and not waits)

    def brought(self, call: Running, places: list[int] | None = None) -> Labels:
        """What these items of a result bring, or all of it, by now."""
        own, reads, _ = self.own[id(call)]
        items, clinging = self.items[id(call)], self.clinging(reads)
        if items is None:
            return (call.labels | own | clinging) & INGRESS
        chosen = items if places is None else [items[place] for place in places]
        return clinging.union(*chosen) if chosen else NONE

    @precondition(lambda self: any(call.brings for call in self.flying))
    @rule(data=st.data(), how=st.sampled_from(("result", "result", "error")))
    def arrive(self, data: st.DataObject, how: str) -> None:
        call = data.draw(st.sampled_from([call for call in self.flying if call.brings]))
        _, reads, reader = self.own[id(call)]
        taken_apart = reader and how == "result"
        self.items[id(call)] = data.draw(ITEMS) if taken_apart else None
        act, model = call.labels & labels_in("C"), self.models[call.session]
        waited = not call.reserves >= call.labels
        decided = waited or taken_apart or not self.clinging(reads) <= call.labels
        if not decided:
            self.runner.run(self.settle(call, how))
            self.land(call, call.labels)
            return
        model.flying.remove(call.reserves)
        model.flying.append(act)
        call.reserves = act
        came = self.brought(call)
        asks, forbidden = self.asks(call, came), model.frozen or call.session != self.session
        full = len([one for one in self.waiting if one.session == call.session]) == MAX_OF_SESSION
        self.runner.run(self.reply(call, how))
        if forbidden or (asks and (how == "error" or full)):
            assert self.handed_over(call) is None
            self.land(call, act)
        elif not asks:
            if how == "result":
                self.must_be(call, None)
            self.land(call, came | act)
        else:
            assert call.task is not None
            assert not call.task.done()
            call.asked = 1
            self.last(call)

    def asks(self, call: Running, came: Labels, rules: Rules | None = None) -> bool:
        """Whether a person is asked about what came, unless they said yes to the call with all of that."""
        model = self.models[call.session]
        covered = call.approved and model.before() <= call.covers and self.brought(call) <= call.labels
        return model.asks(came, rules or self.in_force) and not covered

    def last(self, call: Running) -> None:
        """It is asked about behind the others."""
        self.calls.remove(call)
        self.calls.append(call)

    async def reply(self, call: Running, how: str) -> None:
        asked, items = self.console.total, self.items[id(call)]
        if how == "error":
            call.reply.set_exception(RemoteError(-1, "poison"))
        else:
            call.reply.set_result({"content": []} if items is None else reply_of(items))
        call.arrived = True
        await self.until_it_waits(call, asked)

    def handed_over(self, call: Running) -> Released | None:
        """What the client got of the result; ``None``: nothing."""
        assert call.task is not None
        assert call.task.done()
        call.arrived = False
        with refused_only():
            released: Released = call.task.result()
            return None if released.nothing else released
        return None

    def must_be(self, call: Running, places: list[int] | None) -> list[int] | None:
        """Exactly these items were handed over, or all."""
        released, items = self.handed_over(call), self.items[id(call)]
        assert released is not None
        if items is None:
            assert released.result["content"] == []
            return None
        expected = list(range(len(items))) if places is None else places
        found = [one["number"] for one in released.result["structuredContent"]["items"]]
        assert found == expected, (found, expected)
        return found

    @precondition(lambda self: self.waiting and self.waiting[0].arrived)
    @rule(data=st.data(), verdict=st.sampled_from((Choice.YES, Choice.DROP, Choice.WITHOUT)))
    def choose(self, data: st.DataObject, verdict: Choice) -> None:
        """A person lets in some items, all but those that ask, or gives up C."""
        call, question = self.waiting[0], self.console.asked[0]
        if verdict is Choice.WITHOUT and Choice.WITHOUT not in question.offers:
            return
        picks = None
        if verdict is Choice.YES and question.arrival is not None and self.items[id(call)] is not None:
            asking = [place for place, item in enumerate(question.arrival.items) if item.asks]
            picks = data.draw(st.sets(st.sampled_from(asking), min_size=1))
        self.answer_arrived(call, question, verdict, picks=picks)

    def answer_arrived(
        self,
        call: Running,
        question: Question,
        verdict: Choice,
        *,
        rules: Rules | None = None,
        picks: set[int] | None = None,
    ) -> None:
        model, arrival, items = self.models[call.session], question.arrival, self.items[id(call)]
        assert arrival is not None
        in_force, same = rules or self.in_force, call.session == self.session
        answer = self.says(question, verdict)
        asking = {place for place, item in enumerate(arrival.items) if item.asks}
        shown = set(question.held) == model.before() and rules is None and self.brought(call) == question.labels
        places = None
        if items is not None and (picks is not None or verdict is Choice.WITHOUT):
            left = asking - (picks or set())
            places = [place for place in range(len(items)) if place not in left]
        if picks is not None:
            answer = replace(answer, items=tuple(arrival.items[place].id for place in sorted(picks)))
        if verdict is Choice.DROP and same:
            self.drop_c()
        approved = verdict is Choice.YES and shown
        before = set(model.before())
        self.runner.run(self.give_about(call, answer, rules))
        assert call.task is not None
        act = call.reserves
        if not call.task.done():
            # Asked anew: nothing that was said covers what would be let in by now.
            assert not approved
            assert same
            assert self.asks(call, self.brought(call), in_force)
            call.asked += 1
            assert call.asked <= MOST_QUESTIONS
            self.last(call)
            return
        released = self.handed_over(call)
        if verdict is Choice.NO or not same or model.frozen:
            assert released is None
        if released is None:
            ends = verdict is Choice.NO or not same or model.frozen
            assert ends or (call.asked == MOST_QUESTIONS and not approved)
            self.land(call, act)
            return
        assert before == model.before()
        handed = None if items is None else [one["number"] for one in released.result["structuredContent"]["items"]]
        came = self.brought(call, handed)
        # INVARIANT: what is handed over completes nothing, unless a person said yes to exactly this.
        assert approved or not self.asks(call, came, in_force), (model, came)
        if places is not None:
            assert handed == places
        self.land(call, came | act)

    async def give_about(self, call: Running, answer: Any, rules: Rules | None) -> None:
        asked = self.console.total
        answering = asyncio.create_task(self.desk.answer(answer))
        await asyncio.sleep(0)  # as far as the judge's one checkpoint
        assert not answering.done()
        if rules is not None:
            self.put(rules)
        assert await answering is None
        await self.until_it_waits(call, asked)

    def drop_c(self) -> None:
        self.elsewhere.write_now(lambda db: db.execute("UPDATE sessions SET dropped = 1 WHERE id = ?", (self.session,)))
        self.model.dropped = True

    @precondition(lambda self: any(call.arrived for call in self.calls))
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        """The client goes away while a person reads what came back."""
        call = data.draw(st.sampled_from([call for call in self.calls if call.arrived]))
        self.runner.run(self.end([call]))
        assert self.handed_over(call) is None
        self.land(call, call.reserves)


TestReleaseMachine = pytest.mark.timeout(300)(ReleaseMachine.TestCase)
TestReleaseMachine.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
