"""A change is shown as a diff that can be read, and in which no secret stands."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.installation.shown_change import masked, shown_change

FILE = Path("mcp.json")
SECRETS = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=6, max_size=20)


def test_a_change_is_a_unified_diff_with_the_lines_of_the_file() -> None:
    before = "".join(f"{number}\n" for number in range(100)).encode()
    after = before.replace(b"\n50\n", b"\nfifty\n").replace(b"\n60\n", b"\n60\nmore\n")
    lines = shown_change(FILE, before, after, ()).splitlines()
    assert lines[:2] == ["--- mcp.json", "+++ mcp.json"]
    assert [line for line in lines[2:] if line.startswith("@@")] == ["@@ -48,7 +48,7 @@", "@@ -59,6 +59,7 @@"]
    assert [line for line in lines[2:] if line[:1] in "+-"] == ["-50", "+fifty", "+more"]


def test_no_change_is_nothing_and_a_new_file_is_all_of_it() -> None:
    assert shown_change(FILE, b"a", b"a", ()) == ""
    assert "+a" in shown_change(FILE, None, b"a\n", ()).splitlines()
    assert "/dev/null" in shown_change(FILE, b"a", None, ())
    assert "only secrets or line ends" in shown_change(FILE, b"secret1\n", b"secret2\n", ("secret1", "secret2"))


@given(SECRETS, st.booleans())
def test_a_secret_is_hidden_however_json_writes_it(secret: str, ascii_only: bool) -> None:
    text = json.dumps({"a": f"before {secret}", "b": [secret]}, ensure_ascii=ascii_only)
    shown = masked(text, (secret,))
    assert json.dumps(secret, ensure_ascii=ascii_only)[1:-1] not in shown.replace("before", "")
    assert "•••" in shown


@pytest.mark.parametrize(
    "text",
    [
        '"api_key": "hidden-one"',
        "password = 'hidden-one'",
        '"Authorization" : "Bearer hidden-one"',
        "// old: ghp_hiddenone0123456789",
        'TOKEN: "hidden-one"',
    ],
)
def test_what_stands_under_the_name_of_a_secret_or_looks_like_one_is_hidden(text: str) -> None:
    assert "hidden" not in masked(text, ())


@pytest.mark.parametrize("text", ['"TOKEN": "${keyring:rule-of-two/a.TOKEN}"', '"Authorization": "Bearer ${env:T}"'])
def test_a_reference_is_shown(text: str) -> None:
    assert masked(text, ()) == text


def test_control_characters_are_shown_and_not_obeyed() -> None:
    assert "\x1b" not in shown_change(FILE, b"", b"\x1b[2Ja\n", ())


def test_a_large_file_is_shown_in_a_moment() -> None:
    before = "".join(f'{{"line": {number}}},\n' for number in range(100_000)).encode()
    began = time.monotonic()
    shown = shown_change(FILE, before, before.replace(b"99990", b"other"), ())
    assert time.monotonic() - began < 20
    assert len(shown.splitlines()) < 20
