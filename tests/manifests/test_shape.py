"""Parts that all of a manifest file shares."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError, field_validator

from rule_of_two.manifests.shape import OneOrMore, Shape, pointers_in, refused


class Names(Shape):
    names: OneOrMore


@pytest.mark.parametrize(("given", "names"), [("a", ("a",)), (["a", "b"], ("a", "b")), ([], ())])
def test_one_text_is_a_list_of_one(given: Any, names: tuple[str, ...]) -> None:
    assert Names.model_validate({"names": given}).names == names


def test_a_shape_knows_its_keys_and_does_not_change() -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        Names.model_validate({"names": "a", "name": "b"})
    with pytest.raises(ValidationError, match="frozen_instance"):
        Names.model_validate({"names": "a"}).names = ("b",)  # type: ignore[misc]  # the point of the test


def test_an_error_stands_below_the_place_of_the_validator() -> None:
    class Outer(BaseModel):
        inner: dict[str, int]

        @field_validator("inner", mode="after")
        @classmethod
        def _no(cls, _value: dict[str, int]) -> dict[str, int]:
            raise refused("not {here}", "x", 3)

    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({"inner": {"x": 1}})
    (error,) = caught.value.errors()
    assert (error["loc"], error["msg"]) == (("inner", "x", 3), "not {here}")


@pytest.mark.parametrize(("given", "pointers"), [("/a", ["/a"]), (["/a", "/b/*"], ["/a", "/b/*"])])
def test_pointers_are_one_or_more(given: Any, pointers: list[str]) -> None:
    assert pointers_in(given) == pointers


@pytest.mark.parametrize("given", ["a", "", ["/a", "b"], [], None, 3, {"/a": 1}, [3]])
def test_what_is_no_pointer_is_refused_at_its_place(given: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        pointers_in(given, "targets", "url")
    assert caught.value.errors()[0]["loc"] == ("targets", "url")
