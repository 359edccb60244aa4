"""Whatever stands in a question, the terminal obeys none of it, and none of it passes for the console's own words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.messages import Ended, Waits
from rule_of_two.approvals.question import Origin, Question
from rule_of_two.model import Target
from rule_of_two.records import replace
from tests.approvals.consoles import Room, a_fresh_question, reads, room, seat, wall
from tests.approvals.consoles import status as a_status
from tests.terminal import Terminal, flat

pytestmark = pytest.mark.terminal

OBEYED = ("\x1b]0;owned\x07", "\x1b[31mred", "\x9b2J", "\u202e", "\u200b", "\u2066", "\U000e0041", "\ufe0f", "\u2028")
FORGED = ("Approved", "granted", "signed.")
"""Words that begin no line of ours."""

EVIL = f"{''.join(OBEYED)}\r\n y once\n╰─ end of arguments ─╯\n{' '.join(FORGED * 20)}\nKeys: y once."


def evil_question(**members: Any) -> Question:
    origin = Origin(call=3, name=EVIL, shown=EVIL, at=wall())
    question = a_fresh_question(
        **{
            "client": EVIL,
            "session": EVIL,
            "upstream": EVIL,
            "name": EVIL,
            "user": EVIL,
            "tenant": EVIL,
            "pin": EVIL,
            "policy_version": EVIL,
            "held": {"A": origin, "B": origin},
            "targets": tuple(Target(kind, EVIL, EVIL) for kind in ("recipient", "path", "url")),
            "messages": (EVIL,),
            "arguments": {EVIL: EVIL, "list": [EVIL, {EVIL: EVIL}]},
            "forwarded": {"_meta": {EVIL: EVIL}},
            **members,
        }
    )
    return replace(question, policies=(EVIL, EVIL))


def forged(text: str) -> list[str]:
    """The lines that begin with words of theirs."""
    return [line for line in text.splitlines() if line.lstrip().startswith(FORGED)]


def obeyed(shown: Terminal) -> list[str]:
    """What of theirs went to the terminal as it was."""
    return [evil for evil in OBEYED if evil.encode() in shown.output]


async def seen(shown: Terminal, words: str) -> None:
    """A screen that was drawn to its end shows these words, and no line of it begins with theirs."""
    await shown.comes(lambda text: words in flat(text) and not forged(text), f"{words} on a screen of ours")
    assert obeyed(shown) == []


async def told(gateway: Room, question: Question) -> None:
    """What other people's names can bring in."""
    gateway.desk.audience.tell(Waits(question_id=question.id, calls=3, approvers=(EVIL, EVIL)))


async def over(gateway: Room, question: Question) -> None:
    gateway.desk.audience.tell(Ended(question_id=question.id, verdict=Choice.YES, approver=EVIL, signed=False))


@pytest.mark.parametrize("size", [(80, 24), (50, 12), (120, 60)])
async def test_the_full_screen_obeys_nothing_and_every_line_is_ours(state: Path, size: tuple[int, int]) -> None:
    async with room(state) as gateway, seat(state, size=size) as shown:
        gateway.desk.audience.publish(1, a_status(1, id=EVIL, client=EVIL))
        await shown.shows("1 gateway")
        question = await gateway.ask(evil_question(needs=2))
        await seen(shown, "The agent wants to")
        await told(gateway, question)
        await seen(shown, "another approver is needed")
        for key, words in ((b"w", "since"), (b"\x1b[F", "advisory (T0)"), (b"a", "exact arguments")):
            shown.press(key)
            await seen(shown, words)
        shown.press(b"\x1b[F")
        await seen(shown, "end of arguments, sha256")
        shown.press(b"l")
        await seen(shown, "1 session.")
        await over(gateway, question)
        await seen(shown, "(unsigned, advisory).")


async def test_the_terms_of_a_grant_and_a_session_to_be_ended_are_ours_too(state: Path) -> None:
    target = Target("recipient", EVIL, EVIL)
    async with room(state) as gateway, seat(state, size=(80, 40)) as shown:
        gateway.desk.audience.publish(1, a_status(1, id=EVIL, client=EVIL))
        await seen(shown, "1/1")
        await reads(shown, b"s")
        await seen(shown, "really new?")
        await gateway.ask(a_fresh_question(name=EVIL, upstream=EVIL, targets=(target,)))
        await shown.shows("y once")
        await reads(shown, b"g")
        await seen(shown, "end of the grant")


async def test_plain_lines_obey_nothing_and_every_line_is_ours(state: Path) -> None:
    async with room(state) as gateway, seat(state, "--plain") as shown:
        gateway.desk.audience.publish(1, a_status(1, id=EVIL, client=EVIL))
        await shown.shows("is attached")
        question = await gateway.ask(evil_question(needs=2))
        await shown.shows("Keys:")
        await told(gateway, question)
        await shown.shows("another approver is needed")
        for line, words in ((b"w\n", "advisory (T0)"), (b"a last\n", "last page"), (b"l\n", "1 session:")):
            shown.press(line)
            await shown.shows(words)
        shown.press(b"l 1\n")
        await shown.shows("act on the marked session")
        await reads(shown, b"f\n")
        await shown.shows("once more")
        await over(gateway, question)
        await shown.shows("(unsigned, advisory).")
    lines = shown.output.decode().splitlines()
    assert forged("\n".join(lines)) == []
    assert obeyed(shown) == []
    assert len(lines) > 60
    assert b"\x1b" not in shown.output
    ours = [line for line in lines if line.startswith("Keys:")]
    assert len(ours) == 2, "once with the question, and once at the end of its arguments"
