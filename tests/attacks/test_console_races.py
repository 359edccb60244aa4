"""Whatever changes while a person reads, answers or dies: nobody approves what they did not read."""

from __future__ import annotations

import signal
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream

from rule_of_two.approvals.answer import Unanswered
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.endpoint import connect, endpoints, gateways_folder
from rule_of_two.approvals.messages import MAX_LINE, PROTOCOL, Answered, ConsoleHello, encode_to_gateway
from tests.approvals.consoles import PAUSE, a_fresh_question, reads, room, seat
from tests.approvals.samples import LETTER, an_answer
from tests.approvals.test_console_app import asked, scene

pytestmark = pytest.mark.terminal

OTHER = {**LETTER, "to": "other@x.test"}


async def test_a_question_that_is_replaced_while_it_is_read_is_not_approved_by_keys_for_the_old_one(
    state: Path,
) -> None:
    async with room(state) as gateway, seat(state) as shown:
        await shown.shows("1 gateway")
        first = await gateway.ask(a_fresh_question())
        await shown.shows("y once")
        second = await gateway.ask(a_fresh_question(name="other_tool", arguments=OTHER))
        gateway.withdraw(first)
        await shown.shows('"other@x.test"')
        shown.press(b"yyyyyyyyyy")
        await shown.shows("only just appeared")
        assert second.id not in gateway.outcomes
        assert gateway.judge.recorded == []
        await reads(shown, b"y")
        assert (await gateway.answered(second)).digest == second.digest


@pytest.mark.parametrize("key", [b"d", b"g", b"s"])
async def test_the_second_key_of_a_confirmation_does_not_reach_the_question_that_took_its_place(
    state: Path, key: bytes
) -> None:
    async with room(state) as gateway, seat(state) as shown:
        await shown.shows("1 gateway")
        first = await gateway.ask(a_fresh_question())
        await shown.shows("y once")
        await reads(shown, key)
        await shown.shows("once more")
        second = await gateway.ask(a_fresh_question(name="other_tool"))
        gateway.withdraw(first)
        await shown.shows("1/1 mail · other_tool")
        await reads(shown, key)
        await shown.shows("once more")
        assert second.id not in gateway.outcomes
        assert gateway.judge.recorded == []


@pytest.mark.parametrize("keys", [(), (b"g",), (b"d",)])
async def test_a_console_that_is_killed_leaves_the_call_unapproved(state: Path, keys: tuple[bytes, ...]) -> None:
    async with room(state) as gateway, seat(state) as shown:
        await shown.shows("1 gateway")
        question = await gateway.ask(a_fresh_question())
        await shown.shows("y once")
        await reads(shown, *keys)
        if keys:
            await shown.shows("once more")
        shown.process.send_signal(signal.SIGKILL)
        assert await gateway.outcome(question) is Unanswered.CONSOLE_DETACHED
        assert gateway.judge.recorded == []


async def test_a_console_that_dies_in_the_middle_of_its_answer_has_approved_nothing(state: Path) -> None:
    """All of the answer but its last byte arrived."""
    async with room(state) as gateway:
        (endpoint,) = endpoints(gateways_folder(state))
        stream, token = await connect(endpoint)
        async with stream:
            await stream.send(encode_to_gateway(ConsoleHello(protocol=PROTOCOL, token=token)))
            await BufferedByteReceiveStream(stream).receive_until(b"\n", MAX_LINE)
            question = await gateway.ask(a_fresh_question())
            await stream.send(encode_to_gateway(Answered(answer=an_answer(question)))[:-1])
        assert await gateway.outcome(question) is Unanswered.CONSOLE_DETACHED
        assert gateway.judge.recorded == []


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1), timedelta(seconds=5)], ids=str)
@pytest.mark.parametrize("key", ["y", "d", "g", "n"])
async def test_a_clock_that_jumps_between_reading_and_pressing_makes_the_person_read_again(
    state: Path, key: str, jump: timedelta
) -> None:
    async with scene(state) as (gateway, screen):
        question = await asked(gateway, screen)
        if key in "dg":
            await screen.settled(key)
            await screen.shows("once more")
        screen.clocks.seconds += 1
        screen.clocks.ahead += jump
        await screen.press(key)
        await screen.shows("The clock has jumped")
        assert gateway.judge.recorded == []
        assert screen.app.board.confirmation.of is None
        assert question.id not in gateway.outcomes
        screen.clocks.ahead -= jump


async def test_of_two_consoles_that_answer_at_once_exactly_one_counts_and_the_other_is_told(state: Path) -> None:
    async with room(state) as gateway, seat(state) as one, seat(state) as two:
        for shown in (one, two):
            await shown.shows("1 gateway")
        question = await gateway.ask(a_fresh_question())
        for shown in (one, two):
            await shown.shows("y once")
        await anyio.sleep(PAUSE)
        for shown, key in ((one, b"y"), (two, b"n")):
            shown.press(key)
        answer = await gateway.answered(question)
        assert gateway.judge.recorded == [answer]
        what = "approved once" if answer.verdict is Choice.YES else "refused"
        for shown in (one, two):
            await shown.comes(lambda text: what in text or "already ended" in text, "who won")
            await shown.shows("Nothing to decide.")
