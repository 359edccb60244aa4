"""Lines keep their width and lose nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style as RichStyle

from rule_of_two.approvals.spans import RICH_STYLES, Span, Style, chop, clip, line_text, line_width, wrap
from rule_of_two.escape import visible

shown_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200).map(visible)
spans = st.lists(st.builds(Span, shown_texts, st.sampled_from(Style)), max_size=4)


@given(spans, st.integers(20, 80))
def test_wrapped_lines_fit_and_keep_every_word(line: list[Span], width: int) -> None:
    lines = wrap(line, width, indent="  ")
    assert all(line_width(one) <= width for one in lines)
    assert "".join("".join(map(line_text, lines)).split()) == "".join(line_text(line).split())


@given(shown_texts, st.integers(2, 80))
def test_chopped_lines_fit_and_lose_nothing(text: str, width: int) -> None:
    pieces = list(chop(text, width))
    assert all(cell_len(piece) <= width for piece in pieces)
    assert "".join(pieces) == text


@given(st.text(st.characters(), max_size=100), st.integers(12, 40))
def test_a_clipped_text_fits_and_says_how_much_is_missing(text: str, width: int) -> None:
    shown = clip(text, width)
    assert cell_len(shown) <= width
    assert shown == visible(text) or "… (+" in shown


def test_a_clipped_text_counts_the_characters_that_are_left_out() -> None:
    assert clip("a" * 1_300, 12) == "aa… (+1,298)"


def test_later_lines_are_indented() -> None:
    assert [line_text(line) for line in wrap([Span("one two three")], 8, indent="  ")] == ["one two", "  three"]


def test_the_first_word_after_an_indent_of_the_text_keeps_its_blank() -> None:
    assert line_text(wrap([Span("  No gateway")], 40, indent="  ")[0]) == "  No gateway"


def test_styles_survive_wrapping() -> None:
    lines = wrap([Span("plain "), Span("quoted", Style.QUOTED)], 6)
    assert lines[-1] == (Span("quoted", Style.QUOTED),)


@pytest.mark.parametrize("style", Style)
def test_every_style_is_one_of_richs(style: Style) -> None:
    RichStyle.parse(RICH_STYLES[style])
