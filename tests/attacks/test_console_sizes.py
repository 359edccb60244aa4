"""A terminal that shrinks under a question: what was laid out for another size is not what the person sees."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.approvals.consoles import PAUSE, a_fresh_question, reads, room, seat

pytestmark = pytest.mark.terminal

# On a busy machine the word of a new size comes late; here it never comes.
_BLOCK = "import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGWINCH])"
DEAF = [sys.executable, "-c", f"{_BLOCK}; os.execv(sys.argv[1], sys.argv[1:])"]


async def test_a_yes_to_what_was_laid_out_for_a_larger_terminal_does_not_count(state: Path) -> None:
    async with room(state) as gateway, seat(state, before=DEAF) as shown:
        await shown.shows("1 gateway")
        question = await gateway.ask(a_fresh_question())
        await shown.shows("y once")
        await shown.pressed(b"", pause=PAUSE)  # it was read
        shown.resize(40, 10)
        shown.press(b"y")
        await shown.shows("Make the terminal at least 50 by 12.")
        assert question.id not in gateway.outcomes
        shown.resize(80, 24)
        await shown.shows("y once")
        await reads(shown, b"y")
        await shown.shows("approved once")
