"""What upstreams write on standard error."""

from __future__ import annotations

from rule_of_two.gateway.error_lines import CHARACTERS, LINES, ErrorLines


class Heard:
    def __init__(self) -> None:
        self.time = 0.0
        self.lines: list[str] = []
        self.errors = ErrorLines("notes", self.lines.append, lambda: self.time)


def test_a_line_is_named_after_its_upstream_and_made_safe_to_print() -> None:
    heard = Heard()
    heard.errors.take("ready\x1b[2J")
    assert heard.lines == ["[notes] ready\\u{1b}[2J"]


def test_what_is_beyond_a_share_is_counted_and_said_later() -> None:
    heard = Heard()
    for _ in range(LINES + 7):
        heard.errors.take("x")
    assert len(heard.lines) == LINES
    heard.time = 1.0
    heard.errors.take("on it goes")
    assert heard.lines[LINES:] == ["[notes] 7 lines were left out here", "[notes] on it goes"]


def test_long_lines_count_by_their_length() -> None:
    heard = Heard()
    for _ in range(5):
        heard.errors.take("x" * (CHARACTERS // 4))
    assert len(heard.lines) == 4
