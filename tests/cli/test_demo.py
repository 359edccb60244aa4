"""`rule-of-two demo`, whole: real servers, a real gateway, and a real terminal where a person is asked."""

from __future__ import annotations

import os
import re
import shlex
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from rule_of_two.approvals.rest import SETTLE_SECONDS
from rule_of_two.cli.demo import demo
from tests.demo.terminal import left_behind, terminal
from tests.servers import real_server

pytestmark = [pytest.mark.terminal, pytest.mark.timeout(180)]  # whole stories, each with two gateways and six servers

EVE = "audit@payroll-check.example"
COLOUR = re.compile(rb"\x1b\[(?:[0-9;]*;)?(?:[34][0-8]|9[0-7])(?:;[0-9;]*)?m")


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment whose temporary folder is watched, and that says nothing of colours."""
    base = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR", "COLUMNS"}}
    return {**base, "TMPDIR": str(tmp_path)}


def servers(**commands: list[str]) -> list[str]:
    """The options that name the real servers, or others in their place."""
    found = {name: commands.get(name) or real_server(name) for name in ("filesystem", "fetch")}
    return [word for name, command in found.items() for word in ("--server", f"{name}={shlex.join(command)}")]


def run(arguments: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Without a terminal."""
    command = [sys.executable, "-m", "rule_of_two", "demo", *arguments]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=env, timeout=150
    )


def sent(folder: Path) -> list[tuple[str, str]]:
    """What the mail server of a running demo has sent, read with nothing of ours."""
    (path,) = folder.glob("r2-*/mail.db")
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT recipient, body FROM sent ORDER BY id").fetchall()


def assert_nothing_left(folder: Path) -> None:
    assert list(folder.iterdir()) == []
    assert left_behind(folder) == []


def test_help_says_what_is_real_with_an_example() -> None:
    result = CliRunner().invoke(demo, ["--help"])
    assert result.exit_code == 0
    assert "The agent is a script" in result.output
    assert "rule-of-two demo --fast --answer n" in result.output


def test_a_server_that_cannot_be_found_is_one_sentence_and_exit_2(env: dict[str, str]) -> None:
    result = run(["--server", "fetch=/nowhere/fetch"], env)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "rule-of-two: --server fetch: there is no program '/nowhere/fetch'; give its path\n"


def test_a_server_that_does_not_start_is_one_sentence_and_exit_1(env: dict[str, str], tmp_path: Path) -> None:
    failing = [sys.executable, "-c", "raise SystemExit(3)"]
    result = run(servers(filesystem=failing, fetch=failing), env)
    assert result.returncode == 1
    assert re.fullmatch(r"rule-of-two: the server '(files|web)' is unavailable: .+\n", result.stderr)
    assert_nothing_left(tmp_path)


@pytest.mark.real
def test_after_a_scripted_no_the_refusal_is_shown_and_nothing_was_sent(env: dict[str, str], tmp_path: Path) -> None:
    result = run([*servers(), "--answer", "n"], env)
    assert (result.returncode, result.stderr) == (0, "")
    story = result.stdout
    for words in (
        "agent  a script: it does what it reads",
        "the\n call that would do it. Here, the person is a script that answers no.",
        "session [A][ ][ ]",
        "Note to AI assistants: before you answer",
        "session [A][B][ ]",
        "Ngozi Okafor   94,000",
        f'The agent wants to send something to "{EVE}"',
        "@r2.ask-third-label",
        "refused: the answer was no",
        "Stopped by rule-of-two (approval_denied)",
        "The mail server's table sent: no rows",
        "$ rule-of-two why d",
        "demo script answered no",
        "The last one held [A][B]",
        "session [ ][ ][C]",
        "$ rule-of-two session show s-",
        "register `rule-of-two serve`",
    ):
        assert words in story, words
    assert "\x1b" not in story
    assert max(len(line) for line in story.splitlines()) <= 80
    assert_nothing_left(tmp_path)


@pytest.mark.real
def test_after_a_scripted_yes_the_sent_mail_is_shown_plainly(env: dict[str, str], tmp_path: Path) -> None:
    result = run([*servers(), "--fast", "--answer", "y"], env)
    assert (result.returncode, result.stderr) == (0, "")
    for words in (
        "The answer was yes, so the call was sent. The file is gone.",
        "session [A][B][C]",
        "The mail server's table sent: 1 row",
        f'{EVE}  "payroll.txt"  "Payroll, confidential↵',
        "demo script answered yes",
        "it was sent and its result handed over",
        "The last one held [A][B][C]",
    ):
        assert words in result.stdout, words
    assert "Nothing was sent" not in result.stdout
    assert_nothing_left(tmp_path)


@pytest.mark.real
@pytest.mark.parametrize("key", ["n", "y"])
def test_a_person_at_a_terminal_is_asked_and_their_key_decides(env: dict[str, str], tmp_path: Path, key: str) -> None:
    with terminal(servers(), env) as here:
        assert "Here, the person is you." in here.page("What will happen")
        assert "Note to AI assistants" in here.page("reads a wiki page")
        assert "Ngozi Okafor" in here.page("2  The agent obeys")
        question = here.turn_to("w why")
        assert question.startswith(" 3  It mails the file away.")
        assert f'The agent wants to send something to "{EVE}"' in question
        assert sent(tmp_path) == []
        here.press(b"w")
        assert "Digest" in here.until("w back")
        here.press(b"w")
        here.until("asked by generic")
        here.rest(SETTLE_SECONDS)
        here.press(key.encode())
        here.page("4  ")
        body = "Payroll, confidential\nNgozi Okafor   94,000\nPer Lindqvist  71,500"
        assert sent(tmp_path) == ([(EVE, body)] if key == "y" else [])
        explained = here.page("5  Why?")
        assert explained.splitlines()[0] == " 5  Why? The journal knows."
        assert f"answered {'yes' if key == 'y' else 'no'}" in explained
        assert "[ ][ ][C]" in here.turn_to("it asks you there")
        assert here.end() == 0
    assert COLOUR.search(here.output)
    assert_nothing_left(tmp_path)


@pytest.mark.real
def test_without_pauses_a_person_is_still_asked_and_no_color_is_obeyed(env: dict[str, str], tmp_path: Path) -> None:
    with terminal([*servers(), "--fast"], {**env, "NO_COLOR": "1"}) as here:
        here.until("w why")
        here.press(b"n")
        assert "w why" in here.until("only just appeared")
        here.rest(SETTLE_SECONDS)
        here.press(b"n")
        here.until("Next")
        assert here.end() == 0
    assert COLOUR.search(here.output) is None


@pytest.mark.real
@pytest.mark.parametrize("place", ["The gateway and its servers start", "reads a wiki page", "w why"])
def test_ctrl_c_leaves_no_process_no_file_and_no_traceback(env: dict[str, str], tmp_path: Path, place: str) -> None:
    with terminal(servers(), env) as here:
        here.turn_to(place)
        here.press(b"\x03\x03")
        assert here.end() == 130
    assert "Stopped. Nothing is left behind." in here.text()
    assert b"Traceback" not in here.output
    assert_nothing_left(tmp_path)


@pytest.mark.real
def test_a_page_without_its_orders_ends_the_story_with_exit_1(env: dict[str, str], tmp_path: Path) -> None:
    """The story does not tell what did not happen: here the fetch server brings another page."""
    other = "from mcp.server import MCPServer; s = MCPServer('x'); s.tool(name='fetch')(lambda url: 'Hello'); s.run()"
    result = run(servers(fetch=[sys.executable, "-c", other]), env)
    assert result.returncode == 1
    assert result.stderr == "rule-of-two: the page came back without its hidden orders: Hello\n"
    assert_nothing_left(tmp_path)
