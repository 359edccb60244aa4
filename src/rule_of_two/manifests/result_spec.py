"""``result:`` of a manifest: where the items of a result stand, and what the platform says of each.

Every pointer but ``items`` and ``frame`` starts at an item. What a pointer names is the platform's word by the word of
whoever wrote the manifest: a place that an item's author can write is no metadata, and nothing here can tell.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from rule_of_two.manifests.pointer import Pointer
from rule_of_two.manifests.shape import OneOrMore, Shape, pointers_in, refused

TRUSTED_AUTHORS: Final = "trusted_authors"
"""The parameter that every manifest with ``author`` has: whose words are not A."""
PUBLIC_CONFIDENTIALITY: Final = "public_confidentiality"
"""The parameter that every manifest with ``confidentiality`` has: up to which one an item is not B."""

Source = Literal["structured", "text", "resources", "meta"]


def _one(value: str) -> str:
    (pointer,) = pointers_in(value)
    if "*" in Pointer.parse(pointer).tokens:
        raise refused("names one place, without '*'")
    return pointer


def _many(value: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(pointers_in(value))


def _items(value: str) -> str:
    """In ``structuredContent``; that may be written too."""
    (pointer,) = pointers_in(value)
    return pointer.removeprefix(_STRUCTURED) if pointer.startswith(f"{_STRUCTURED}/") else pointer


_Place = Annotated[str, AfterValidator(_one)]
_Places = Annotated[OneOrMore, AfterValidator(_many)]
_STRUCTURED: Final = "/structuredContent"
_OF_A_DOCUMENT: Final = ("items", "frame")


class ResultSpec(Shape):
    """Where items stand (``items``; without it the whole is one item), in what (``from``), and their metadata.

    ``structured``: in ``structuredContent``, else in the JSON of the only text block. ``text``: in the JSON of each
    text block. ``resources``: each embedded resource, or each of ``contents``, is an item, and pointers go into the
    JSON of its text. ``meta``: the whole result is one item, and pointers go into its ``_meta``. Where ``items`` names
    a list, its elements are the items.
    """

    items: Annotated[str, AfterValidator(_items)] | None = None
    """Where the items stand; without it the whole is one item."""
    source: Source = Field(default="structured", alias="from")
    """In what they stand."""
    id: _Place | None = None
    """An item's id."""
    author: _Places = ()
    """All who wrote a part of an item: author, editors, whoever commented."""
    owner: _Place | None = None
    """Whose it is."""
    tenant: _Place | None = None
    """Of which tenant."""
    role: _Place | None = None
    """For which role."""
    confidentiality: _Place | None = None
    """How confidential, as a number."""
    purposes: _Places = ()
    """What it may be used for."""
    created: _Place | None = None
    """When it was made."""
    expires: _Place | None = None
    """Until when it counts."""
    readers: _Places = ()
    """Who may read an item already."""
    labels: _Place | None = None
    """Labels as the platform asserts them. They add; they only lower where the operator says ``label_authority``."""
    frame: _Places = ()
    """Text outside the items that the platform itself makes, such as a cursor."""

    @model_validator(mode="after")
    def _fits_its_source(self) -> Self:
        for name in _OF_A_DOCUMENT if self.source in {"resources", "meta"} else ():
            if getattr(self, name):
                raise refused(f"has no place with 'from: {self.source}': there the item is whole", name)
        items = Pointer.parse(self.items).tokens if self.items is not None else ()
        for pointer in self.frame:
            tokens = Pointer.parse(pointer).tokens
            if tokens[: len(items)] == items or items[: len(tokens)] == tokens:
                raise refused(f"{pointer} is not outside of the items", "frame")
        return self
