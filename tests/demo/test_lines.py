"""Setting texts: labels marked, nothing obeyed, nothing wider than the terminal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.approvals.spans import Style, line_text, line_width
from rule_of_two.demo.lines import framed, labels_text, rows, told
from rule_of_two.escape import visible
from rule_of_two.model import labels_in

WIDTHS = st.integers(50, 96)


def test_labels_in_a_paragraph_are_marked() -> None:
    (line,) = told("It brings [A], not [D].", 80)
    assert [(span.text, span.style) for span in line if span.style is Style.LABEL] == [("[A]", Style.LABEL)]
    assert line_text(line) == " It brings [A], not [D]."


def test_columns_hang_and_name_their_row_once() -> None:
    lines = [line_text(line) for line in rows((("web", "one two three four"),), 20, column=8)]
    assert lines == ["  web   one two", "        three four"]


def test_labels_have_their_places() -> None:
    assert labels_text(labels_in("")) == "[ ][ ][ ]"
    assert labels_text(labels_in("CA")) == "[A][ ][C]"


@given(st.text(), st.text(max_size=40), WIDTHS)
def test_any_text_stays_whole_inside_its_frame_and_escaped(text: str, title: str, width: int) -> None:
    top, *inside, bottom = framed(title, text, width)
    assert line_text(top).startswith(" ╭─ ")
    assert line_text(bottom) == f" ╰{'─' * (width - 3)}"
    assert all(line_width(line) < width for line in (top, *inside, bottom))
    assert all(line_text(line).startswith(" │ ") for line in inside)
    shown = "".join(line_text(line)[3:] for line in inside)
    assert shown.replace(" ", "") == "".join(visible(part) for part in text.splitlines()).replace(" ", "")


@given(st.text(alphabet="[]ABC xyz", max_size=300), WIDTHS)
def test_a_paragraph_loses_no_letter_and_fits(text: str, width: int) -> None:
    lines = told(text, width)
    assert all(line_width(line) < width for line in lines)
    assert "".join(line_text(line) for line in lines).replace(" ", "") == text.replace(" ", "")
