"""A word diff is complete whatever the texts are, and takes bounded time."""

from __future__ import annotations

import random
import time

from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.approvals.word_diff import Part, Piece, word_diff

TEXTS = st.lists(st.sampled_from(["a", "b", "c", " ", "\n", "é", ".", "\u202e"]), max_size=25).map("".join) | st.text()


@given(TEXTS, TEXTS)
def test_the_pieces_are_both_texts(old: str, new: str) -> None:
    pieces = word_diff(old, new)
    assert "".join(one.text for one in pieces if one.part is not Part.NEW) == old
    assert "".join(one.text for one in pieces if one.part is not Part.OLD) == new
    assert all(one.text for one in pieces)


def test_what_stayed_the_same_is_told_apart() -> None:
    assert word_diff("Send a message to one.", "Send a mail to one.") == (
        Piece(Part.SAME, "Send a "),
        Piece(Part.OLD, "message"),
        Piece(Part.NEW, "mail"),
        Piece(Part.SAME, " to one."),
    )
    assert word_diff("same", "same") == (Piece(Part.SAME, "same"),)


def test_texts_without_end_take_a_moment() -> None:
    chance = random.Random(1)  # noqa: S311  # no secret
    old, new = (" ".join(chance.choices("abcdefgh", k=60_000)) for _ in range(2))
    began = time.process_time()
    pieces = word_diff(old, new)
    assert time.process_time() - began < 5
    assert "".join(one.text for one in pieces if one.part is not Part.NEW) == old
