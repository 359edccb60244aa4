"""A secret is found however it is encoded inside a longer text."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.approvals.masks import MASK, Masks
from rule_of_two.approvals.secret_forms import forms

SECRET = 'pa/ss wörd"+&=42'  # noqa: S105  # of nobody's


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        json.dumps(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
    ],
)
def test_what_is_encoded_is_hidden(text: str) -> None:
    hidden = Masks({}, (), [SECRET]).hide(f"before {text} after")
    assert MASK in hidden
    assert text.strip('"') not in hidden


@given(before=st.binary(max_size=9), after=st.binary(max_size=9), safe=st.booleans())
def test_it_is_hidden_in_the_base64_of_any_longer_text(before: bytes, after: bytes, safe: bool) -> None:
    encode = base64.urlsafe_b64encode if safe else base64.b64encode
    text = encode(before + SECRET.encode() + after).decode()
    assert MASK in Masks({}, (), [SECRET]).hide(text)


@given(st.text(min_size=1, max_size=30))
def test_every_text_has_its_forms(text: str) -> None:
    assert forms(text)[0] == text
