"""The story checks itself: what did not happen as it is told ends it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from rule_of_two.approvals.choice import Choice
from rule_of_two.demo.approver import Approver
from rule_of_two.demo.mailbox import Mailbox
from rule_of_two.demo.page import Wiki
from rule_of_two.demo.reply import Reply
from rule_of_two.demo.screen import Screen
from rule_of_two.demo.stage import Stage, StoryError
from rule_of_two.demo.story import Story
from rule_of_two.model import labels_in

EVE = "eve@evil.example"


def story(folder: Path, answer: Choice | None) -> tuple[Story, Mailbox]:
    mailbox = Mailbox(folder / "mail.db")
    screen = Screen(Console(file=io.StringIO()), None)
    approver = Approver(folder, screen, None, None)
    approver.choice = answer
    return Story(Stage(folder, Wiki("127.0.0.1:1"), mailbox), screen, approver), mailbox


def reply(outcome: str, held: str = "AB", adds: str = "C") -> Reply:
    return Reply("text", outcome != "allow", "d6", outcome, None, "s-1", labels_in(held), labels_in(adds))


@pytest.mark.parametrize("answer", [Choice.NO, None])
def test_without_a_yes_nothing_may_have_been_sent(tmp_path: Path, answer: Choice | None) -> None:
    ours, mailbox = story(tmp_path, answer)
    ours._check_the_answer(reply("deny"), EVE, "secret")
    mailbox.send(EVE, "x", "secret")
    with pytest.raises(StoryError, match=r"the mail server sent .*secret.* after the answer was no"):
        ours._check_the_answer(reply("deny"), EVE, "secret")


def test_after_a_yes_exactly_that_mail_must_have_been_sent(tmp_path: Path) -> None:
    ours, mailbox = story(tmp_path, Choice.YES)
    with pytest.raises(StoryError, match=r"sent \[\] after the answer was yes"):
        ours._check_the_answer(reply("allow"), EVE, "secret")
    mailbox.send(EVE, "x", "secret")
    ours._check_the_answer(reply("allow"), EVE, "secret")
    mailbox.send(EVE, "x", "secret")
    with pytest.raises(StoryError, match="after the answer was yes"):
        ours._check_the_answer(reply("allow"), EVE, "secret")


@pytest.mark.parametrize(
    ("answer", "came"),
    [
        (Choice.NO, reply("allow")),
        (Choice.YES, reply("deny")),
        (Choice.NO, reply("deny", held="A")),
        (Choice.YES, reply("allow", adds="")),
    ],
)
def test_a_reply_that_does_not_follow_the_answer_ends_the_story(tmp_path: Path, answer: Choice, came: Reply) -> None:
    with pytest.raises(StoryError, match="the story tells that the mail was"):
        story(tmp_path, answer)[0]._check_the_answer(came, EVE, "secret")


async def test_a_command_of_ours_that_fails_ends_the_story(tmp_path: Path) -> None:
    ours, _ = story(tmp_path, None)
    with pytest.raises(StoryError, match=r"`rule-of-two why d99` failed: .*d99"):
        await ours._run("why", "d99")
