"""What servers changed, at the console: listed, read to its end, accepted or refused by the second key."""

from __future__ import annotations

from pathlib import Path

import pytest

from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.definition_answer import Verdict
from tests.approvals import test_console_app
from tests.approvals.test_changes import a_change, of_server
from tests.approvals.test_console_arrivals import asked
from tests.approvals.test_definition_desk import SUBJECT, WAITING, Taking

LONG = of_server(a_change(new="\n".join(f"line {number}" for number in range(60)) + "\nthe very end"))


async def test_a_change_is_read_and_accepted_with_the_key_of_the_console(state: Path) -> None:
    settler = Taking()
    async with test_console_app.scene(state, settler=settler) as (gateway, screen):
        gateway.desk.definitions.changed(WAITING)
        await screen.shows("2 definitions of servers are not as accepted: c shows what changed.")
        await screen.press("c")
        await screen.shows("mail: all of its 2 changes")
        await screen.settled("p")
        await screen.shows("Read what changed to its end first: enter shows it.")
        await screen.press("down", "enter")
        await screen.shows("+ Sends all.")
        await screen.settled("p")
        await screen.shows("Accept the tool send of mail?")
        await screen.settled("p")
        await screen.shows("Accepted: send, by alice (signed).")
        ((answer, new),) = settler.given
        assert (answer.subject, answer.verdict, new) == (SUBJECT, Verdict.ACCEPT, WAITING.changes[0].new)
        assert answer.signature is not None
        await screen.shows('mail · tool "read"')


async def test_a_change_whose_end_was_not_on_screen_is_not_accepted(state: Path) -> None:
    settler = Taking()
    async with test_console_app.scene(state, settler=settler) as (gateway, screen):
        gateway.desk.definitions.changed(LONG)
        await screen.shows("c 1 changed")
        await screen.press("c", "enter")
        await screen.shows("line 3")
        await screen.settled("p", "p")
        await screen.shows("Read what changed to its end first: read on.")
        assert settler.given == []
        await screen.press("end")
        await screen.shows("the very end")
        await screen.settled("p")
        await screen.shows("Accept the tool send")
        await screen.settled("p")
        await screen.shows("Accepted: send")
        assert len(settler.given) == 1


async def test_all_changes_of_a_server_are_refused_one_by_one_with_one_key(state: Path) -> None:
    settler = Taking()
    async with test_console_app.scene(state, settler=settler) as (gateway, screen):
        gateway.desk.definitions.changed(WAITING)
        await screen.shows("c 2 changed")
        await screen.press("c")
        await screen.settled("n")
        await screen.shows("Refuse all 2 changes of mail?")
        await screen.settled("n")
        await screen.until(lambda: len(settler.given) == 2)
        assert {answer.verdict for answer, _ in settler.given} == {Verdict.REFUSE}
        await screen.until(lambda: not screen.app.board.changes.rows)


@pytest.mark.parametrize("keys", [("y", "f", "d", "s", "g"), ("p",)])
async def test_a_question_that_comes_meanwhile_is_not_answered_by_accident(state: Path, keys: tuple[str, ...]) -> None:
    async with test_console_app.scene(state, settler=Taking()) as (gateway, screen):
        gateway.desk.definitions.changed(WAITING)
        await screen.shows("c 2 changed")
        await screen.press("c")
        question = await asked(gateway, screen)
        await screen.shows("1 question waiting: press c")
        await screen.settled(*keys)
        assert question.id not in gateway.outcomes
        await screen.press("c")
        await screen.shows("Let the agent read")
        await screen.shows("c 2 changed")
        await screen.settled("p")
        assert question.id not in gateway.outcomes, "p accepts definitions only"
        await screen.settled("n")
        assert (await gateway.answered(question)).verdict is Choice.NO
