"""The channel over real sockets, and what a hostile gateway or console can do to it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import ByteStream
from anyio.streams.buffered import BufferedByteReceiveStream
from anyio.streams.memory import MemoryObjectReceiveStream
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rule_of_two.approvals import channel as channel_module
from rule_of_two.approvals import endpoint as endpoint_module
from rule_of_two.approvals.answer import Refusal, Unanswered
from rule_of_two.approvals.channel import MAX_CONSOLES, MAX_REFUSED, DeskClient, DeskServer
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.desk import Desk
from rule_of_two.approvals.endpoint import Endpoint, Listening, connect, gateways_folder, listen
from rule_of_two.approvals.judge import Given
from rule_of_two.approvals.messages import (
    MAX_CONSOLE_LINE,
    PROTOCOL,
    Answered,
    Asked,
    ConsoleHello,
    Ended,
    GatewayHello,
    Refused,
    Sessions,
    SessionStatus,
    ToConsole,
    Waits,
    decode_to_console,
    encode_to_console,
    encode_to_gateway,
)
from rule_of_two.approvals.question import Question
from tests.approvals.consoles import until
from tests.approvals.samples import Lenient, a_question, an_answer
from tests.approvals.test_desk import asking

Heard = tuple[str, ToConsole | None]
HELLO = encode_to_gateway(ConsoleHello(protocol=PROTOCOL))


def clock() -> datetime:
    return datetime.now(UTC)


def a_fresh_question(**members: object) -> Question:
    members.setdefault("wait", timedelta(seconds=30))
    return a_question(now=clock(), **members)  # type: ignore[arg-type]  # members of `a_question`, passed on


@pytest.fixture
def desk() -> Desk:
    return Desk(clock=clock, judge=Lenient())


@asynccontextmanager
async def gateway(state: Path, desk: Desk, name: str = "g1") -> AsyncIterator[Endpoint]:
    async with anyio.create_task_group() as tasks:
        await tasks.start(DeskServer(desk, state=state, gateway=name).run)
        files = [path for path in (state / "gateways").iterdir() if path.stem == name]
        yield Endpoint(name, files[0])
        tasks.cancel_scope.cancel()


class Client:
    """A real console's client, and what it has heard."""

    def __init__(self, client: DeskClient, heard: MemoryObjectReceiveStream[Heard]) -> None:
        self.client = client
        self._heard = heard

    async def next(self) -> Heard:
        """What was said next, but for how many calls wait."""
        with anyio.fail_after(10):
            while isinstance((heard := await self._heard.receive())[1], Waits):
                pass
            return heard

    async def question(self) -> Question:
        while True:
            _, message = await self.next()
            if isinstance(message, Asked):
                return message.question


@asynccontextmanager
async def console(state: Path) -> AsyncIterator[Client]:
    send, receive = anyio.create_memory_object_stream[Heard](1000)
    client = DeskClient(state, lambda name, message: send.send_nowait((name, message)))
    with send, receive:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.run)
            yield Client(client, receive)
            tasks.cancel_scope.cancel()


class Raw:
    """A connection that says whatever a test wants."""

    def __init__(self, stream: ByteStream) -> None:
        self.stream = stream
        self._reader = BufferedByteReceiveStream(stream)

    async def say(self, data: bytes) -> None:
        await self.stream.send(data)

    async def hear(self) -> ToConsole:
        """What was said next, but for how many calls wait."""
        with anyio.fail_after(10):
            while isinstance(heard := decode_to_console(await self._reader.receive_until(b"\n", 10**8)), Waits):
                pass
            return heard

    async def is_closed(self) -> bool:
        """Whether the gateway ended the connection, after whatever it still said."""
        with anyio.fail_after(10):
            try:
                while True:
                    await self._reader.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return True


@asynccontextmanager
async def raw(endpoint: Endpoint, *, hello: bool = True) -> AsyncIterator[Raw]:
    stream, _ = await connect(endpoint)
    async with stream:
        connection = Raw(stream)
        if hello:
            await connection.say(HELLO)
            assert isinstance(await connection.hear(), GatewayHello)
            assert isinstance(await connection.hear(), Sessions)
        yield connection


async def test_a_question_appears_in_the_console_and_the_answer_comes_back(state: Path, desk: Desk) -> None:
    status = SessionStatus(id="s", client="c", held=frozenset(("A", "B")))
    desk.audience.publish("a", status)
    question = a_fresh_question()
    async with gateway(state, desk), console(state) as client:
        assert await client.next() == ("g1", GatewayHello(protocol=PROTOCOL, gateway="g1"))
        assert await client.next() == ("g1", Sessions(sessions=(status,)))
        async with asking(desk, question) as asked:
            assert await client.next() == ("g1", Asked(question=question))
            assert client.client.answer("g1", an_answer(question))
            assert await client.next() == (
                "g1",
                Ended(question_id=question.id, verdict=Choice.YES, approver="alice"),
            )
    assert asked.outcome == Given(question, (an_answer(question),))


async def test_a_console_merges_all_gateways_and_notices_when_one_goes(state: Path, desk: Desk) -> None:
    other = Desk(clock=clock, judge=Lenient())
    async with console(state) as client, gateway(state, other, "g2"):
        assert (await client.next())[0] == "g2"
        async with gateway(state, desk, "g1"):
            while (await client.next())[0] != "g1":
                pass
            question = a_fresh_question()
            async with asking(desk, question) as asked:
                assert (await client.question()) == question
                assert not client.client.answer("g3", an_answer(question))
                client.client.answer("g1", an_answer(question, Choice.NO))
            assert isinstance(asked.outcome, Given)
        while await client.next() != ("g1", None):
            pass
        assert other.attached


async def test_a_refused_answer_is_told_to_the_console_that_gave_it(state: Path, desk: Desk) -> None:
    async with gateway(state, desk), console(state) as client:
        question = a_fresh_question()
        await until(lambda: desk.attached)
        async with asking(desk, question) as asked:
            await client.question()
            client.client.answer("g1", an_answer(question, digest="0" * 64))
            assert await client.next() == (
                "g1",
                Refused(question_id=question.id, reason=Refusal.DIGEST_MISMATCH),
            )
            asked.scope.cancel()


async def test_ten_megabytes_of_arguments_cross_the_channel(state: Path, desk: Desk) -> None:
    question = a_fresh_question(arguments={"body": 'say "hi"\n' * 1_100_000})
    async with gateway(state, desk), console(state) as client:
        await until(lambda: desk.attached)
        async with asking(desk, question) as asked:
            received = await client.question()
            assert received.digest == question.digest
            client.client.answer("g1", an_answer(received))
    assert isinstance(asked.outcome, Given)


async def test_the_channel_works_over_a_loopback_port_too(
    state: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint_module, "HAS_UNIX_SOCKETS", False)
    async with gateway(state, desk), console(state) as client:
        await until(lambda: desk.attached)
        question = a_fresh_question()
        async with asking(desk, question) as asked:
            client.client.answer("g1", an_answer(await client.question()))
        assert isinstance(asked.outcome, Given)


@pytest.mark.parametrize("token", [None, "", "0" * 64])
async def test_a_loopback_port_without_its_token_attaches_nobody(
    state: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch, token: str | None
) -> None:
    monkeypatch.setattr(endpoint_module, "HAS_UNIX_SOCKETS", False)
    async with gateway(state, desk) as endpoint, raw(endpoint, hello=False) as stranger:
        await stranger.say(encode_to_gateway(ConsoleHello(protocol=PROTOCOL, token=token)))
        assert await stranger.is_closed()
        assert not desk.attached


GARBAGE = {
    "not json": b"GET / HTTP/1.1\r\n\r\n",
    "an empty line": b"\n",
    "another message": encode_to_console(GatewayHello(protocol=PROTOCOL, gateway="g1")),
    "binary": bytes(range(256)) + b"\n",
    "a line without end": b"x" * (MAX_CONSOLE_LINE + 1),
    "a second hello": HELLO,
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=list(GARBAGE))
async def test_garbage_on_the_socket_drops_that_console_only(state: Path, desk: Desk, garbage: bytes) -> None:
    question = a_fresh_question()
    async with gateway(state, desk) as endpoint, raw(endpoint) as honest:
        async with asking(desk, question) as asked:
            assert isinstance(await honest.hear(), Asked)
            async with raw(endpoint) as hostile:
                await hostile.say(garbage)
                assert await hostile.is_closed()
            assert asked.outcome is None
            await honest.say(encode_to_gateway(Answered(answer=an_answer(question))))
        assert isinstance(asked.outcome, Given)


@pytest.mark.parametrize("garbage", [each for name, each in GARBAGE.items() if name != "a second hello"])
async def test_garbage_instead_of_a_hello_attaches_nobody(state: Path, desk: Desk, garbage: bytes) -> None:
    async with gateway(state, desk) as endpoint, raw(endpoint, hello=False) as hostile:
        await hostile.say(garbage)
        assert await hostile.is_closed()
        assert not desk.attached


async def test_an_answer_before_the_hello_counts_for_nothing(state: Path, desk: Desk) -> None:
    question = a_fresh_question()
    async with gateway(state, desk) as endpoint, raw(endpoint), asking(desk, question) as asked:
        async with raw(endpoint, hello=False) as hostile:
            await hostile.say(encode_to_gateway(Answered(answer=an_answer(question))))
            assert await hostile.is_closed()
        assert asked.outcome is None
        asked.scope.cancel()


@given(st.lists(st.binary(max_size=300), max_size=4))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_from_a_console_stop_the_gateway_or_approve_anything(state: Path, chunks: list[bytes]) -> None:
    async def attack() -> None:
        desk = Desk(clock=clock, judge=Lenient())
        async with gateway(state, desk) as endpoint:
            async with raw(endpoint, hello=False) as hostile:
                for chunk in chunks:
                    await hostile.say(chunk)
            async with raw(endpoint), asking(desk, a_fresh_question()) as asked:
                assert asked.outcome is None
                asked.scope.cancel()

    anyio.run(attack)


async def test_console_dies_in_mid_answer_the_question_is_refused(state: Path, desk: Desk) -> None:
    question = a_fresh_question()
    line = encode_to_gateway(Answered(answer=an_answer(question)))
    async with gateway(state, desk) as endpoint, raw(endpoint) as dying, asking(desk, question) as asked:
        await dying.say(line[:-1])
        await dying.stream.aclose()
    assert asked.outcome is Unanswered.CONSOLE_DETACHED


async def test_console_dies_right_after_its_answer_the_answer_counts(state: Path, desk: Desk) -> None:
    question = a_fresh_question()
    async with gateway(state, desk) as endpoint, raw(endpoint) as dying, asking(desk, question) as asked:
        await dying.say(encode_to_gateway(Answered(answer=an_answer(question))))
        await dying.stream.aclose()
    assert isinstance(asked.outcome, Given)


async def test_two_consoles_at_once_answer_and_one_of_them_wins(state: Path, desk: Desk) -> None:
    question = a_fresh_question()
    async with gateway(state, desk) as endpoint, raw(endpoint) as one, raw(endpoint) as two:
        async with asking(desk, question) as asked:
            for connection in (one, two):
                assert isinstance(await connection.hear(), Asked)
            async with anyio.create_task_group() as tasks:
                for connection, choice, name in ((one, Choice.YES, "one"), (two, Choice.NO, "two")):
                    answer = an_answer(question, choice, approver=name)
                    tasks.start_soon(connection.say, encode_to_gateway(Answered(answer=answer)))
            heard = {id(one): [await one.hear()], id(two): [await two.hear()]}
        assert isinstance(asked.outcome, Given)
        won = Ended(question_id=question.id, verdict=asked.outcome.last.verdict, approver=asked.outcome.last.approver)
        loser, winner = (two, one) if asked.outcome.last.approver == "one" else (one, two)
        heard[id(loser)].append(await loser.hear())
        assert heard[id(winner)] == [won]
        late = Refused(question_id=question.id, reason=Refusal.ALREADY_ENDED)
        assert sorted(heard[id(loser)], key=str) == sorted([won, late], key=str)


async def test_flood_of_refused_answers_ends_the_connection(state: Path, desk: Desk) -> None:
    line = encode_to_gateway(Answered(answer=an_answer(a_fresh_question())))
    async with gateway(state, desk) as endpoint, raw(endpoint) as hostile:
        await hostile.say(line * MAX_REFUSED)
        assert await hostile.is_closed()
        await until(lambda: not desk.attached)


async def test_flood_of_connections_beyond_the_limit_is_turned_away(state: Path, desk: Desk) -> None:
    async with gateway(state, desk) as endpoint, anyio.create_task_group():
        streams = [(await connect(endpoint))[0] for _ in range(MAX_CONSOLES)]
        async with raw(endpoint, hello=False) as one_too_many:
            assert await one_too_many.is_closed()
        for stream in streams:
            await stream.aclose()
        question = a_fresh_question()
        with anyio.fail_after(10):
            while True:
                try:
                    async with raw(endpoint), asking(desk, question) as asked:
                        asked.scope.cancel()
                    break
                except (anyio.IncompleteRead, anyio.BrokenResourceError):
                    continue  # the gateway has not yet seen that the others are gone


async def test_a_connection_that_never_says_hello_is_dropped(
    state: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel_module, "HELLO_SECONDS", 0.02)
    async with gateway(state, desk) as endpoint, raw(endpoint, hello=False) as silent:
        assert await silent.is_closed()
        assert not desk.attached


async def test_a_console_that_never_reads_is_dropped_and_its_question_refused(
    state: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel_module, "STALL_SECONDS", 0.05)
    question = a_fresh_question(arguments={"body": "x" * 5_000_000})
    async with gateway(state, desk) as endpoint, raw(endpoint):
        with anyio.fail_after(10):
            assert await desk.ask(question, 3600) is Unanswered.CONSOLE_DETACHED


async def test_a_console_that_never_reads_does_not_delay_the_others(state: Path, desk: Desk) -> None:
    question = a_fresh_question(arguments={"body": "x" * 5_000_000})
    async with gateway(state, desk) as endpoint, raw(endpoint), raw(endpoint) as honest:
        async with asking(desk, question) as asked:
            assert isinstance(await honest.hear(), Asked)
            await honest.say(encode_to_gateway(Answered(answer=an_answer(question))))
        assert isinstance(asked.outcome, Given)


async def test_a_console_with_a_full_queue_is_dropped(state: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async with gateway(state, desk) as endpoint, raw(endpoint):
        monkeypatch.setattr(channel_module, "MAX_QUEUED_BYTES", 100)
        assert await desk.ask(a_fresh_question(), 3600) is Unanswered.CONSOLE_DETACHED


async def test_a_console_that_leaves_no_room_for_a_refusal_is_dropped(
    state: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with gateway(state, desk) as endpoint, raw(endpoint) as hostile:
        monkeypatch.setattr(channel_module, "MAX_QUEUED_LINES", 0)
        await hostile.say(encode_to_gateway(Answered(answer=an_answer(a_fresh_question()))))
        assert await hostile.is_closed()


async def test_a_console_of_another_version_is_told_so_and_not_attached(state: Path, desk: Desk) -> None:
    async with gateway(state, desk) as endpoint, raw(endpoint, hello=False) as old:
        await old.say(encode_to_gateway(ConsoleHello(protocol=PROTOCOL + 1)))
        assert await old.hear() == GatewayHello(protocol=PROTOCOL, gateway="g1")
        assert await old.is_closed()
        assert not desk.attached


async def test_running_out_of_descriptors_does_not_end_the_gateway(
    state: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing:
        """A listener whose first accept fails."""

        def __init__(self, opened: Listening) -> None:
            self._listener = opened.listener
            self._failed = False

        async def accept(self) -> object:
            if not self._failed:
                self._failed = True
                raise anyio.BrokenResourceError
            return await self._listener.accept()

    @asynccontextmanager
    async def failing(folder: Path, name: str) -> AsyncIterator[Listening]:
        async with listen(folder, name) as opened:
            yield Listening(Failing(opened), opened.token)  # type: ignore[arg-type]  # only accept is called

    monkeypatch.setattr(channel_module, "listen", failing)
    async with gateway(state, desk) as endpoint, raw(endpoint):
        assert desk.attached


async def test_when_the_gateway_stops_what_waits_is_refused(state: Path, desk: Desk) -> None:
    async with gateway(state, desk) as endpoint, anyio.create_task_group() as tasks:
        scope = await tasks.start(_hold_console, endpoint)
        async with asking(desk, a_fresh_question()) as asked:
            scope.cancel()
    assert asked.outcome is Unanswered.CONSOLE_DETACHED


async def _hold_console(endpoint: Endpoint, *, task_status: anyio.abc.TaskStatus[anyio.CancelScope]) -> None:
    with anyio.CancelScope() as scope:
        async with raw(endpoint):
            task_status.started(scope)
            await anyio.sleep_forever()


@asynccontextmanager
async def impostor(state: Path, says: bytes) -> AsyncIterator[list[int]]:
    """A process of this user that poses as the gateway g1; counts its visitors."""
    visits: list[int] = []

    async def serve(listening: Listening) -> None:
        while True:
            stream = await listening.listener.accept()
            visits.append(1)
            async with stream:
                with anyio.move_on_after(5):
                    await stream.send(says)

    async with listen(state, "g1") as opened, anyio.create_task_group() as tasks:
        tasks.start_soon(serve, opened)
        yield visits
        tasks.cancel_scope.cancel()


IMPOSTORS = {
    "garbage": b"garbage\n",
    "another gateway's name": encode_to_console(GatewayHello(protocol=PROTOCOL, gateway="g2")),
    "a question before the hello": encode_to_console(Asked(question=a_question())),
    "a damaged question": encode_to_console(GatewayHello(protocol=PROTOCOL, gateway="g1"))
    + encode_to_console(Asked(question=a_question())).replace(b'"arguments_json":"{', b'"arguments_json":"{ '),
    "a line without end": b"x" * 2000,
}


@pytest.mark.parametrize("says", IMPOSTORS.values(), ids=list(IMPOSTORS))
async def test_a_gateway_that_talks_nonsense_is_left_alone(
    state: Path, desk: Desk, says: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel_module, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(channel_module, "MAX_LINE", 1000)
    async with impostor(state, says) as visits, console(state) as client, gateway(state, desk, "g2"):
        while (await client.next())[0] != "g2":
            pass
        await until(lambda: visits)
        async with gateway(state, Desk(clock=clock, judge=Lenient()), "g3"):
            while (await client.next())[0] != "g3":
                pass
        assert len(visits) == 1


async def test_a_gateway_of_another_version_is_shown_and_not_followed(state: Path) -> None:
    hello = GatewayHello(protocol=PROTOCOL + 1, gateway="g1")
    async with impostor(state, encode_to_console(hello)), console(state) as client:
        assert await client.next() == ("g1", hello)


async def test_a_console_waits_for_a_gateway_that_comes_back(state: Path, desk: Desk) -> None:
    async with console(state) as client:
        for _ in range(2):
            async with gateway(state, desk):
                assert isinstance((await client.next())[1], GatewayHello)
            while await client.next() != ("g1", None):
                pass


async def test_the_socket_of_a_killed_gateway_is_removed_by_the_console(state: Path) -> None:
    folder = gateways_folder(state, create=True)
    dead = folder / "dead.json"
    dead.write_text(json.dumps({"port": 1, "token": "00"}))
    async with console(state):
        await until(lambda: not dead.exists())
