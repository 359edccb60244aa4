"""Accepted definitions: read back in order, replaced whole."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import anyio

from rule_of_two.records import replace
from rule_of_two.store.pins import Pin, PinAnswer, PinStore
from rule_of_two.store.state import open_state


async def test_pins_are_read_back_in_order_and_replaced_whole(tmp_path: Path) -> None:
    state = open_state(tmp_path)
    pins = PinStore(state)
    first = [Pin("tool", name, f"digest-{name}", {"name": name}, "first use", "t") for name in ("b", "a")]
    await pins.replace("files:1", first)
    await pins.replace("other:2", [first[0]])
    assert pins.load("files:1") == first
    await pins.replace("files:1", [first[1]])
    assert pins.load("files:1") == [first[1]]
    assert pins.load("other:2") == [first[0]]
    state.close()


def _answer(number: str, digest: str = "new") -> PinAnswer:
    return PinAnswer(number, "tool", "send", digest, "{}", "t")


async def test_an_answer_counts_once_and_for_what_is_accepted(tmp_path: Path) -> None:
    with closing(open_state(tmp_path)) as state:
        pins = PinStore(state)
        old, new = (Pin("tool", "send", digest, {"name": "send"}, "alice", "t") for digest in ("old", "new"))
        await pins.replace("mail:1", [old, Pin("tool", "read", "r", {}, "alice", "t")])
        before = pins.newest_answer()
        assert not await pins.settle("mail:1", _answer("1"), old="another", pin=new, keep=False)
        assert not await pins.settle("mail:2", _answer("1"), old="old", pin=new, keep=False)
        assert (pins.load("mail:1")[0], pins.newest_answer(), pins.knows("1")) == (old, before, False)
        assert await pins.settle("mail:1", _answer("1"), old="old", pin=new, keep=False)
        assert [one.digest for one in pins.load("mail:1")] == ["new", "r"], "in its place"
        assert pins.knows("1")
        assert not await pins.settle("mail:1", _answer("1", "old"), old="new", pin=old, keep=False), "a replay"
        assert await pins.settle("mail:1", _answer("2", "x"), old="new", pin=None, keep=True), "a refusal"
        assert pins.load("mail:1")[0] == new
        assert await pins.settle("mail:1", _answer("3", ""), old="new", pin=None, keep=False), "it is gone"
        assert await pins.settle("mail:1", _answer("4"), old="", pin=new, keep=False), "it is new"
        assert [one.id for one in pins.answers("mail:1")] == ["1", "2", "3", "4"]
        assert pins.newest_answer() > before


async def test_two_answers_at_once_accept_one_definition(tmp_path: Path) -> None:
    with closing(open_state(tmp_path)) as one, closing(open_state(tmp_path)) as other:
        stores = PinStore(one), PinStore(other)
        assert stores[0].state == stores[1].state != ""
        pin = Pin("tool", "send", "new", {}, "alice", "t")
        done: list[bool] = []

        async def settle(number: int) -> None:
            done.append(await stores[number].settle("mail:1", _answer(str(number)), old="", pin=pin, keep=False))

        async with anyio.create_task_group() as tasks:
            for number in range(2):
                tasks.start_soon(settle, number)
        assert sorted(done) == [False, True]


def test_states_differ_in_what_answers_are_bound_to(tmp_path: Path) -> None:
    with closing(open_state(tmp_path / "a")) as one, closing(open_state(tmp_path / "b")) as other:
        assert PinStore(one).state != PinStore(other).state


async def test_what_was_offered_first_waits_until_somebody_answers_for_it(tmp_path: Path) -> None:
    with closing(open_state(tmp_path)) as state:
        pins = PinStore(state)
        assert pins.unanswered("mail:1") is None
        await pins.offered_first("mail:1", [("tool", "gone")])
        await pins.offered_first("mail:1", [("tool", "send"), ("tool", "read"), ("tool", "send"), ("prompt", "send")])
        assert pins.unanswered("mail:1") is None, "nobody has answered for anything yet"
        pin = Pin("tool", "send", "new", {}, "alice", "t")
        assert await pins.settle("mail:1", _answer("1"), old="", pin=pin, keep=False)
        assert pins.unanswered("mail:1") == frozenset({("tool", "read"), ("prompt", "send")})
        await pins.offered_first("mail:1", [("tool", "evil")])
        assert pins.unanswered("mail:1") == frozenset({("tool", "read"), ("prompt", "send")}), (
            "a server cannot begin anew"
        )
        assert await pins.settle("mail:1", replace(_answer("2"), name="read"), old="", pin=None, keep=True)
        assert pins.unanswered("mail:1") == frozenset({("prompt", "send")}), "refused"
        assert pins.unanswered("mail:2") is None
