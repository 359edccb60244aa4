"""Obligations as they are written: read exactly, or refused with the nearest right form."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.json_pointer import tokens_of
from rule_of_two.model import Demand, Obligation, Principal
from rule_of_two.obligations import DEMANDS, Term, Unreadable, as_json, cap, force, omit, parse

PRINCIPAL = Principal(user="alice", tenant="acme", purpose="support", agent="helper")


@pytest.mark.parametrize(
    ("demand", "text", "terms"),
    [
        ("force", "/namespace = principal.tenant", [Term("force", "/namespace", source="tenant")]),
        ("force", "/a/b=1", [Term("force", "/a/b", "1")]),
        (
            "force",
            ' /a = "x; /b = y" ;\n/c = principal.user; /d = {"k": [true, null, 0.5]} ; ',
            [
                Term("force", "/a", '"x; /b = y"'),
                Term("force", "/c", source="user"),
                Term("force", "/d", '{"k":[true,null,0.5]}'),
            ],
        ),
        ("omit", "/admin; /a~1b/c~0d", [Term("omit", "/admin"), Term("omit", "/a~1b/c~0d")]),
        ("cap", "/limit <= 100; /rate<=0.5", [Term("cap", "/limit", "100"), Term("cap", "/rate", "0.5")]),
    ],
)
def test_an_annotation_is_read_as_it_is_written(demand: Demand, text: str, terms: list[Term]) -> None:
    assert parse(demand, text) == tuple(terms)


@pytest.mark.parametrize(
    ("demand", "text", "said"),
    [
        ("force", "namespace = principal.tenant", "write '/namespace'"),
        ("force", "$.filter.namespace = principal.tenant", "write '/filter/namespace'"),
        ("force", "/namespace = principal.tennant", "write 'principal.tenant'"),
        ("force", "/namespace = principal.tenant.id", "write 'principal.tenant'"),
        ("force", "/namespace == principal.tenant", "takes '=' after '/namespace', not '=='"),
        (
            "force",
            "/namespace",
            "takes '=' after '/namespace'; write it as in @force(\"/namespace = principal.tenant\")",
        ),
        ("force", "/namespace = acme", 'write principal.tenant, or in quotes \\"acme\\"'),
        ("force", "/namespace = ", "neither of the principal's nor a JSON literal"),
        ("force", "/a = 1 /b = 2", "write ';' between two"),
        ("force", "/a = 1; /a = 2", "'/a' stands there twice"),
        ("force", "/to/* = 1", "'*' is none; write a pointer for each"),
        ("force", "/a~2 = 1", "write '/a~02'"),
        ("force", "/a/ = 1", "'/a/' has an empty key; write '/a'"),
        ("force", "/ = 1", "write '/namespace'"),
        ("force", "", "names no argument"),
        ("force", "/a = NaN", "neither"),
        ("force", '/a = {"k": 1, "k": 2}', "neither"),
        ("force", "/a = 9007199254740993", "the largest is 9007199254740991"),
        ("force", '/a = "\\ud800"', "valid Unicode"),
        ("force", "/a = " + "[" * 100_000, "neither"),
        ("omit", "/admin = true", "takes nothing after '/admin'"),
        ("omit", "/admin /root", "'/root' is too much"),
        ("cap", "/limit < 100", "takes '<=' after '/limit', not '<'"),
        ("cap", '/limit <= "100"', "a cap is a number"),
        ("cap", "/limit <= true", "a cap is a number"),
        ("cap", "/limit <= 1e999", "a number is finite"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_nearest_right_form(demand: Demand, text: str, said: str) -> None:
    with pytest.raises(Unreadable, match=re.escape(said)):
        parse(demand, text)


@given(st.sampled_from(DEMANDS), st.text(alphabet='/~01*=<;:.{}[]" \\principaltenu\ud800é', max_size=40))
def test_no_text_raises_anything_else(demand: Demand, text: str) -> None:
    try:
        terms = parse(demand, text)
    except Unreadable:
        return
    assert all(tokens_of(term.pointer) for term in terms)


def test_a_manifest_says_the_same() -> None:
    assert force("/namespace", "principal.tenant") == Term("force", "/namespace", source="tenant")
    assert force("/mode", {"b": 1, "a": "x"}) == Term("force", "/mode", '{"a":"x","b":1}')
    assert omit("/admin") == Term("omit", "/admin")
    assert cap("/limit", 100) == Term("cap", "/limit", "100")


@pytest.mark.parametrize("value", ["principal.tennant", 2**60, float("inf"), {1: 2}, ["\udfff"], object()])
def test_a_manifests_odd_value_is_refused(value: Any) -> None:
    with pytest.raises(Unreadable, match=r"principal\.tenant|largest|finite|key|Unicode|JSON value"):
        force("/a", value)


def test_it_is_bound_to_the_principal() -> None:
    bound = [Term("force", "/n", source=source).bound(PRINCIPAL, "x.y").value for source in ("user", "tenant")]
    assert bound == ['"alice"', '"acme"']
    assert Term("force", "/n", source="purpose").bound(PRINCIPAL, "x.y").value == '"support"'
    assert Term("force", "/n", source="agent").bound(PRINCIPAL, "x.y").value == '"helper"'
    assert Term("cap", "/n", "5").bound(PRINCIPAL, "x.y") == Obligation("/n", "cap", "5", "x.y")


def test_one_and_true_are_two() -> None:
    assert len({as_json(value) for value in (1, 1.0, True, "1")}) == 4
