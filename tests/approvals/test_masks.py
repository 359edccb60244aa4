"""Secrets are hidden where they stand and wherever their value is repeated."""

from __future__ import annotations

import pytest

from rule_of_two.approvals.masks import MASK, Masks

ARGUMENTS = {
    "headers": {"authorization": "sesame-open", "accept": "*/*"},
    "users": [{"name": "ann", "password": "swordfish"}, {"name": "bob", "password": "xyz"}],
    "pin/code": 12345,
    "deep": {"keys": ["alpha-key", {"inner": "beta-key"}]},
}


@pytest.mark.parametrize(
    ("pointer", "path"),
    [
        ("/headers/authorization", ("headers", "authorization")),
        ("/users/*/password", ("users", "1", "password")),
        ("/pin~1code", ("pin/code",)),
        ("", ()),
    ],
)
def test_a_pointer_hides_its_place(pointer: str, path: tuple[str, ...]) -> None:
    masks = Masks(ARGUMENTS, [pointer])
    assert masks.hides(path)
    assert not masks.hides((*path, "other"))
    assert not Masks(ARGUMENTS, ["/other"]).hides(path)


def test_the_value_of_a_secret_is_hidden_in_every_other_text() -> None:
    masks = Masks(ARGUMENTS, ["/headers/authorization", "/users/*/password", "/pin~1code"])
    assert masks.hide("url?t=sesame-open&p=swordfish&c=12345") == f"url?t={MASK}&p={MASK}&c={MASK}"


def test_all_texts_inside_a_secret_object_are_hidden() -> None:
    assert Masks(ARGUMENTS, ["/deep"]).hide("alpha-key beta-key") == f"{MASK} {MASK}"


def test_a_secret_inside_a_longer_secret_leaves_nothing_of_it() -> None:
    masks = Masks({"a": "open", "b": "open-sesame"}, ["/a", "/b"])
    assert masks.hide("open-sesame") == MASK


def test_a_secret_too_short_to_recognise_hides_only_its_own_place() -> None:
    masks = Masks(ARGUMENTS, ["/users/*/password"])
    assert masks.hide("wxyz") == "wxyz"
    assert masks.hides(("users", "1", "password"))


def test_a_masked_copy_keeps_everything_but_the_secrets() -> None:
    arguments = {**ARGUMENTS, "note": "say sesame-open", "sesame-open": [True, None, 1.5], "again": 12345}
    masked = Masks(arguments, ["/headers/authorization", "/users/*/password", "/pin~1code"]).masked(arguments)
    assert masked == {
        "headers": {"authorization": MASK, "accept": "*/*"},
        "users": [{"name": "ann", "password": MASK}, {"name": "bob", "password": MASK}],
        "pin/code": MASK,
        "deep": ARGUMENTS["deep"],
        "note": f"say {MASK}",
        MASK: [True, None, 1.5],
        "again": MASK,
    }


def test_without_secrets_nothing_is_hidden() -> None:
    assert Masks(ARGUMENTS, []).hide("sesame-open") == "sesame-open"


def test_a_secret_of_the_configuration_is_hidden_wherever_it_stands() -> None:
    masks = Masks({"body": "my token is s3cret-value"}, [], ["s3cret-value", "abc"])
    assert masks.masked({"body": "my token is s3cret-value, abc"}) == {"body": f"my token is {MASK}, abc"}
