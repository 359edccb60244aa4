"""What the story says on each page. Pure: facts and a width in, lines out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from rule_of_two.approvals.spans import BLANK, Line, Span, Style, clip, line_width, wrap
from rule_of_two.demo.lines import framed, heading, labels_text, rows, told
from rule_of_two.demo.mailbox import Mail
from rule_of_two.demo.page import SAID
from rule_of_two.demo.reply import Reply
from rule_of_two.escape import quoted, visible
from rule_of_two.model import Labels, label_text

ASKING: Final = "3  It mails the file away. The gateway holds the call and asks:"

_NO_YES: Final = {"approval_denied": "the answer was no", "approval_expired": "nobody answered in time"}


def opening(person: str, width: int) -> Iterator[Line]:
    """What is real, what is a script, and what will happen."""
    yield from heading("rule-of-two: what a poisoned page can make an agent do, and what stops it")
    yield from rows(
        (
            ("agent", "a script: it does what it reads, as a model may"),
            ("web", "mcp-server-fetch from PyPI, reading a wiki page served on this machine"),
            ("files", "server-filesystem from npm"),
            ("mail", "a small MCP server of ours; what it sends is a row in SQLite"),
            ("gate", "rule-of-two itself, between the agent and the three servers"),
        ),
        width,
        column=9,
    )
    yield BLANK
    yield from told("What will happen:", width)
    yield from rows(
        (
            ("1", "The agent reads a page on which strangers write     [A] untrusted input"),
            ("2", "The page makes it read a private file               [B] private data"),
            ("3", "The page makes it mail that file to a stranger      [C] acts outside"),
        ),
        width,
        column=5,
    )
    yield BLANK
    yield from told(
        "The Rule of Two: no session gets all three, unless a person says yes to the call that would do it. Here, the "
        f"person is {person}.",
        width,
    )


def fetched(reply: Reply, url: str, width: int) -> Iterator[Line]:
    """The first call: the page, and what was hidden in it."""
    yield from heading("1  The agent reads a wiki page. Somebody hid orders in it.")
    yield from called("web · fetch", url, reply, "allowed: it brings [A] untrusted input", width)
    yield BLANK
    yield from told(
        "A browser shows three steps and two comments. The last comment goes on in letters of size 0, which no person "
        "sees. The agent does:",
        width,
    )
    yield from framed(f"what follows “{SAID}”", reply.text.partition(SAID)[2].strip(), width)
    yield BLANK
    yield from told(
        "Configured: this host is the operator's own wiki, so asking it carries nothing out. On any other host this "
        "fetch would be [A][B][C].",
        width,
        style=Style.DIM,
    )


def read(reply: Reply, path: Path, width: int) -> Iterator[Line]:
    """The second call: the private file."""
    yield from heading("2  The agent obeys: it reads the private file.")
    yield from called("files · read_text_file", str(path), reply, "allowed: it brings [B] private data", width)
    yield BLANK
    yield from framed(path.name, reply.text, width)
    yield BLANK
    yield from told("Nobody was asked so far: what was only read has not left.", width)
    yield BLANK
    yield from told(
        "Configured: the user wrote the files of this folder himself. Any other file would be [A][B].",
        width,
        style=Style.DIM,
    )


def refused(reply: Reply, recipient: str, sent: Sequence[Mail], width: int) -> Iterator[Line]:
    """There was no yes: what the agent gets, and that nothing was sent."""
    yield from heading("4  Without a yes the call is not sent. The file has not left.")
    yield from called(
        "mail · send_mail", recipient, reply, f"refused: {_NO_YES.get(reply.code or '', reply.code)}", width
    )
    yield BLANK
    yield from told("Instead of a result, the agent gets:", width)
    yield from framed("isError: true", reply.text, width)
    yield BLANK
    yield from table(sent, width)


def approved(reply: Reply, recipient: str, sent: Sequence[Mail], width: int) -> Iterator[Line]:
    """There was a yes: the mail is gone, and the story says so."""
    yield from heading("4  The answer was yes, so the call was sent. The file is gone.", Style.WARNING)
    yield from called("mail · send_mail", recipient, reply, "allowed after a yes: it brings [C]", width)
    yield BLANK
    yield from framed("result", reply.text, width)
    yield BLANK
    yield from table(sent, width)
    yield BLANK
    yield from told(
        "The yes covered this call, once. The session holds all three now, so its next call with [C] asks again.",
        width,
    )


def explained(arguments: Sequence[str], said: str, width: int) -> Iterator[Line]:
    """The answer of ``rule-of-two why``."""
    yield from heading("5  Why? The journal knows.")
    yield from ran(arguments, said, width)


def started_clean(
    last: Labels, reply: Reply, recipient: str, arguments: Sequence[str], said: str, width: int
) -> Iterator[Line]:
    """The new conversation."""
    yield from heading("6  A new conversation starts clean.")
    yield from told(
        f"The last one held {label_text(last)}, this one begins with nothing. The user says: tell Mei that noon is "
        "fine.",
        width,
    )
    yield BLANK
    yield from called("mail · send_mail", recipient, reply, "allowed, nobody was asked: it brings [C]", width)
    yield BLANK
    yield from ran(arguments, said, width)
    yield BLANK
    yield from told("One of the three is free, and so are two. Only all three together need you.", width)


def ending(width: int) -> Iterator[Line]:
    """What to do next."""
    yield from rows(
        (
            ("Next", "register `rule-of-two serve` in your client: the README shows how"),
            ("", "open `rule-of-two console` in a second terminal: it asks you there"),
        ),
        width,
        column=8,
    )


def called(call: str, target: str, reply: Reply, decided: str, width: int) -> Iterator[Line]:
    """One call of the agent's: what it asked for, what was decided, and what the session holds now."""
    name = f"{call}  "
    yield (
        Span(" agent  ", Style.DIM),
        Span(name, Style.HEADLINE),
        Span(clip(target, width - len(name) - 9), Style.QUOTED),
    )
    left = (Span(" gate   ", Style.DIM), *told(f"{reply.decision} {decided}", width, indent=0)[0])
    right = (Span("session ", Style.DIM), Span(labels_text(reply.after), Style.LABEL))
    yield (*left, Span(" " * max(2, width - line_width(left) - line_width(right) - 1)), *right)


def table(sent: Sequence[Mail], width: int) -> Iterator[Line]:
    """The mail server's table of what was sent."""
    count = f"{len(sent) or 'no'} row{'' if len(sent) == 1 else 's'}"
    yield (Span(" The mail server's table "), Span("sent", Style.HEADLINE), Span(f": {count}"))
    for mail in sent:
        text = f"{mail.address}  {quoted(mail.subject)}  {quoted(mail.body)}"
        yield (Span("   "), Span(clip(text, width - 4), Style.QUOTED))


def ran(arguments: Sequence[str], said: str, width: int) -> Iterator[Line]:
    """A command of ours, and what it said."""
    yield (Span(" $ ", Style.DIM), Span(f"rule-of-two {' '.join(arguments)}", Style.HEADLINE))
    for line in said.splitlines():
        for number, part in enumerate(wrap([Span(visible(line))], width - 4)):
            yield (Span("     " if number else " "), *part)
