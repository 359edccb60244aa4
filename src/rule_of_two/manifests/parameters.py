"""What the operator fills in: named lists of hosts, folders, recipients, authors or strings; amounts."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

from rule_of_two import normalise
from rule_of_two.errors import ConfigurationError
from rule_of_two.manifests.authors import author
from rule_of_two.yaml_source import nearest

ParameterType = Literal["hosts", "folders", "recipients", "strings", "authors", "amount"]

Bound = tuple[str, ...] | Decimal | None
"""A parameter's value in canonical form. ``None`` is an amount that nobody named: nothing is at most that."""


def canonical(kind: ParameterType, value: Any) -> Bound:
    """The value of a parameter in canonical form.

    :raises ValueError: it has another type; one sentence.
    """
    if kind == "amount":
        return None if value is None else amount(value)
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError(f"must be a list of {kind}")  # noqa: TRY004  # pydantic makes an error of its own of ValueError only
    return tuple(ITEMS[kind](item) for item in value)


def amount(value: Any) -> Decimal:
    """A cap for amounts.

    :raises ValueError: not a plain decimal that is zero or more.
    """
    plain = normalise.amount(value)
    if plain is None or plain.startswith("-"):
        raise ValueError(f"must be an amount such as 100 or 99.5, not {value!r}")
    return Decimal(plain)


def folder(value: Any) -> str:
    """A folder as the operator names it: ``~`` expanded, symlinks resolved.

    :raises ValueError: not an absolute path, or with ``..``.
    """
    try:
        path = Path(value).expanduser()
    except (TypeError, RuntimeError) as error:
        raise ValueError(f"must be a folder's path, not {value!r}") from error
    if not path.is_absolute() or ".." in path.parts or "\0" in str(path):
        raise ValueError(f"must be an absolute path without '..', not {value!r}")
    resolved = os.path.realpath(path)
    return resolved[1:] if resolved.startswith("//") else resolved


def host(value: Any) -> str:
    """A trusted host, canonical.

    :raises ValueError: no host that can be written in one way only.
    """
    name = normalise.host(value)
    if name is None:
        raise ValueError(f"must be a host such as docs.example.com, not {value!r}")
    return name


def recipient(value: Any) -> str:
    """A trusted mail address, canonical.

    :raises ValueError: no plain mail address.
    """
    name = normalise.address(value)
    if name is None:
        raise ValueError(f"must be a mail address such as a@example.com, not {value!r}")
    return name


def string(value: Any) -> str:
    """Text, as it is.

    :raises ValueError: no text.
    """
    if not isinstance(value, str):
        raise ValueError(f"must be text, not {value!r}")  # noqa: TRY004  # as above
    return str(value)


ITEMS: Final[Mapping[str, Callable[[Any], str]]] = {
    "hosts": host,
    "folders": folder,
    "recipients": recipient,
    "strings": string,
    "authors": author,
}
"""How one item of a list parameter, or of a literal list in a rule, becomes canonical."""


def bind(
    types: Mapping[str, ParameterType], defaults: Mapping[str, Any], given: Mapping[str, Any], *, server: str
) -> Mapping[str, Bound]:
    """Every declared parameter with the operator's value, or with its default.

    :raises ConfigurationError: a parameter that the manifest does not declare, or a value of another type.
    """
    for name in given:
        if name not in types:
            known = f"it declares {', '.join(sorted(types))}" if types else "it declares none"
            raise ConfigurationError(
                f"manifest '{server}' has no parameter '{name}'; {known}{nearest(name, list(types))}"
            )
    bound = {}
    for name, kind in types.items():
        try:
            bound[name] = canonical(kind, given.get(name, defaults[name]))
        except ValueError as error:
            raise ConfigurationError(f"parameter '{name}' of manifest '{server}' {error}") from error
    return bound
