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
    kept = "".join(map(line_text, lines)).replace("┊", "")
    assert "".join(kept.split()) == "".join(line_text(line).replace("┊", "").split())


@given(spans, st.integers(20, 80), st.sampled_from(["", "  "]))
def test_no_later_line_begins_with_text_that_is_not_ours(line: list[Span], width: int, indent: str) -> None:
    for later in wrap(line, width, indent=indent)[1:]:
        first = next((span for span in later if span.text != indent), None)
        assert first is None or first.style is not Style.QUOTED or first.text.startswith('"')


def test_a_quotation_that_goes_on_begins_with_a_bar_and_one_that_begins_does_not() -> None:
    lines = wrap([Span("we say: "), Span('"one two three"', Style.QUOTED)], 10)
    assert list(map(line_text, lines)) == ["we say: ", '"one two', '┊ three"']


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
    lines = wrap([Span("plain "), Span("label", Style.LABEL)], 6)
    assert lines[-1] == (Span("label", Style.LABEL),)


@pytest.mark.parametrize("style", Style)
def test_every_style_is_one_of_richs(style: Style) -> None:
    RichStyle.parse(RICH_STYLES[style])
