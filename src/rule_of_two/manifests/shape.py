"""What the parts of a manifest file share: strict models, pointers, and errors that keep their place in the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.json_schema import WithJsonSchema
from pydantic_core import InitErrorDetails, PydanticCustomError

from rule_of_two.manifests.pointer import Pointer

POINTERS: Final[dict[str, Any]] = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
"""The JSON Schema of one pointer or several."""

OneOrMore = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    WithJsonSchema(POINTERS),
]
"""One text, or a list of them."""


class Shape(BaseModel):
    """A frozen model that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def refused(message: str, *where: str | int) -> ValidationError:
    """An error at ``where`` below the validator's own place: it keeps the line number right."""
    kind = PydanticCustomError("manifest", "{message}", {"message": message})
    return ValidationError.from_exception_data("manifest", [InitErrorDetails(type=kind, loc=where, input=None)])


def pointers_in(value: Any, *where: str) -> list[str]:
    """The JSON Pointers that are written as one text or as a list.

    :raises ValidationError: not a pointer, at ``where``.
    """
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, Sequence) or not given or not all(isinstance(item, str) for item in given):
        raise refused("write a JSON Pointer such as /url, or a list of them", *where)
    try:
        return [Pointer.parse(item).text for item in given]
    except ValueError as error:
        raise refused(str(error), *where) from error
