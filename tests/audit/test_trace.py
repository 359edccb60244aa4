"""A trace: what a session did, from the journal alone, and nothing of anybody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from rule_of_two.approvals.choice import Choice
from rule_of_two.audit.trace import Trace, trace
from rule_of_two.store.journal import JournalStore
from tests.harness import House
from tests.people import SEND, human, tainted


def _traced(house: House, session: str) -> Trace:
    store = JournalStore(house.state)
    found = trace(store, session)
    store.close()
    assert found is not None
    return found


async def test_each_call_is_one_step_with_what_the_session_held_after_it(house: House) -> None:
    async with house.gateway() as gateway, human(house) as person:
        await tainted(gateway)
        session = house.session()
        waiting = gateway.start("tools/call", SEND)
        person.give(await person.question(), Choice.YES)
        await waiting
        house.run("session", "drop", session)
        await gateway.call("rec__send", SEND["arguments"])
    found = _traced(house, session)
    told = [
        (step.call.name if step.call else step.deed.split(" (")[0], step.outcome, step.held) for step in found.steps
    ]
    assert [(name, outcome and outcome.value, "".join(sorted(held))) for name, outcome, held in told] == [
        ("read_untrusted", "allow", "A"),
        ("read_private", "allow", "AB"),
        ("send", "allow", "ABC"),
        (told[3][0], None, "ABC"),
        ("send", "deny", "ABC"),
    ]
    assert "gave up [C] in the session" in told[3][0]
    sent = found.steps[2]
    assert sent.adds == {"C"}
    assert sent.policies == ("r2.ask-third-label",)
    assert [sentence.split(" (")[0] for sentence in sent.people] == [
        "a person was shown exactly this call",
        "alice answered yes",
    ]
    assert [step.number for step in found.outgoing] == [sent.number]
    assert [step.call.name for step in found.incoming if step.call] == ["read_untrusted", "read_private"]
    facts = found.as_facts()
    assert facts["steps"][2]["targets"] == ["bob@example.org"]
    assert facts["held"] == ["A", "B", "C"]


async def test_documents_are_named_one_by_one(house: House) -> None:
    house.servers = {"echo": house.echo("ann@own.example")}
    items = [
        {"id": name, "from": author, "editors": []} for name, author in (("m1", "ann@own.example"), ("m2", "eve@x"))
    ]
    async with house.gateway() as gateway:
        await gateway.call("echo__letters", {"reply": {"content": [], "structuredContent": {"items": items}}})
        session = house.session()
    (step,) = _traced(house, session).steps
    assert [(one.id, one.authors, "A" in one.labels) for one in step.documents] == [
        ("m1", ("ann@own.example",), False),
        ("m2", ("eve@x",), True),
    ]
    assert (step.count, step.withheld) == (2, 0)
    assert "2 items" in house.run("trace", session)


async def test_another_sessions_steps_are_not_in_it(house: House) -> None:
    async with house.gateway() as gateway:
        await gateway.call("rec__read_untrusted")
        first = house.session()
    async with house.gateway() as gateway:
        await gateway.call("rec__read_private")
        second = house.session()
    assert first != second
    assert [step.call.name for step in _traced(house, first).steps if step.call] == ["read_untrusted"]
    assert [step.call.name for step in _traced(house, second).steps if step.call] == ["read_private"]


def test_of_a_session_that_nobody_knows_there_is_none(tmp_path: Path) -> None:
    store = JournalStore(tmp_path)
    assert trace(store, "s-nobody") is None
    store.close()


@pytest.mark.parametrize("extra", [(), ("--html", "page.html")])
def test_the_command_says_so(house: House, extra: tuple[str, ...]) -> None:
    assert "the journal has nothing of a session s-nobody" in house.run("trace", "s-nobody", *extra, code=1)
    assert not (house.folder / "page.html").exists()


async def test_a_page_is_not_written_over(house: House) -> None:
    async with house.gateway() as gateway:
        await gateway.call("rec__neutral")
        session = house.session()
    house.run("trace", session, "--html", "page.html")
    text = (house.folder / "page.html").read_text()
    assert "rec__neutral" in text
    assert "is there already" in house.run("trace", session, "--html", "page.html", code=2)
    house.run("trace", session, "--html", "page.html", "--force")
