"""Whose words are trusted: byte-equal canonical names only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two import normalise
from rule_of_two.manifests.authors import TrustedAuthors, author

TRUSTED = TrustedAuthors(map(author, ["Ann@Corp.Example", "@own.example", "dependabot[bot]", "U02ABC"]))


@pytest.mark.parametrize("name", ["ann@corp.example", "bob@own.example", "dependabot[bot]", "U02ABC"])
def test_an_exact_name_and_an_address_of_a_trusted_domain_are_trusted(name: str) -> None:
    assert TRUSTED.trusts(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Ann@corp.example",
        "ann@corp.example ",
        " ann@corp.example",
        "ann@corp.example.",
        "ann@CORP.example",
        "Ann <ann@corp.example>",
        '"ann@corp.example" <eve@evil.example>',
        "ann@corp.example, eve@evil.example",
        "ann@corp.example\x00",
        "ann@corp.example\u200b",
        "ann\u200d@corp.example",
        "\u0430nn@corp.example",
        "ann@c\u043erp.example",
        "ann@xn--crp-5cd.example",
        "ann+eve@corp.example",
        "bob+eve@own.example",
        "bob@mail.own.example",
        "bob@own.example.evil.example",
        "bob@evil.example@own.example",
        "bob@notown.example",
        "@own.example",
        "own.example",
        "bob@own.example.",
        "bob@Own.example",
        "bob@\uff4fwn.example",
        "bob@ow\u200bn.example",
        "BOB@own.example",
        "bob bob@own.example",
        "u02abc",
        "U02ABC ",
        "U02ABC\u2060",
        "dependabot",
        "dependabot[bot",
    ],
)
def test_a_name_that_only_looks_like_a_trusted_one_is_not(name: str) -> None:
    assert not TRUSTED.trusts(name)


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "Ann Lee",
        "Ann <ann@corp.example>",
        "ann+x@corp.example",
        "@",
        "@own example",
        "a@b@c",
        "x;y",
        "\u200b",
        7,
    ],
)
def test_what_nobody_can_be_recognised_by_cannot_be_trusted(written: object) -> None:
    with pytest.raises(ValueError, match="must be an address such as"):
        author(written)


@given(st.text(max_size=12).map(lambda text: f"{text}@own.example") | st.text(max_size=20))
def test_whoever_is_trusted_has_a_canonical_name(name: str) -> None:
    if TRUSTED.trusts(name):
        assert normalise.address(name) == name
        assert name.endswith("@own.example")
        assert "+" not in name


def test_nobody_is_trusted_where_nobody_is_named() -> None:
    assert not TrustedAuthors(()).trusts("ann@corp.example")
    assert not TrustedAuthors(()).trusts("")
