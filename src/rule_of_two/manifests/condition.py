"""Rules as they are written: conditions over targets and arguments, checked and made canonical."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic.json_schema import WithJsonSchema

from rule_of_two.manifests.parameters import ITEMS, ParameterType, amount
from rule_of_two.manifests.shape import POINTERS, Shape, refused
from rule_of_two.model import Label

_SCALARS: Final[dict[str, Any]] = {"anyOf": [{"type": "array"}, {"type": "string"}]}
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
OPERATORS: Final[Mapping[str, tuple[tuple[str, ...], ParameterType | None]]] = {
    "host_in": (("url", "host"), "hosts"),
    "inside": (("path",), "folders"),
    "outside": (("path",), "folders"),
    "recipient_in": (("recipient",), "recipients"),
    "at_most": (("amount",), "amount"),
    "in": ((), "strings"),
    "equals": ((), None),
    "absent": ((), None),
}
"""Each operator with the kinds of target that it takes (none named: any argument) and the parameter's type."""


def reference(value: Any) -> str | None:
    """The name in ``${name}``, or ``None`` when ``value`` is a literal."""
    match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    return match[1] if match else None


def _literals(parameter: ParameterType, value: Any) -> tuple[str, ...]:
    """Literals in canonical form; references to parameters as they are."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, Sequence):
        raise refused(f"write a list of {parameter}, or ${{name}} of a parameter")
    try:
        return tuple(str(item) if reference(item) else ITEMS[parameter](item) for item in items)
    except ValueError as error:
        raise refused(str(error)) from error


def _scalar(value: Any) -> Any:
    """A plain JSON scalar: YAML's own subclasses are shed, since rules compare types too."""
    for plain in (bool, int, float, str):
        if isinstance(value, plain):
            return plain(value)
    if value is not None:
        raise refused("compares with text, numbers, true, false and null only")
    return None


def _scalars(value: Any) -> tuple[Any, ...]:
    if reference(value):
        return (value,)
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise refused("write a list of values, or ${name} of a parameter of type strings")
    return tuple(_scalar(item) for item in value)


class ConditionSpec(Shape):
    """What must hold of one target or argument; several operators must all hold."""

    host_in: Annotated[
        tuple[str, ...], BeforeValidator(lambda value: _literals("hosts", value)), WithJsonSchema(POINTERS)
    ] = ()
    """A URL or host whose host is one of these."""
    inside: Annotated[
        tuple[str, ...], BeforeValidator(lambda value: _literals("folders", value)), WithJsonSchema(POINTERS)
    ] = ()
    """A path in one of these folders."""
    outside: Annotated[
        tuple[str, ...], BeforeValidator(lambda value: _literals("folders", value)), WithJsonSchema(POINTERS)
    ] = ()
    """A path in none of them."""
    recipient_in: Annotated[
        tuple[str, ...], BeforeValidator(lambda value: _literals("recipients", value)), WithJsonSchema(POINTERS)
    ] = ()
    """A recipient that is one of these."""
    within: Annotated[tuple[Any, ...], BeforeValidator(_scalars), WithJsonSchema(_SCALARS)] = Field(
        default=(), alias="in"
    )
    """One of these values."""
    equals: Annotated[Any, BeforeValidator(_scalar)] = None
    """This value."""
    at_most: int | float | str = 0
    """An amount up to this."""
    absent: Literal[True] = True
    """The argument is not given."""

    @field_validator("at_most", mode="before")
    @classmethod
    def _cap_is_an_amount(cls, value: Any) -> Any:
        if reference(value):
            return value
        try:
            return str(amount(value))
        except ValueError as error:
            raise refused(str(error)) from error

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.operators:
            raise refused(f"needs one of {', '.join(OPERATORS)}")
        if "absent" in self.operators and len(self.operators) > 1:
            raise refused("stands alone: what is absent has no value to compare", "absent")
        return self

    @property
    def operators(self) -> Mapping[str, Any]:
        """The operators that are written, each with its operand."""
        written = {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}
        return {"in" if name == "within" else name: operand for name, operand in written.items()}


class RuleSpec(Shape):
    """Labels that replace those of the tool when every condition holds; and what its C can do then, where that is
    written."""

    when: dict[str, ConditionSpec] = Field(min_length=1)
    """What must hold of targets and arguments, all of it."""
    labels: frozenset[Label]
    """What the call can do then."""
    communicates: bool | None = None
    """Whether its [C] reaches others then."""
    reversible: bool | None = None
    """Whether its [C] can be taken back then."""
