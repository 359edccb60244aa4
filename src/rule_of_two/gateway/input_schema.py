"""A tool's pinned input schema, asked about one argument: is there such an argument, and may it have this value.

The schema is the upstream's. So only what cannot take long is read of it: no pattern, no reference out of it, and no
more than :data:`_STEPS` steps. What is not read cannot refuse a value here; the upstream itself still can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from functools import cache
from typing import Any, Final

from rule_of_two.json_pointer import tokens_of

_STEPS: Final = 2_000
_VALUE_KEYWORDS: Final = (
    "$ref", "type", "enum", "const", "properties", "items", "prefixItems", "minimum", "maximum", "exclusiveMinimum",
    "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "minItems", "maxItems", "allOf", "anyOf",
)  # fmt: skip
_ALTERNATIVES: Final = ("allOf", "anyOf", "oneOf")


class UnusableSchema(ValueError):
    """The schema cannot be read: it refers to something outside of it, goes round in circles, or is none."""


def refusal(schema: Any, tokens: Sequence[str], value: Any) -> str | None:
    """Why the argument that ``tokens`` name may not have this value; ``None`` where the schema knows nothing against
    it. The rest of the arguments plays no part: whether others are missing is not asked here.

    Never raises, whatever the schema is.
    """
    document: Any = value
    for token in reversed(tokens):
        document = {token: document}
    try:
        if not _names(schema, tokens):
            return "the tool has no such argument"
        error = next(_errors(schema, document), None)
    except UnusableSchema as error:
        return f"its input schema cannot be used ({error})"
    except RecursionError:
        return "its input schema cannot be used (it goes round in circles)"
    except Exception as error:  # noqa: BLE001  # whatever an odd schema makes the validator raise
        return f"its input schema cannot be used ({type(error).__name__})"
    return None if error is None else f"its input schema wants something else there ({error})"


def _names(schema: Any, tokens: Sequence[str]) -> bool:
    """Whether there can be such an argument. Where an object's properties are listed, another one would be ignored: so
    unless the schema says that there may be others, there are none."""
    at: list[Any] = [schema]
    for token in tokens:
        here = list(_applying(schema, at))
        listed = [one["properties"] for one in here if isinstance(one.get("properties"), dict)]
        at = [properties[token] for properties in listed if token in properties]
        if not at:
            return not listed or any(
                "patternProperties" in one or one.get("additionalProperties", False) is not False for one in here
            )
    return True


def _applying(root: Any, schemas: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """All schemas that can apply where these do, through references and alternatives.

    :raises UnusableSchema: there is no end to them, or one refers to something outside.
    """
    waiting, seen = list(schemas), set[int]()
    while waiting:
        one = waiting.pop()
        if not isinstance(one, dict) or id(one) in seen:
            continue
        if len(seen) >= _STEPS:
            raise UnusableSchema("it is too large")
        seen.add(id(one))
        yield one
        if "$ref" in one:
            waiting.append(referred(root, one["$ref"]))
        for keyword in _ALTERNATIVES:
            alternatives = one.get(keyword)
            waiting.extend(alternatives if isinstance(alternatives, list) else ())


def referred(root: Any, reference: Any) -> Any:
    """What a ``$ref`` of a schema points at, within the schema ``root``.

    :raises UnusableSchema: it points outside of it, or at nothing.
    """
    if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
        raise UnusableSchema("it refers to something outside of it")
    found = root
    for key in tokens_of(reference):
        if not isinstance(found, dict) or key not in found:
            raise UnusableSchema("it refers to something that is not there")
        found = found[key]
    return found


def _errors(schema: Any, document: Any) -> Iterator[str]:
    """What the schema has against the document, in words that quote neither."""
    from referencing import Registry  # noqa: PLC0415  # slow to import, and seldom needed

    _LEFT.set([_STEPS])
    # An empty registry: the default one would fetch what a schema refers to.
    for error in _checker()(schema, registry=Registry()).iter_errors(document):
        yield str(error.validator or "nothing")


_LEFT: ContextVar[list[int]] = ContextVar("steps left of one check")


@cache
def _checker() -> Any:
    """A validator of the keywords that are read here, which counts its steps."""
    from jsonschema import Draft202012Validator, validators  # noqa: PLC0415  # as above

    def counted(check: Callable[..., Any]) -> Callable[..., Any]:
        def checked(validator: Any, wanted: Any, instance: Any, within: Any) -> Any:
            left = _LEFT.get()
            left[0] -= 1
            if left[0] < 0:
                raise UnusableSchema("it takes too long to check")
            return check(validator, wanted, instance, within)

        return checked

    known: Mapping[str, Any] = Draft202012Validator.VALIDATORS
    keywords = {name: counted(known[name]) for name in _VALUE_KEYWORDS}
    keywords["oneOf"] = keywords["anyOf"]  # one alternative may need arguments that are not in the document
    keywords["additionalProperties"] = counted(_closed)
    return validators.create(
        meta_schema=Draft202012Validator.META_SCHEMA,
        validators=keywords,
        type_checker=Draft202012Validator.TYPE_CHECKER,
    )


def _closed(validator: Any, wanted: Any, instance: Any, within: Mapping[str, Any]) -> Iterator[Any]:
    """``additionalProperties``, unless which are additional is a matter of patterns."""
    if not validator.is_type(instance, "object") or "patternProperties" in within:
        return
    listed = within.get("properties")
    for key, member in instance.items():
        if not isinstance(listed, dict) or key not in listed:
            yield from validator.descend(member, wanted, path=key)
