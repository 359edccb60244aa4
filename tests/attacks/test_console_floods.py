"""Hundreds of questions, and megabytes in one of them: the console stays usable, and nothing is cut silently."""

from __future__ import annotations

from pathlib import Path

import pytest

from rule_of_two.approvals.choice import Choice
from tests.approvals.consoles import a_fresh_question, reads, room, seat

pytestmark = pytest.mark.terminal

MEGABYTES = 10 * 1024 * 1024


async def test_five_hundred_questions_are_listed_scroll_and_can_each_be_answered(state: Path) -> None:
    async with room(state, limit=500) as gateway, seat(state) as shown:
        await shown.shows("1 gateway")
        questions = [
            await gateway.ask(a_fresh_question(name=f"tool{number}", session=f"s-{number // 5}"))
            for number in range(500)
        ]
        await shown.shows("1/500 mail · tool0")
        shown.press(b"\x1b[Z")
        await shown.shows("500/500 mail · tool499")
        await shown.shows("Tool     mail · tool499")
        await reads(shown, b"n")
        assert (await gateway.answered(questions[499])).verdict is Choice.NO
        await shown.shows("499/499 mail · tool498")
        assert len(gateway.outcomes) == 1


async def test_ten_megabytes_of_arguments_are_read_to_their_end_before_anybody_says_yes(state: Path) -> None:
    body = "all work and no play\n" * (MEGABYTES // 21)
    async with room(state) as gateway, seat(state) as shown:
        await shown.shows("1 gateway")
        question = await gateway.ask(a_fresh_question(arguments={"to": "eve@x.test", "body": body}))
        text = await shown.shows("press a first")
        assert "there is more: press a to read all of it" in text
        assert "10,4" in text, "bytes are said"
        await reads(shown, b"y")
        await shown.shows("Read the arguments to their end first")
        assert gateway.judge.recorded == []
        shown.press(b"a\x1b[F")  # at once: the second key is not lost while the page is laid out
        await shown.shows(f"end of arguments, sha256 {question.digest[:16]}")
        await shown.shows("y once")
        await reads(shown, b"y")
        assert (await gateway.answered(question)).digest == question.digest
