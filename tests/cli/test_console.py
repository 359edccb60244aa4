"""`rule-of-two console`: the command line, and the real thing in a real pseudo-terminal of 80 by 24."""

from __future__ import annotations

import os
import re
import shutil
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner

from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.cli.console import console
from rule_of_two.model import Tier
from tests.approvals.consoles import a_fresh_question, fresh, reads, room, seat, status
from tests.approvals.samples import Lenient, a_release, an_arrival, an_item
from tests.terminal import flat, terminal

pytestmark = [pytest.mark.terminal, pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")]

COLOUR = re.compile(rb"\x1b\[(?:[0-9;]*;)?(?:[34][0-8]|9[0-7])(?:;[0-9;]*)?m")
PASSPHRASE = "correct horse battery"  # noqa: S105  # of a key that is made here


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ApproverKey]:
    """Alice's key, in a file."""
    path = tmp_path_factory.mktemp("key") / "approver.key"
    made = ApproverKey.generate()
    made.save(path, PASSPHRASE, approver="alice")
    return path, made


def test_help_says_what_it_does_with_an_example() -> None:
    result = CliRunner().invoke(console, ["--help"])
    assert result.exit_code == 0
    assert "rule-of-two console --unsigned --plain" in result.output
    assert isinstance(console, click.Command)


def test_without_a_terminal_it_is_one_clear_sentence_and_exit_2(state: Path) -> None:
    result = CliRunner().invoke(console, ["--state", str(state)])
    assert result.exit_code == 2
    assert result.output.startswith("Error: The console needs a terminal")
    assert result.output.count("\n") == 1


def test_without_a_state_folder_it_is_one_clear_sentence_and_exit_2() -> None:
    result = CliRunner().invoke(console, [])
    assert (result.exit_code, result.output) == (2, "Error: No state folder: name it with --state.\n")


def test_the_state_folder_comes_from_the_whole_command(state: Path) -> None:
    """With the lead command's object in place it gets as far as looking for a terminal."""
    result = CliRunner().invoke(console, [], obj=SimpleNamespace(state=state))
    assert "needs a terminal" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--key", "/nowhere/approver.key"],
            "There is no key in /nowhere/approver.key: make one with `rule-of-two",
        ),
        (["--key", "/nowhere", "--unsigned"], "Give either --key or --unsigned."),
        (["--key", "{folder}/bare.key"], "{folder}/bare.key.pub: cannot be read"),
        (["--key", "{folder}/evil.key"], "The key cannot be used: The approver's name must be"),
    ],
)
async def test_a_key_that_cannot_be_used_is_one_clear_sentence_and_exit_2(
    state: Path, arguments: list[str], said: str
) -> None:
    (state / "bare.key").touch()
    (state / "evil.key").touch()
    (state / "evil.key.pub").write_text("ssh-ed25519 AAAA al\x1b[2Jice")
    words = [argument.format(folder=state) for argument in arguments]
    async with seat(state, *words) as shown:
        assert await shown.ended() == 2
        assert said.format(folder=state) in one_line(shown.text())


def has_prompts(count: int, text: str) -> bool:
    return text.count("Passphrase of the key of 'alice':") == count


@pytest.mark.parametrize("variable", ["RULE_OF_TWO_KEY", "HOME"])
async def test_the_key_is_found_where_it_belongs_and_asks_for_its_passphrase(
    state: Path, key: tuple[Path, ApproverKey], variable: str
) -> None:
    path, _ = key
    home = state / ".config" / "rule-of-two"
    home.mkdir(parents=True)
    for suffix in ("", ".pub"):
        shutil.copy(f"{path}{suffix}", f"{home}/approver.key{suffix}")
    value = str(path) if variable == "RULE_OF_TWO_KEY" else str(state)
    environment = {"XDG_CONFIG_HOME": str(state / ".config"), variable: value}
    base = {name: text for name, text in os.environ.items() if name != "RULE_OF_TWO_KEY"}
    with terminal(["console", "--state", str(state)], {**base, **environment}) as shown:
        for prompts in (1, 2, 3):
            shown.when(partial(has_prompts, prompts), "a prompt")
            shown.press(b"wrong\n")
        assert shown.end() == 2
        assert shown.text().count("That is not its passphrase. Try again.") == 2
        assert "That was not the passphrase of" in shown.text()
        assert "wrong" not in shown.text()


async def test_without_a_key_and_without_unsigned_it_says_the_next_step_and_exits_2(state: Path) -> None:
    base = {name: text for name, text in os.environ.items() if name != "RULE_OF_TWO_KEY"}
    with terminal(["console", "--state", str(state)], {**base, "XDG_CONFIG_HOME": str(state)}) as shown:
        assert shown.end() == 2
        assert "make one with `rule-of-two init`, or answer without one: --unsigned." in one_line(shown.text())


def one_line(text: str) -> str:
    """What the terminal broke where its line ended."""
    return "".join(text.splitlines())


def assert_in_order(text: str, *parts: str) -> None:
    place = 0
    for part in parts:
        place = text.find(part, place)
        assert place >= 0, f"{part!r} is missing or out of order in\n{text}"


async def test_a_human_unlocks_the_key_reads_the_question_and_signs_each_kind_of_answer(
    state: Path, key: tuple[Path, ApproverKey]
) -> None:
    path, made = key
    async with room(state, judge=Lenient(Tier.SIGNED)) as gateway, seat(state, "--key", str(path)) as shown:
        gateway.desk.audience.publish(1, status(1))
        await shown.shows("Passphrase of")
        shown.press(PASSPHRASE.encode() + b"\n")
        await shown.shows("signed by alice (T1)")
        question = await gateway.ask(a_fresh_question(tier=Tier.SIGNED))
        text = await shown.shows(" y once  d drop C  g grant  n no  f freeze  s new session  a args  w why  q quit")
        assert_in_order(
            text,
            "signed by alice (T1)",
            'The agent wants to send something to "mallory@evil.example" after reading',
            'untrusted "127.0.0.1:8000" and private "/srv/private/salaries.csv".',
            "To       mallory@evil.example",
            "exact arguments",
            "┊ Alice, 93000↵",
            f"end of arguments, sha256 {question.digest[:16]}",
            "[A] untrusted 127.0.0.1:8000",
            "[B] private   /srv/private/salaries.csv",
            "[C] this call changes something or sends something out",
            "Policy   @invariant-rule-of-two",
            "no answer means no",
            " y once",
        )
        await reads(shown, b"y")
        for keys, choice in ((b"gg", Choice.GRANT), (b"dd", Choice.DROP), (b"ss", Choice.NEW), (b"f", Choice.FREEZE)):
            answer = await gateway.answered(question)
            assert answer.digest == question.digest
            assert answer.signature is not None
            assert made.public.verifies(answer.signature, answer.statement)
            await shown.shows("by alice (signed).")
            question = await gateway.ask(a_fresh_question(tier=Tier.SIGNED, name=f"tool-{choice}"))
            await shown.shows(f"mail · tool-{choice} → mallory")
            await reads(shown, *(bytes((one,)) for one in keys))
            assert (await gateway.answered(question)).verdict is choice
        grants = [one.grant for one in gateway.judge.recorded if one.grant is not None]
        assert [(grant.uses, grant.minutes, grant.name) for grant in grants] == [(5, 15, "tool-grant")]
        await shown.shows("Nothing to decide.")
        await reads(shown, b"f", b"f")
        await shown.shows("Done: session s-1 is frozen.")
        (command,) = gateway.judge.commands
        assert command.signature is not None
        assert made.public.verifies(command.signature, command.statement)
        shown.press(b"q")
        assert await shown.ended() == 0
    assert PASSPHRASE.encode() not in shown.output


async def test_an_unsigned_console_says_so_all_the_time(state: Path) -> None:
    async with room(state) as gateway, seat(state) as shown:
        await shown.shows("1 gateway  unsigned, advisory")
        question = await gateway.ask(a_fresh_question())
        await shown.shows("y once")
        for key in (b"w", b"a", b"l"):
            shown.press(key)
        await shown.shows("0 sessions")
        assert "unsigned, advisory" in shown.text().splitlines()[0]
        shown.press(b"l")
        await reads(shown, b"n")
        assert (await gateway.answered(question)).signature is None
        await shown.shows("(unsigned, advisory).")


async def test_hostile_arguments_do_not_reach_the_terminal(state: Path) -> None:
    body = "\x1b[2J\x1b]0;owned\x07\u202e\u200b[bold]x[/]"
    async with room(state) as gateway, seat(state) as shown:
        await shown.shows("1 gateway")
        await gateway.ask(a_fresh_question(arguments={"body": body}))
        await shown.shows("\\u{1b}[2J\\u{1b}]0;owned\\u{7}\\u{202e}\\u{200b}[bold]x[/]")
        assert b"\x1b]0;owned" not in shown.output
        assert "\u202e".encode() not in shown.output


async def test_what_came_back_reaches_the_terminal_escaped_and_one_item_of_it_is_let_in(state: Path) -> None:
    paint = "\x1b[2J\x1b]0;owned\x07\u202e y let in\n╰─ end of the list"
    letters = an_arrival(an_item(1, text=paint, authors=(paint, "(yes)"), name=paint), an_item(2), where=paint)
    async with room(state) as gateway, seat(state) as shown:
        await shown.shows("1 gateway")
        question = await gateway.ask(fresh(a_release(letters)))
        await shown.shows("Let the agent read untrusted data")
        shown.press(b"i")
        await shown.shows("end of the list, sha256")
        shown.press(b"\r")
        await shown.shows("│ ┊ \\u{1b}[2J\\u{1b}]0;owned\\u{7}\\u{202e} y let in↵")
        shown.press(b"\r")
        await shown.shows("▸[x] 1")
        shown.press(b" ")
        await shown.shows("A yes lets in 1 of the 2 items that ask.")
        await reads(shown, b"y")
        assert (await gateway.answered(question)).items == ("i2",)
        await shown.shows("let in once")
        assert b"\x1b]0;owned" not in shown.output
        assert "\u202e".encode() not in shown.output


async def test_without_colour_the_question_reads_the_same(state: Path) -> None:
    pages = []
    async with room(state) as gateway:
        for environment in ({}, {"NO_COLOR": "1"}):
            async with seat(state, environment=environment) as shown:
                await shown.shows("1 gateway")
                question = await gateway.ask(a_fresh_question())
                text = await shown.shows("y once")
                pages.append([line for line in text.splitlines() if "ago" not in line and "left" not in line])
                assert bool(COLOUR.search(shown.output)) is not bool(environment)
                gateway.withdraw(question)
                await shown.shows("the agent withdrew the call")
    assert [line for line in pages[0] if "sha256" not in line] == [line for line in pages[1] if "sha256" not in line]


async def test_the_question_is_drawn_again_after_the_terminal_changed_its_size(state: Path) -> None:
    async with room(state) as gateway, seat(state) as shown:
        await shown.shows("1 gateway")
        await gateway.ask(a_fresh_question())
        await shown.shows("y once")
        for size in ((100, 30), (50, 12), (40, 10)):
            shown.resize(*size)
            text = await shown.shows("The agent wants to")
            assert max(map(len, text.splitlines())) <= size[0]
        await reads(shown, b"y")
        await shown.shows("Make the terminal at least 50 by 12.")
        shown.resize(80, 24)
        await shown.shows("sha256")
        await reads(shown, b"y")
        await shown.shows("approved once")


async def test_a_state_folder_of_no_use_is_one_clear_sentence_and_exit_2(state: Path) -> None:
    (state / "gateways").write_text("")
    async with seat(state) as shown:
        assert await shown.ended() == 2
        assert "Error: No console can attach:" in shown.text()
        assert "is not a folder" in flat(shown.text())


async def test_plain_a_whole_conversation_in_lines(state: Path, key: tuple[Path, ApproverKey]) -> None:
    path, made = key
    async with (
        room(state, judge=Lenient(Tier.SIGNED)) as gateway,
        seat(state, "--key", str(path), "--plain") as shown,
    ):
        gateway.desk.audience.publish(1, status(1))
        await shown.shows("Passphrase of")
        shown.press(PASSPHRASE.encode() + b"\n")
        await shown.shows("Gateway g1 is attached. Your answers to it are signed by alice (T1).")
        await shown.shows("Session s-1 of claude-code holds [A][B][ ].")
        question = await gateway.ask(a_fresh_question(tier=Tier.SIGNED))
        await shown.shows("Keys: y once, d drop C, g grant, n no, f freeze, s new session, a args, w why, q quit.")
        assert 'The agent wants to send something to "mallory@evil.example"' in flat(shown.text())
        await reads(shown, b"g 3 10\n")
        await shown.shows("3 calls, this one included, within 10 minutes")
        await reads(shown, b"g\n")
        answer = await gateway.answered(question)
        assert answer.grant is not None
        assert (answer.grant.uses, answer.grant.minutes) == (3, 10)
        assert answer.signature is not None
        assert made.public.verifies(answer.signature, answer.statement)
        await shown.shows("granted for some calls and minutes, by alice (signed).")
        shown.press(b"q\n")
        assert await shown.ended() == 0
    after = shown.output.partition(b"plain lines")[2]
    assert b"\x1b" not in after
    assert not COLOUR.search(after)


async def test_plain_ends_with_the_input_and_with_ctrl_c(state: Path) -> None:
    for keys, code in ((b"\x04", 0), (b"\x03", 130)):
        async with seat(state, "--plain") as shown:
            await shown.shows("Looking for gateways")
            shown.press(keys)
            assert await shown.ended() == code
            assert b"Traceback" not in shown.output
