"""The second gate attacked: bytes that go around it, a yes that is stretched, labels that are washed off on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from rule_of_two.approvals.choice import Choice
from rule_of_two.errors import StoreError
from rule_of_two.model import INGRESS, Action, Facts, Labels, labels_in
from tests.attacks.modern_upstream import Upstream, upstream
from tests.attacks.puppets import modern
from tests.gateway.naive_rule import RULES, Rules, loaded
from tests.gateway.test_model_machine import Running, stored
from tests.gateway.test_release import ANN, EVE, PAGE, POISON, WITHHELD, acted_on_private, structured
from tests.gateway.test_release_machine import READER, ReleaseMachine
from tests.harness import UPSTREAMS, House, outcome
from tests.people import human

ON: Final = {"channels": ["console", "elicitation"], "wait": "20s"}


@pytest.fixture
def office(house: House) -> House:
    """An upstream that returns what its caller says; Ann's words are trusted, and what she may see is private."""
    house.servers = {"rec": house.recorder("sent"), "echo": house.echo("ann@acme.example")}
    house.settings["approvals"] = {"wait": "20s"}
    return house


def asks_for_every_item(office: House, **settings: Any) -> None:
    """Policy has each item looked at, whatever the session holds; so a call reserves what it can bring first."""
    (office.folder / "own.cedar").write_text(
        '@id("own.look") @message("Looked at.") forbid (principal, action == '
        'Gateway::Action::"return_document", resource) unless { context.approved };'
    )
    office.settings["policies"] = ["default", "./own.cedar"]
    office.settings["approvals"] = {"wait": "0s", **settings}


async def test_a_result_that_waits_while_its_client_is_away_and_was_reserved_does_not_end_all_decisions(
    office: House,
) -> None:
    """What was reserved for it ended when the client was told to come back, and is not narrowed once more."""
    asks_for_every_item(office)
    call: tuple[str, dict[str, Any]] = ("echo__letters", {"reply": structured(ANN)})
    async with office.gateway() as gateway, human(office) as person:
        assert outcome(await gateway.call(*call)) == ("ask", "approval_pending")
        person.give(await person.question())
        result = await gateway.call(*call)
        while outcome(result)[1] == "approval_pending":
            result = await gateway.call(*call)
        assert result["structuredContent"]["items"] == [ANN]
        assert office.sent("echo") == ["letters"]
        assert outcome(await gateway.call("rec__neutral")) == ("allow", None)
        assert office.sql("SELECT count(*) FROM reservations") == [(0,)]


async def test_what_came_back_is_never_put_before_the_client_that_it_is_kept_from(office: House) -> None:
    """Names of items and authors are the upstream's words. They are kept from the client that could ask."""
    office.settings["approvals"] = ON
    named = {**EVE, "id": POISON}
    async with office.gateway(initialize=False) as gateway:
        await gateway.initialize(elicitation={})
        gateway.answers["elicitation/create"] = {"result": {"action": "decline"}}
        await acted_on_private(gateway)
        result = await gateway.call("echo__letters", {"reply": structured(ANN, named)})
        assert POISON not in json.dumps([result, gateway.asked, gateway.notifications])
        assert result["structuredContent"]["items"] == [ANN]
        assert result["_meta"][WITHHELD]["count"] == 1
        assert office.held() == {"B", "C"}


async def test_where_only_the_client_can_be_asked_a_read_is_asked_about_before_it_is_sent(office: House) -> None:
    office.settings["approvals"] = ON
    async with office.gateway(initialize=False) as gateway:
        await gateway.initialize(elicitation={})
        gateway.answers["elicitation/create"] = {"result": {"action": "decline"}}
        await acted_on_private(gateway)
        assert outcome(await gateway.call("echo__pages", {"reply": PAGE})) == ("deny", "approval_denied")
        assert len(gateway.asked) == 1
        assert office.sent("echo") == []


class Asking(Upstream):
    """Says that it needs input, and puts words of its own beside that."""

    def answer(self, method: str) -> dict[str, Any]:
        if method != "tools/call":
            return super().answer(method)
        self.asked.append(method)
        beside = {"content": [{"type": "text", "text": POISON}], "_meta": {"x": POISON}, POISON: 1}
        return {"result": {"resultType": "input_required", "requestState": "s", **beside}}


async def test_a_question_of_a_waiting_call_carries_nothing_beside_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.attacks.modern_upstream.Upstream", Asking)
    recorder = house.recorder("sent")
    with upstream(house) as served:
        house.servers["rec"] = recorder
        async with house.gateway(initialize=False) as gateway, human(house):
            await modern(gateway, "rec__send", {})
            await modern(gateway, "rec__read_private", {})
            reply = await modern(gateway, "far__read", {})
            assert served.calls == 1
            assert reply["result"]["resultType"] == "input_required"
            assert POISON not in json.dumps(reply)
            assert house.held() == {"B", "C"}


async def test_how_far_a_waiting_call_is_says_nothing_else(office: House) -> None:
    """A number of any length could tell anything."""
    script = (UPSTREAMS / "echo.py").read_text().replace('"progress": 1, "total": 2', '"progress": 4711 * 10**40')
    path = office.folder / "telling.py"
    path.write_text(script)
    office.servers["echo"]["args"][0] = str(path)
    async with office.gateway() as gateway, human(office) as person:
        await acted_on_private(gateway)
        call = {"name": "echo__pages", "arguments": {"reply": PAGE}, "_meta": {"progressToken": "t"}}
        waiting = gateway.start("tools/call", call)
        person.give(await person.question(), Choice.NO)
        await waiting
        assert "4711" not in json.dumps(gateway.notifications)


async def test_a_log_message_does_not_tell_what_waits_even_where_such_texts_are_said_to_be_clean(office: House) -> None:
    """The server answers, and then logs what it answered while a person still reads that."""
    script, manifest = office.folder / "telling.py", office.folder / "telling.yaml"
    says = f'{{"level": "error", "data": "{POISON}"}}'
    script.write_text(
        (UPSTREAMS / "echo.py").read_text()
        + '        if received["method"] == "tools/call":\n'
        + f'            write({{"method": "notifications/message", "params": {says}}})\n'
    )
    manifest.write_text((UPSTREAMS / "echo.yaml").read_text().replace("texts: [A]", "texts: []"))
    office.servers["echo"]["args"][0], office.servers["echo"]["manifest"] = str(script), str(manifest)
    async with office.gateway() as gateway, human(office) as person:
        await acted_on_private(gateway)
        waiting = gateway.start("tools/call", {"name": "echo__pages", "arguments": {"reply": PAGE}})
        question = await person.question()
        while not (said := [one for one in office.journal("decision") if one["action"] == "receive"]):
            await gateway.request("ping")
        assert said[-1]["outcome"] == "ask"
        person.give(question, Choice.NO)
        await waiting
        assert POISON not in json.dumps(gateway.notifications)


NOTES: Final = """
version: 1
server: echo
source: a test
match: {command: echo.py}
tools:
  letters:
    labels: [A]
    reads: {note: /name}
    result: {items: "/items/*", id: /id, author: /from}
  act: {labels: [C], writes: {note: /name}}
texts: [A]
"""


async def test_what_the_ledger_says_of_a_note_stays_whoever_its_platform_says_wrote_it(office: House) -> None:
    """An agent that had read something wrote it, under its user's trusted name."""
    manifest = office.folder / "notes.yaml"
    manifest.write_text(NOTES)
    office.servers["echo"]["manifest"] = str(manifest)
    async with office.gateway() as gateway:
        await gateway.call("rec__read_untrusted")
        assert outcome(await gateway.call("echo__act", {"name": "n"})) == ("allow", None)
    async with office.gateway() as gateway:
        other = await gateway.call("echo__letters", {"name": "other", "reply": structured(ANN)})
        assert other["structuredContent"]["items"] == [ANN]
        assert office.held() == set()
        await gateway.call("echo__letters", {"name": "n", "reply": structured(ANN)})
        assert office.held() == {"A"}


RISKY: Final = """
@id("own.drop") @message("Not now.")
forbid (principal, action == Gateway::Action::"return_document", resource)
when { resource.labels.A && context has risk && context.risk >= 80 };
@id("own.look") @message("Looked at.")
forbid (principal, action == Gateway::Action::"return_document", resource)
when { resource.labels.B } unless { context.approved };
"""
"""What is untrusted is dropped at a high risk, and what is private is looked at."""


@contextmanager
def waiting(items: list[Labels], *reads: str) -> Iterator[tuple[ReleaseMachine, Running]]:
    """A pipeline at a high risk, and a call that reads, of which these items arrived and wait for a person."""
    machine = ReleaseMachine()
    try:
        machine.put(Rules(loaded(RISKY, "default")))
        machine.rulebook.environment = lambda session: {"risk": 80}
        facts = Facts(Action.CALL_TOOL, "rec", "tool", INGRESS, reads=stored(set(reads)))
        call = machine.runner.run(machine.start(INGRESS, touching=facts, brings=True, reader=READER))
        machine.own[id(call)], machine.items[id(call)] = (INGRESS, set(reads), True), items
        machine.runner.run(machine.reply(call, "result"))
        machine.calls.append(call)
        yield machine, call
    finally:
        machine.teardown()


def yes(machine: ReleaseMachine, call: Running) -> Any:
    """What is handed over once a person said yes to the newest question; ``None``: they are asked once more."""
    answer = machine.says(machine.console.asked[-1], Choice.YES)
    machine.runner.run(machine.give_about(call, answer, None))
    assert call.task is not None
    if not call.task.done():
        return None
    return [one["number"] for one in call.task.result().result["structuredContent"]["items"]]


def test_a_yes_lets_in_no_item_that_policy_kept_off_the_screen() -> None:
    """Policy would no longer drop it by then. But nobody was shown it."""
    with waiting([labels_in("A"), labels_in("B")]) as (machine, call):
        (question,) = machine.console.asked
        assert question.arrival is not None
        assert [item.name for item in question.arrival.items] == ["/structuredContent/items/1"]
        machine.rulebook.environment = lambda session: {"risk": 10}
        assert yes(machine, call) is None
        assert set(machine.view.view().held) == set()
        assert yes(machine, call) == [0, 1]
        assert set(machine.view.view().held) == {"A", "B"}


def test_a_yes_does_not_cover_what_was_written_into_a_note_while_a_person_read() -> None:
    with waiting([labels_in("B")], "/n/one") as (machine, call):
        assert machine.console.asked[0].labels == {"B"}
        facts = Facts(Action.CALL_TOOL, "rec", "tool", labels_in("A"), writes=stored({"/n/one"}))
        writing = machine.runner.run(machine.start(labels_in("A"), touching=facts))
        machine.runner.run(machine.settle(writing, "cancelled"))
        assert set(machine.view.view().held) == set()
        assert yes(machine, call) is None
        assert machine.console.asked[-1].labels == {"A", "B"}
        assert yes(machine, call) == [0]
        assert set(machine.view.view().held) == {"A", "B"}


@pytest.mark.parametrize("completes", [False, True])
@pytest.mark.parametrize("fails", range(1, 7))
def test_a_state_that_fails_on_the_way_hands_nothing_over_without_its_labels(fails: int, completes: bool) -> None:
    """The so-manieth write fails, once: at the decision, at release, after the yes, or at the end."""
    machine = ReleaseMachine()
    try:
        if completes:
            for label in ("C", "B"):
                call = machine.runner.run(machine.start(labels_in(label)))
                machine.runner.run(machine.settle(call, "result"))
        held = set(machine.view.view().held)
        left, write = [fails], machine.state.write

        async def failing(work: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                raise StoreError("the disk is full")
            return await write(work)

        machine.state.write = failing  # type: ignore[method-assign]  # one fault
        facts = Facts(Action.CALL_TOOL, "rec", "tool", INGRESS)
        call = machine.runner.run(machine.start(INGRESS, touching=facts, waits=completes, brings=True, reader=READER))
        machine.own[id(call)], machine.items[id(call)] = (INGRESS, set(), True), [labels_in("A"), labels_in("B")]
        assert call.task is not None
        if not call.task.done():
            machine.runner.run(machine.reply(call, "result"))
        if not call.task.done():
            answer = machine.says(machine.console.asked[-1], Choice.YES)
            machine.runner.run(machine.give_about(call, answer, None))
        released = machine.handed_over(call)
        after = machine.view.view()
        assert held <= set(after.held)
        assert (released is not None) is (left[0] > 0)
        assert released is None or {"A", "B"} <= set(after.held)
    finally:
        machine.teardown()


def test_a_yes_to_a_call_does_not_cover_a_label_that_the_call_was_not_said_to_bring() -> None:
    """A platform says of an item that it is private, which nobody had been shown."""
    machine = ReleaseMachine()
    try:
        machine.put(RULES["cautious"])
        seen = machine.runner.run(machine.start(labels_in("A")))
        machine.runner.run(machine.settle(seen, "result"))
        facts = Facts(Action.CALL_TOOL, "rec", "tool", labels_in("C"))
        call = machine.runner.run(machine.start(labels_in("C"), touching=facts, brings=True, reader=READER))
        call.approved = True
        machine.runner.run(machine.give_about(call, machine.says(machine.console.asked[-1], Choice.YES), None))
        assert call.sent
        machine.own[id(call)], machine.items[id(call)] = (labels_in("C"), set(), True), [labels_in("B")]
        machine.runner.run(machine.reply(call, "result"))
        assert set(machine.view.view().held) == {"A"}
        assert machine.console.asked[-1].labels == {"B"}
    finally:
        machine.teardown()
