"""The peer: correlation, order, cancellation, limits and ends, over a connection in memory."""

import asyncio
from typing import Any

import anyio
import pytest

from rule_of_two.errors import BadRequest, LimitExceeded, UpstreamUnavailable
from rule_of_two.wire.frames import Failure, Notification, Request, RequestId, Result
from rule_of_two.wire.peer import ConnectionLost, Ending, Incoming, Limits, NotSent, Peer, RemoteError, TimedOut
from rule_of_two.wire.transport import ReplyLost
from tests.wire.playbook import SECONDS, Script, Wire, playing


class Hold:
    """An answer that never comes, and what became of it."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.stopped: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

    async def __call__(self, incoming: Incoming) -> dict[str, Any]:
        self.started.set()
        try:
            await asyncio.Event().wait()
        finally:
            with anyio.CancelScope(shield=True):
                await asyncio.sleep(0)
                self.stopped.set_result(incoming.cancel_reason)
        return {}


def cancelled(number: RequestId, **more: Any) -> Notification:
    return Notification("notifications/cancelled", {"requestId": number, **more})


# Requests of the peer


async def test_a_request_is_handled_and_answered_under_its_id() -> None:
    async with playing() as (_, wire):
        wire.say(Request("a", "tools/call", {"x": 1}))
        assert await wire.hear() == Result("a", {"echo": {"x": 1}})


async def test_requests_are_handled_at_the_same_time() -> None:
    gate = asyncio.Event()

    async def slow(_: Incoming) -> dict[str, Any]:
        await gate.wait()
        return {"slow": True}

    async with playing(Script(slow=slow)) as (_, wire):
        wire.say(Request(1, "slow", {}))
        wire.say(Request(2, "fast", {}))
        assert await wire.hear() == Result(2, {"echo": {}})
        gate.set()
        assert await wire.hear() == Result(1, {"slow": True})


async def test_an_error_keeps_code_message_and_data() -> None:
    async def refuse(_: Incoming) -> dict[str, Any]:
        raise RemoteError(-32050, "no", {"code": "denied_by_policy"})

    async with playing(Script(m=refuse)) as (_, wire):
        wire.say(Request(1, "m", {}))
        assert await wire.hear() == Failure(1, {"code": -32050, "message": "no", "data": {"code": "denied_by_policy"}})


async def test_a_bug_in_a_handler_costs_one_request_and_shows_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_: Incoming) -> dict[str, Any]:
        raise ZeroDivisionError("secret")

    async with playing(Script(m=broken)) as (_, wire):
        wire.say(Request(1, "m", {}))
        assert await wire.hear() == Failure(1, {"code": -32603, "message": "internal error"})
        await wire.silence()
    assert "ZeroDivisionError" in caplog.text


async def test_a_handler_that_is_cancelled_from_inside_still_answers() -> None:
    async def gives_up(_: Incoming) -> dict[str, Any]:
        raise asyncio.CancelledError

    async with playing(Script(m=gives_up)) as (_, wire):
        wire.say(Request(1, "m", {}))
        assert await wire.hear() == Failure(1, {"code": -32603, "message": "m was given up"})


@pytest.mark.parametrize("id_", [1, "1"])
async def test_a_repeated_id_in_flight_is_refused_and_not_handled(id_: RequestId) -> None:
    gate = asyncio.Event()
    seen: list[dict[str, Any]] = []

    async def slow(incoming: Incoming) -> dict[str, Any]:
        seen.append(incoming.params)
        await gate.wait()
        return {}

    async with playing(Script(slow=slow)) as (_, wire):
        wire.say(Request(id_, "slow", {"n": 1}))
        wire.say(Request(id_, "slow", {"n": 2}))
        refusal = await wire.hear()
        assert isinstance(refusal, Failure)
        assert (refusal.id, refusal.error["code"]) == (None, -32600)
        gate.set()
        assert await wire.hear() == Result(id_, {})
        assert seen == [{"n": 1}]
        await wire.silence()


async def test_a_number_and_a_text_are_different_ids_and_an_id_is_free_again_after_the_answer() -> None:
    async with playing() as (_, wire):
        for _ in range(2):
            wire.say(Request(1, "m", {}))
            wire.say(Request("1", "m", {}))
            assert {type((await wire.hear()).id) for _ in range(2)} == {int, str}  # type: ignore[union-attr]  # results


async def test_too_many_requests_are_refused_at_once() -> None:
    gate = asyncio.Event()

    async def slow(_: Incoming) -> dict[str, Any]:
        await gate.wait()
        return {}

    async with playing(Script(slow=slow), Limits(in_flight=2)) as (_, wire):
        for number in (1, 2, 3):
            wire.say(Request(number, "slow", {}))
        refusal = await wire.hear()
        assert isinstance(refusal, Failure)
        assert (refusal.id, refusal.error["code"]) == (3, -32000)
        assert refusal.error["data"] == {"code": "limit_exceeded"}
        gate.set()
        assert {(await wire.hear()).id for _ in range(2)} == {1, 2}  # type: ignore[union-attr]  # results


async def test_requests_whose_answer_is_not_read_count_as_in_flight() -> None:
    async with playing(limits=Limits(in_flight=3)) as (peer, wire):
        wire.open_gate.clear()
        for number in range(100):
            wire.say(Request(number, "m", {}))
        stuck = [await wire.stuck.get() for _ in range(4)]  # the refusal of the fourth holds the reader up
        assert sorted(type(message).__name__ for message in stuck) == ["Failure", "Result", "Result", "Result"]
        assert len(peer._handled) == 3
        wire.open_gate.set()
        for _ in range(100):
            await wire.hear()


# Cancellation by the peer


async def test_a_cancelled_request_is_stopped_with_its_reason_and_not_answered() -> None:
    hold = Hold()
    async with playing(Script(hold=hold)) as (_, wire):
        wire.say(Request(1, "hold", {}))
        await hold.started.wait()
        wire.say(cancelled(1, reason="user pressed escape"))
        assert await hold.stopped == "user pressed escape"
        await wire.silence()


async def test_a_request_that_is_cancelled_before_it_started_is_never_handled() -> None:
    handled: list[str] = []

    async def m(incoming: Incoming) -> dict[str, Any]:
        handled.append(incoming.method)
        return {}

    async with playing(Script(m=m)) as (peer, wire):
        wire.say(Request(1, "m", {}))
        wire.say(cancelled(1))
        await wire.silence()
        assert handled == []
        assert 1 not in peer._handled


async def test_a_handler_that_swallows_its_cancellation_is_still_not_answered() -> None:
    started = asyncio.Event()

    async def stubborn(_: Incoming) -> dict[str, Any]:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return {"too": "late"}
        return {}

    async with playing(Script(m=stubborn)) as (_, wire):
        wire.say(Request(1, "m", {}))
        await started.wait()
        wire.say(cancelled(1))
        await wire.silence()


async def test_what_a_handler_shields_is_not_interrupted_however_often_the_peer_cancels() -> None:
    shielded, go_on, settled = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def settle(_: Incoming) -> dict[str, Any]:
        with anyio.CancelScope(shield=True):
            shielded.set()
            await go_on.wait()
            await asyncio.sleep(0)
            settled.set()
        await asyncio.Event().wait()
        return {}

    script = Script(settle=settle)
    async with playing(script) as (_, wire):
        wire.say(Request(1, "settle", {}))
        await shielded.wait()
        wire.say(cancelled(1, reason="first"))
        wire.say(cancelled(1, reason="second"))
        wire.say(Notification("notifications/x", {}))
        await script.notifications.get()
        wire.end()  # and the client goes away, too
        await asyncio.sleep(0)
        assert not settled.is_set()
        go_on.set()
        await settled.wait()


async def test_an_answer_that_is_being_written_is_not_torn_by_a_cancellation() -> None:
    script = Script()
    async with playing(script) as (_, wire):
        wire.open_gate.clear()
        wire.say(Request(1, "m", {}))
        await wire.stuck.get()
        wire.say(cancelled(1))
        wire.say(Notification("notifications/x", {}))
        await script.notifications.get()
        wire.open_gate.set()
        assert await wire.hear() == Result(1, {"echo": {}})


@pytest.mark.parametrize("id_", [2, "1", True, 1.0, None, [1], {"a": 1}])
async def test_a_cancellation_of_something_else_changes_nothing(id_: Any) -> None:
    gate = asyncio.Event()

    async def slow(_: Incoming) -> dict[str, Any]:
        await gate.wait()
        return {}

    async with playing(Script(slow=slow)) as (_, wire):
        wire.say(Request(1, "slow", {}))
        wire.say(cancelled(id_))
        await wire.silence()
        gate.set()
        assert await wire.hear() == Result(1, {})


# Notifications and frames that are refused


async def test_notifications_are_handled_in_order_and_nothing_is_read_meanwhile() -> None:
    gate = asyncio.Event()
    script = Script()

    async def wait(_: str, params: dict[str, Any]) -> None:
        if params["n"] == 1:
            await gate.wait()

    script.on_note = wait
    async with playing(script) as (_, wire):
        wire.say(Notification("notifications/x", {"n": 1}))
        wire.say(Notification("notifications/x", {"n": 2}))
        wire.say(Request(1, "m", {}))
        for _ in range(20):
            await asyncio.sleep(0)
        assert wire._from_peer.empty()
        gate.set()
        assert await wire.hear() == Result(1, {"echo": {}})
        assert [script.notifications.get_nowait().params["n"] for _ in range(2)] == [1, 2]


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), UpstreamUnavailable("gone")])
async def test_a_notification_that_cannot_be_handled_does_not_end_the_connection(error: Exception) -> None:
    script = Script()

    async def fail(method: str, params: dict[str, Any]) -> None:
        raise error

    script.on_note = fail
    async with playing(script) as (_, wire):
        wire.say(Notification("notifications/x", {}))
        await wire.silence()


async def test_a_refused_frame_is_answered_and_reported_and_reading_goes_on() -> None:
    script = Script()
    async with playing(script) as (_, wire):
        wire.say(b"not json")
        answer = await wire.hear()
        assert isinstance(answer, Failure)
        assert (answer.id, answer.error["code"]) == (None, -32700)
        wire.say(b'{"jsonrpc":"2.0","id":1.5,"method":"tools/call"}')
        answer = await wire.hear()
        assert isinstance(answer, Failure)
        assert (answer.id, answer.error["code"]) == (None, -32600)
        await wire.silence()
        assert len(script.frame_errors) == 2
        assert script.notifications.empty()


# Our requests


async def test_a_result_comes_back_to_the_request_that_it_answers() -> None:
    async with playing() as (peer, wire):
        one = asyncio.create_task(peer.request("one", {"a": 1}))
        two = asyncio.create_task(peer.request("two", {}))
        first, second = await wire.hear_request("one"), await wire.hear_request("two")
        assert first.params == {"a": 1}
        wire.say(Result(second.id, {"n": 2}))
        wire.say(Result(first.id, {"n": 1}))
        assert (await one, await two) == ({"n": 1}, {"n": 2})


async def test_a_number_that_comes_back_as_text_is_still_ours() -> None:
    async with playing() as (peer, wire):
        asked = asyncio.create_task(peer.request("m", {}))
        wire.say(Result(str((await wire.hear_request("m")).id), {"n": 1}))
        assert await asked == {"n": 1}


async def test_a_received_error_keeps_every_member() -> None:
    async with playing() as (peer, wire):
        asked = asyncio.create_task(peer.request("m", {}))
        error = {"code": -1, "message": "no", "data": None, "vendor": 1}
        wire.say(Failure((await wire.hear_request("m")).id, error))
        with pytest.raises(RemoteError) as caught:
            await asked
        assert caught.value.error == error
        assert (caught.value.code, caught.value.message, caught.value.data) == (-1, "no", None)


@pytest.mark.parametrize(
    "rest", ['"result":[]', '"result":{},"error":{"code":1,"message":"m"}', '"error":{}', '"result":{"a":1,"a":2}']
)
async def test_a_malformed_reply_fails_its_request_at_once(rest: str) -> None:
    script = Script()
    async with playing(script) as (peer, wire):
        asked = asyncio.create_task(peer.request("m", {}))
        number = (await wire.hear_request("m")).id
        wire.say(f'{{"jsonrpc":"2.0","id":{number},{rest}}}'.encode())
        with pytest.raises(BadRequest):
            await asked
        await wire.silence()
        assert len(script.frame_errors) == 1


@pytest.mark.parametrize(
    "reply",
    [
        Result(99, {}),
        Result("x", {}),
        Result("²", {}),
        Result("9" * 30, {}),
        Failure(None, {"code": -32700, "message": "m"}),
    ],
)
async def test_replies_that_nobody_waits_for_are_dropped_and_counted(reply: Result | Failure) -> None:
    async with playing() as (peer, wire):
        wire.say(reply)
        await wire.silence()
        assert peer.dropped == 1


async def test_a_second_reply_is_dropped() -> None:
    async with playing() as (peer, wire):
        asked = asyncio.create_task(peer.request("m", {}))
        number = (await wire.hear_request("m")).id
        wire.say(Result(number, {"n": 1}))
        wire.say(Result(number, {"n": 2}))
        assert await asked == {"n": 1}
        await wire.silence()


# Progress


async def test_progress_carries_our_token_and_comes_before_the_result() -> None:
    seen: list[Any] = []
    params = {"_meta": {"progressToken": "theirs", "vendor": 1}, "a": 1}

    async def on_progress(progress: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        seen.append(progress["progress"])

    async with playing() as (peer, wire):
        asked = asyncio.create_task(peer.request("m", params, on_progress=on_progress))
        request = await wire.hear_request("m")
        assert request.params == {"_meta": {"progressToken": request.id, "vendor": 1}, "a": 1}
        for step in range(5):
            token = request.id if step % 2 else str(request.id)
            wire.say(Notification("notifications/progress", {"progressToken": token, "progress": step}))
        wire.say(Result(request.id, {}))
        await asked
        seen.append("result")
        assert seen == [0, 1, 2, 3, 4, "result"]
        assert params == {"_meta": {"progressToken": "theirs", "vendor": 1}, "a": 1}


async def test_without_a_listener_no_token_leaves() -> None:
    async with playing() as (peer, wire):
        asked = asyncio.create_task(peer.request("m", {"_meta": {"progressToken": 1, "vendor": 1}}))
        request = await wire.hear_request("m")
        assert request.params == {"_meta": {"vendor": 1}}
        wire.say(Notification("notifications/progress", {"progressToken": request.id, "progress": 1}))
        wire.say(Result(request.id, {}))
        await asked
        assert peer.dropped == 1


@pytest.mark.parametrize("token", [99, "x", None, True, 1.0, [], {}])
async def test_progress_of_nothing_is_dropped(token: Any) -> None:
    async with playing() as (peer, wire):
        wire.say(Notification("notifications/progress", {"progressToken": token, "progress": 1}))
        await wire.silence()
        assert peer.dropped == 1


async def test_a_listener_that_fails_does_not_fail_the_request() -> None:
    async def fail(_: dict[str, Any]) -> None:
        raise ZeroDivisionError

    async with playing() as (peer, wire):
        asked = asyncio.create_task(peer.request("m", {}, on_progress=fail))
        request = await wire.hear_request("m")
        wire.say(Notification("notifications/progress", {"progressToken": request.id, "progress": 1}))
        wire.say(Result(request.id, {"n": 1}))
        assert await asked == {"n": 1}


# Giving up


async def test_a_cancelled_caller_tells_the_peer_why_and_ignores_the_late_reply() -> None:
    async with playing() as (peer, wire):
        asked = asyncio.create_task(peer.request("m", {}, cancel_reason=lambda: "the client went away"))
        request = await wire.hear_request("m")
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert await wire.hear() == cancelled(request.id, reason="the client went away")
        wire.say(Result(request.id, {}))
        await wire.silence()
        assert peer.dropped == 1


async def test_a_caller_that_is_cancelled_by_a_scope_tells_the_peer_too() -> None:
    async with playing() as (peer, wire):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(peer.request, "m", {})
            request = await wire.hear_request("m")
            tasks.cancel_scope.cancel()
        assert await wire.hear() == cancelled(request.id)


async def test_a_caller_that_is_cancelled_before_anything_was_written_says_nothing() -> None:
    async with playing() as (peer, wire):
        wire.open_gate.clear()
        asked = asyncio.create_task(peer.request("m", {}))
        await wire.stuck.get()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        wire.open_gate.set()
        await wire.silence()
        assert not peer._waiting


@pytest.mark.parametrize("method", ["initialize", "server/discover"])
async def test_a_handshake_is_never_cancelled(method: str) -> None:
    async with playing() as (peer, wire):
        asked = asyncio.create_task(peer.request(method, {}))
        await wire.hear_request(method)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await wire.silence()


async def test_a_request_that_is_not_answered_in_time_fails_and_the_peer_is_told() -> None:
    async with playing() as (peer, wire):
        with pytest.raises(TimedOut, match=r"far did not answer m within 0\.01 s") as caught:
            await peer.request("m", {}, timeout=0.01)
        assert isinstance(caught.value, TimeoutError)
        request = await wire.hear_request("m")
        assert await wire.hear() == cancelled(request.id, reason="timed out")


async def test_telling_a_peer_that_does_not_read_does_not_hold_the_caller_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rule_of_two.wire.peer._COURTESY_SECONDS", 0.01)
    async with playing() as (peer, wire):
        asked = asyncio.create_task(peer.request("m", {}))
        await wire.hear_request("m")
        wire.open_gate.clear()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            async with asyncio.timeout(SECONDS):
                await asked


# Ends


async def test_a_reply_that_is_lost_fails_its_request_and_nothing_else() -> None:
    async with playing() as (peer, wire):
        lost, other = asyncio.create_task(peer.request("a", {})), asyncio.create_task(peer.request("b", {}))
        number = (await wire.hear_request("a")).id
        wire.fail(ReplyLost(number, "the stream broke off"))
        with pytest.raises(ConnectionLost, match="far: the stream broke off"):
            await lost
        wire.say(Result((await wire.hear_request("b")).id, {"fine": True}))
        assert await other == {"fine": True}
        assert peer.reason is None


@pytest.mark.parametrize("number", [99, "x", "1"])
async def test_a_reply_that_is_lost_and_that_nobody_waits_for_is_counted(number: RequestId) -> None:
    async with playing() as (peer, wire):
        wire.fail(ReplyLost(number, "gone"))
        wire.say(Request("r", "ping", {}))
        await wire.hear()
        assert peer.dropped == 1
        assert peer.reason is None


async def test_at_the_end_waiting_requests_fail_and_handlers_are_stopped() -> None:
    hold = Hold()
    wire = Wire()
    peer = Peer(wire, Script(hold=hold), name="far", limits=Limits())
    running = asyncio.create_task(peer.run())
    asked = asyncio.create_task(peer.request("m", {}))
    await wire.hear_request("m")
    wire.say(Request(1, "hold", {}))
    await hold.started.wait()
    wire.end("it exited with status 3")
    await running
    assert hold.stopped.result() is None
    assert wire.closed
    assert peer.reason == "it exited with status 3"
    assert peer.ending is Ending.FINISHED
    with pytest.raises(ConnectionLost, match="far: it exited with status 3"):
        await asked
    with pytest.raises(NotSent, match="far: it exited with status 3"):
        await peer.request("m", {})
    with pytest.raises(NotSent):
        await peer.notify("notifications/x", {})
    assert wire._from_peer.empty()


async def test_a_line_that_is_too_long_ends_the_connection_with_a_reason() -> None:
    wire = Wire()
    peer = Peer(wire, Script(), name="far", limits=Limits())
    wire.fail(LimitExceeded("it sent a line of more than 10 bytes"))
    await peer.run()
    assert peer.reason == "it sent a line of more than 10 bytes"
    assert peer.ending is Ending.BROKEN
    assert wire.closed


async def test_close_ends_the_connection_from_our_side() -> None:
    wire = Wire()
    peer = Peer(wire, Script(), name="far", limits=Limits())
    running = asyncio.create_task(peer.run())
    asked = asyncio.create_task(peer.request("m", {}))
    await wire.hear_request("m")
    await peer.close()
    await running
    assert peer.reason == "the connection was closed"
    assert peer.ending is Ending.CLOSED
    with pytest.raises(ConnectionLost):
        await asked


async def test_a_cancelled_run_leaves_nothing_behind() -> None:
    hold = Hold()
    wire = Wire()
    peer = Peer(wire, Script(hold=hold), name="far", limits=Limits())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(peer.run)
        wire.say(Request(1, "hold", {}))
        await hold.started.wait()
        tasks.cancel_scope.cancel()
    assert hold.stopped.done()
    assert wire.closed
    assert not peer._handled
    assert peer.ending is Ending.CLOSED


async def test_a_peer_says_how_its_connection_ended_only_once_it_has() -> None:
    async with playing() as (peer, wire):
        assert (peer.reason, peer.ending) == (None, None)
        wire.end("it stopped reading", Ending.BROKEN)
        wire.end("it closed the connection", Ending.FINISHED)
        with pytest.raises(ConnectionLost, match="it stopped reading"):
            await peer.request("m", {})
        assert peer.ending is Ending.BROKEN


async def test_a_frame_of_too_many_values_breaks_the_connection_and_fails_what_waits() -> None:
    async with playing() as (peer, wire):
        asked = asyncio.create_task(peer.request("m", {}))
        number = (await wire.hear_request("m")).id
        wire.say(b'{"jsonrpc":"2.0","id":%d,"result":{"a":[%s]}}' % (int(number), b",".join([b"0"] * 500_000)))
        with pytest.raises(ConnectionLost, match="a frame of more than 500000 values"):
            await asked
        assert peer.ending is Ending.BROKEN


async def test_a_transport_that_fails_in_an_unknown_way_is_no_orderly_end() -> None:
    wire = Wire()
    peer = Peer(wire, Script(), name="far", limits=Limits())
    wire.fail(ZeroDivisionError("secret"))
    with pytest.raises(ZeroDivisionError):
        await peer.run()
    assert (peer.reason, peer.ending) == ("the connection broke", Ending.BROKEN)


async def test_a_reply_to_a_peer_that_is_gone_is_dropped_quietly() -> None:
    async with playing() as (_, wire):
        wire.closed = True
        wire.say(Request(1, "m", {}))
        wire.say(b"garbage")
