"""What values of the configuration refer to: variables of the environment, and secrets in the keyring."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from rule_of_two.errors import ConfigurationError
from rule_of_two.records import replace

_REFERENCE: Final = re.compile(r"\$\{(\w+):([^}]*)\}")
_OWN_REFERENCE: Final = re.compile(r"\$\{(env|keyring):([^}]*)\}")


class Expanded(Struct, frozen=True):
    """A value of the file with what its references stand for, and what came from outside the file by them."""

    text: str
    filled_in: tuple[str, ...] = ()


def expand(values: Mapping[str, str], *, where: str, file: Path | None) -> dict[str, Expanded]:
    """Replace ``${env:NAME}`` and ``${keyring:service/user}`` in each value; any other ``${…:…}`` is an error.

    :raises ConfigurationError: the variable is not set, or the keyring has no such entry.
    """
    return {
        key: replace(found, filled_in=(found.text, *found.filled_in)) if found.filled_in else found
        for key, value in values.items()
        for found in (_expand(_REFERENCE, value, f"{where}.{key}", file),)
    }


def expand_text(value: str, *, where: str, file: Path | None) -> Expanded:
    """The same for a text that may be a program's own, such as an argument: what is no reference of ours stays.

    :raises ConfigurationError: as :func:`expand`.
    """
    return _expand(_OWN_REFERENCE, value, where, file)


def _expand(pattern: re.Pattern[str], value: str, where: str, file: Path | None) -> Expanded:
    found: list[str] = []

    def fill_in(match: re.Match[str]) -> str:
        kind, name = match.groups()
        secret = _lookup(kind, name)
        if secret is None:
            raise ConfigurationError(f"'{where}': ${{{kind}:{name}}} has no value; set it and start again", file=file)
        found.append(secret)
        return secret

    return Expanded(pattern.sub(fill_in, value), tuple(found))


def _lookup(kind: str, name: str) -> str | None:
    if kind == "env":
        return os.environ.get(name)
    if kind == "keyring":
        import keyring  # noqa: PLC0415  # looks for backends when imported: only who uses it pays
        from keyring.errors import KeyringError  # noqa: PLC0415  # as above

        service, _, user = name.partition("/")
        try:
            return keyring.get_password(service, user)
        except KeyringError:
            return None
    return None
