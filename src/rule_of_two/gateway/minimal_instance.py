"""The least value that a tool's output schema takes: what stands in a result that is not handed over.

The schema is the upstream's. So only what cannot take long is read of it: no reference out of it, patterns only against
the shortest texts, and no more than :data:`_STEPS` steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from functools import cache
from typing import Any, Final

from rule_of_two.gateway.input_schema import referred

_STEPS: Final = 2_000
_DEEPEST: Final = 32
_LONGEST: Final = 16
"""Characters and elements: what a pattern is tried on is never longer."""
_UNREAD: Final = ("patternProperties", "propertyNames", "$dynamicRef", "unevaluatedProperties", "unevaluatedItems")
_LEFT: ContextVar[list[int]] = ContextVar("steps left of one instance")


class NoInstance(ValueError):
    """No value of the schema can be made."""


def minimal_object(schema: Any) -> dict[str, Any]:
    """An object that the schema takes, checked against it, with no more in it than it wants.

    :raises NoInstance: there is none, or none was found.
    """
    _LEFT.set([_STEPS])
    try:
        made = _made(schema, schema, 0)
        fits = isinstance(made, dict) and _takes(schema, made)
    except NoInstance:
        raise
    except RecursionError as error:
        raise NoInstance("the schema goes round in circles") from error
    except Exception as error:  # whatever an odd schema makes the validator raise
        raise NoInstance(f"the schema cannot be used ({type(error).__name__})") from error
    if not fits:
        raise NoInstance("the least value that was found is not one of the schema's")
    return dict(made)


def _takes(schema: Any, made: Any) -> bool:
    from referencing import Registry  # noqa: PLC0415  # slow to import, and seldom needed

    # An empty registry: the default one would fetch what a schema refers to.
    return bool(_checker()(schema, registry=Registry()).is_valid(made))


def _step() -> None:
    left = _LEFT.get()
    left[0] -= 1
    if left[0] < 0:
        raise NoInstance("the schema takes too long")


def _made(root: Any, schema: Any, depth: int) -> Any:
    _step()
    if schema is True:
        return {} if depth == 0 else None
    if not isinstance(schema, dict) or depth > _DEEPEST:
        raise NoInstance("the schema takes nothing, or goes round in circles")
    if any(keyword in schema for keyword in _UNREAD):
        raise NoInstance("the schema has keywords that are not read")
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    merged = _merged(root, schema, depth)
    for keyword in ("anyOf", "oneOf"):
        if alternatives := merged.get(keyword):
            return _first_of(root, merged, keyword, alternatives, depth)
    if "const" in merged or merged.get("enum"):
        return merged["const"] if "const" in merged else merged["enum"][0]
    return _of_type(root, merged, depth)


def _merged(root: Any, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
    """A schema with what it refers to, and with all of ``allOf``, in one."""
    merged: dict[str, Any] = {key: value for key, value in schema.items() if key not in {"$ref", "allOf"}}
    parts = list(schema.get("allOf", ()))
    if "$ref" in schema:
        parts.append(referred(root, schema["$ref"]))
    for part in parts:
        _step()
        if part is True:
            continue
        if not isinstance(part, dict) or depth > _DEEPEST:
            raise NoInstance("the schema takes nothing, or goes round in circles")
        for key, value in _merged(root, part, depth + 1).items():
            if key == "required":
                merged[key] = [*merged.get(key, ()), *value]
            elif key == "properties":
                merged[key] = {**value, **merged.get(key, {})}
            else:
                merged.setdefault(key, value)
    return merged


def _first_of(root: Any, merged: dict[str, Any], keyword: str, alternatives: Any, depth: int) -> Any:
    rest = {key: value for key, value in merged.items() if key != keyword}
    for alternative in alternatives:
        try:
            return _made(root, {**rest, "allOf": [alternative]}, depth + 1)
        except NoInstance:
            _step()
    raise NoInstance("the schema takes nothing")


def _of_type(root: Any, schema: Mapping[str, Any], depth: int) -> Any:
    kinds = schema.get("type", "object" if depth == 0 or "properties" in schema or "required" in schema else "null")
    kind = kinds if isinstance(kinds, str) else "null" if "null" in kinds and depth else kinds[0]
    makers: Mapping[str, Callable[[], Any]] = {
        "object": lambda: _object(root, schema, depth),
        "array": lambda: _array(root, schema, depth),
        "string": lambda: " " * _count(schema, "minLength"),
        "integer": lambda: _number(schema),
        "number": lambda: _number(schema),
        "boolean": lambda: False,
        "null": lambda: None,
    }
    return makers[kind]()


def _object(root: Any, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
    properties, more = schema.get("properties", {}), schema.get("additionalProperties", True)
    return {key: _made(root, properties.get(key, more), depth + 1) for key in dict.fromkeys(schema.get("required", ()))}


def _array(root: Any, schema: Mapping[str, Any], depth: int) -> list[Any]:
    first, rest = schema.get("prefixItems", []), schema.get("items", True)
    return [
        _made(root, first[place] if place < len(first) else rest, depth + 1)
        for place in range(_count(schema, "minItems"))
    ]


def _count(schema: Mapping[str, Any], keyword: str) -> int:
    count = schema.get(keyword, 0)
    if not isinstance(count, int) or count > _LONGEST:
        raise NoInstance("the schema wants more than a result without content should hold")
    return count


def _number(schema: Mapping[str, Any]) -> int:
    """The whole number nearest to zero within the bounds, and a multiple of what it has to be."""
    least = max(
        math.ceil(schema.get("minimum", -math.inf)) if "minimum" in schema else -math.inf,
        math.floor(schema["exclusiveMinimum"]) + 1 if "exclusiveMinimum" in schema else -math.inf,
    )
    most = min(
        math.floor(schema["maximum"]) if "maximum" in schema else math.inf,
        math.ceil(schema["exclusiveMaximum"]) - 1 if "exclusiveMaximum" in schema else math.inf,
    )
    nearest = int(min(max(0, least), most))
    step = schema.get("multipleOf", 1)
    if not isinstance(step, int) or nearest % step == 0:
        return nearest
    return nearest + (step - nearest % step if nearest > 0 else -(nearest % step))


@cache
def _checker() -> Any:
    """A validator of all keywords, which counts its steps."""
    from jsonschema import Draft202012Validator, validators  # noqa: PLC0415  # as above

    def counted(check: Callable[..., Any]) -> Callable[..., Any]:
        def checked(validator: Any, wanted: Any, instance: Any, within: Any) -> Iterator[Any]:
            _step()
            return check(validator, wanted, instance, within) or iter(())

        return checked

    known: Mapping[str, Any] = Draft202012Validator.VALIDATORS
    return validators.create(
        meta_schema=Draft202012Validator.META_SCHEMA,
        validators={name: counted(check) for name, check in known.items()},
        type_checker=Draft202012Validator.TYPE_CHECKER,
    )
