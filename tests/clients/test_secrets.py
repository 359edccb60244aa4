"""Secrets are found by the name that they stand under and by their shape, and every copy of one is replaced."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.clients.entries import Mount
from rule_of_two.clients.secrets import secret_shapes, secrets_of, without_secrets
from rule_of_two.installation.shown_change import masked


def _found(**given: Any) -> list[str]:
    return sorted(one.value for one in secrets_of(Mount("a", **given)))


GITHUB = "ghp_0123456789abcdefghij"
SLACK = "xoxb-1234567890-abcdef"


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ({"env": {"API_KEY": "abc", "PLAIN": "abc2"}}, ["abc"]),
        ({"env": {"githubToken": "t", "PGPASSWORD": "p", "CLIENT_SECRET": "s", "MY_PAT": "q"}}, ["p", "q", "s", "t"]),
        ({"env": {"MAX_TOKENS": "4096", "USE_TOKEN": "true", "KEYBOARD": "us", "PATH": "/bin"}}, []),
        ({"env": {"ANYTHING": GITHUB}}, [GITHUB]),
        ({"env": {"DATABASE": "postgres://bob:pw%40@db/x"}}, ["pw%40"]),
        ({"headers": {"Authorization": f"Bearer {GITHUB}"}}, [GITHUB]),
        ({"headers": {"Authorization": "Basic dXNlcjpwdw=="}}, ["dXNlcjpwdw=="]),
        ({"headers": {"X-Api-Key": "k", "Accept": "text/html"}}, ["k"]),
        ({"args": ["--api-key", "k1", "--token=k2", "-e", "SECRET=k3", "--verbose"]}, ["k1", "k2", "k3"]),
        ({"args": ["--header", f"Authorization: Bearer {SLACK}"]}, [SLACK]),
        ({"args": ["--header", "Authorization:Bearer plain"]}, ["plain"]),
        ({"args": ["--token", "--other"]}, []),
        ({"args": ["postgresql://u:pw@h/d"]}, ["pw"]),
        ({"args": ["-e", "GITHUB_TOKEN", "image"]}, []),
        ({"args": [f"x{SLACK}y"]}, [f"{SLACK}y"]),
        ({"url": "https://x.example/mcp?api_key=k&page=2"}, ["k"]),
        ({"url": "https://u:pw@x.example/mcp"}, ["pw"]),
        ({"url": f"https://x.example/{GITHUB}/mcp"}, [GITHUB]),
        ({"env": {"TOKEN": "${env:RULE_OF_TWO_GIVEN_X}"}}, []),
        ({"headers": {"Authorization": "Bearer ${env:T}"}}, []),
        ({"env": {"KEY": "-----BEGIN RSA PRIVATE KEY-----\nx\n"}}, ["-----BEGIN RSA PRIVATE KEY-----\nx\n"]),
    ],
)
def test_secrets_are_found(given: dict[str, Any], values: list[str]) -> None:
    assert _found(**given) == values


def test_a_secret_that_stands_in_more_than_one_place_is_one_and_goes_everywhere() -> None:
    mount = Mount("a", command="x", args=(f"--k={GITHUB}", "--url", f"https://h/?q={GITHUB}"), env={"TOKEN": GITHUB})
    (found,) = secrets_of(mount)
    assert found.name == "TOKEN"
    new = without_secrets(mount, {GITHUB: "${R}"})
    assert new.args == ("--k=${R}", "--url", "https://h/?q=${R}")
    assert new.env == {"TOKEN": "${R}"}


def test_a_short_secret_is_replaced_only_where_it_was_found() -> None:
    mount = Mount("a", command="x", args=("--password", "pw", "-v", "pwd"), env={"A": "pw"})
    new = without_secrets(mount, {"pw": "${R}"})
    assert (new.args, new.env) == (("--password", "${R}", "-v", "pwd"), {"A": "pw"})


@given(
    st.dictionaries(st.sampled_from(["TOKEN", "A", "PASSWORD"]), st.text(max_size=30), max_size=3),
    st.lists(st.text(max_size=30) | st.sampled_from(["--token", f"--x={GITHUB}", "https://a:b@c", "K=v"]), max_size=4),
)
def test_putting_the_values_back_gives_what_was(env: dict[str, str], args: list[str]) -> None:
    mount = Mount("a", command="x", args=tuple(args), env=env)
    found = secrets_of(mount)
    references = {one.value: f"\u0001{number}\u0002" for number, one in enumerate(found)}
    new = without_secrets(mount, references)

    def back(text: str) -> str:
        for value, reference in references.items():
            text = text.replace(reference, value)
        return text

    if not any("\u0001" in text for text in (*args, *env.values())):
        assert {key: back(text) for key, text in new.env.items()} == env
        assert [back(text) for text in new.args] == args


@pytest.mark.parametrize("text", ["a" * 99_999, "?a" * 50_000, "a://" * 25_000, "eyJaaaaaaaa." * 9_000, "a:" * 50_000])
def test_a_long_text_is_searched_in_a_moment(text: str) -> None:
    began = time.monotonic()
    secrets_of(Mount("a", command=text, args=(text,), url=text, env={"a": text}))
    masked(text, ("secret1",))
    assert time.monotonic() - began < 10


def test_shapes_are_found_in_any_text() -> None:
    assert secret_shapes(f"// old: {GITHUB}, {SLACK}") == [GITHUB, SLACK]
