"""The pages: each fits an 80 by 24 terminal, says its point first, and obeys nothing that it shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from rule_of_two.approvals.spans import Line, line_text, line_width
from rule_of_two.demo import pages
from rule_of_two.demo.mailbox import Mail
from rule_of_two.demo.page import POISON, SAID
from rule_of_two.demo.reply import Reply
from rule_of_two.demo.stage import PAYROLL
from rule_of_two.model import labels_in

EVE = "audit@payroll-check.example"
STOPPED = (
    "Stopped by rule-of-two (approval_denied): mail__send_mail: the session holds [A][B] and this call carries [C], "
    "which makes all three. Nothing was sent. A person looked at exactly this request and said no. (decision d6: "
    "`rule-of-two why d6`)"
)
FOOT = 2
"""Lines of the invitation to press a key."""


def reply(text: str, outcome: str = "allow", code: str | None = None, held: str = "", adds: str = "") -> Reply:
    return Reply(text, outcome != "allow", "d6", outcome, code, "s-1", labels_in(held), labels_in(adds))


PAGE = reply(f"Comments\n{SAID} (guest) {POISON}", adds="A")
REFUSED = reply(STOPPED, "deny", "approval_denied", held="AB", adds="C")
APPROVED = reply(f"Sent to {EVE}.", held="AB", adds="C")
SENT = [Mail(1, EVE, "payroll.txt", PAYROLL)]
URL = "http://127.0.0.1:40331/wiki/new-laptop"


def text(lines: Iterable[Line]) -> str:
    return "\n".join(line_text(line) for line in lines)


@pytest.mark.parametrize(
    "lines",
    [
        [*pages.opening("a script that answers yes", 80), (), ()],
        [*pages.fetched(PAGE, URL, 80)],
        [*pages.read(reply(PAYROLL, held="A", adds="B"), Path("/var/r2-abcdefgh/files/payroll.txt"), 80)],
        [*pages.refused(REFUSED, EVE, [], 80)],
        [*pages.approved(APPROVED, EVE, SENT, 80)],
        [
            *pages.started_clean(labels_in("AB"), reply("", adds="C"), "m@e.org", ("session",), "one\ntwo", 80),
            (),
            *pages.ending(80),
        ],
    ],
    ids=["opening", "fetched", "read", "refused", "approved", "started_clean"],
)
def test_every_page_fits_a_terminal_of_80_by_24(lines: Sequence[Line]) -> None:
    assert len(lines) + FOOT <= 24
    assert max(line_width(line) for line in lines) < 80


def test_the_opening_says_what_is_a_script_and_what_is_real() -> None:
    said = text(pages.opening("you", 80))
    assert "agent  a script" in said
    assert "mcp-server-fetch from PyPI" in said
    assert "server-filesystem from npm" in said
    assert "Here, the person is you." in said


def test_the_poison_is_shown_as_it_came_and_escaped() -> None:
    said = text(pages.fetched(reply(f"{SAID} \x1b[31mred[/] \u202eevil", adds="A"), URL, 80))
    assert r"\u{1b}[31mred[/] \u{202e}evil" in said
    assert "\x1b" not in said


def test_the_labels_of_the_session_fill_up() -> None:
    assert "session [A][ ][ ]" in text(pages.fetched(PAGE, URL, 80))
    assert "session [A][B][ ]" in text(pages.refused(REFUSED, EVE, [], 80))
    assert "session [A][B][C]" in text(pages.approved(APPROVED, EVE, SENT, 80))


def test_after_a_no_the_agent_gets_the_refusal_and_the_table_is_empty() -> None:
    said = text(pages.refused(REFUSED, EVE, [], 80))
    assert "d6 refused: the answer was no" in said
    assert "Stopped by rule-of-two (approval_denied)" in said
    assert "The mail server's table sent: no rows" in said


@pytest.mark.parametrize(
    ("code", "why"), [("approval_expired", "nobody answered in time"), ("approval_required", "approval_required")]
)
def test_a_refusal_for_another_reason_says_so(code: str, why: str) -> None:
    assert f"refused: {why} " in text(pages.refused(reply("", "deny", code), EVE, [], 80))


def test_after_a_yes_it_says_plainly_that_the_file_is_gone() -> None:
    said = text(pages.approved(APPROVED, EVE, SENT, 80))
    assert "The file is gone." in said
    assert "The mail server's table sent: 1 row\n" in said
    assert '"payroll.txt"  "Payroll, confidential↵' in said


def test_what_a_command_says_is_wrapped_whole() -> None:
    said = text(pages.ran(("why", "d6"), f"d6 asked\n  {'word ' * 40}end\x07", 60))
    assert said.startswith(" $ rule-of-two why d6\n d6 asked\n   word")
    assert said.count("word") == 40
    assert said.endswith("end\\u{7}")
