"""Where secrets of servers go: the system's keyring, the environment, or our configuration."""

from __future__ import annotations

import re
from typing import Any, Final, Literal

from rule_of_two.errors import ConfigurationError

Place = Literal["keyring", "env", "keep"]

SERVICE: Final = "rule-of-two"


class Vault:
    """Collects secrets, and puts them away at the end: until :meth:`store`, nothing is changed."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._waiting: dict[str, str] = {}
        self._proposed: dict[str, str] = {}

    def begin(self) -> None:
        """Forget what was referred to since the last :meth:`settle`."""
        self._proposed = {}

    def settle(self) -> None:
        """What was referred to is to be stored."""
        self._waiting |= self._proposed
        self._proposed = {}

    def reference(self, server: str, name: str, value: str) -> str:
        """What stands in our configuration instead of a secret: the same each time for the same secret there.

        :raises ConfigurationError: the keyring cannot be read.
        """
        if self._place == "keep":
            return value
        fit = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-") or "secret"
        if self._place == "env":
            return self._propose(
                f"RULE_OF_TWO_SECRET_{server}_{fit}".upper().replace("-", "_").replace(".", "_"), value, "{}"
            )
        return self._propose(f"{server}.{fit}", value, f"{SERVICE}/{{}}")

    def _propose(self, name: str, value: str, shape: str) -> str:
        number = 1
        chosen = name
        while self._taken(chosen, value):
            number += 1
            chosen = f"{name}_{number}"
        self._proposed[chosen] = value
        return f"${{{self._place}:{shape.format(chosen)}}}"

    def _taken(self, name: str, value: str) -> bool:
        known = self._proposed.get(name, self._waiting.get(name))
        if known is not None:
            return known != value
        return self._place == "keyring" and _read(name) not in {None, value}

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables that have to be set."""
        return tuple(self._waiting) if self._place == "env" else ()

    def store(self) -> None:
        """Put the secrets away.

        :raises ConfigurationError: the keyring does not take one, or does not give it back.
        """
        if self._place != "keyring":
            return
        for name, value in self._waiting.items():
            if _read(name) != value:
                _write(name, value)
            if _read(name) != value:
                raise ConfigurationError("the keyring does not keep what it is given; nothing else was changed")


def has_keyring() -> bool:
    """Whether this system has a keyring that keeps anything."""
    import keyring  # noqa: PLC0415  # looks for backends when imported: only who uses it pays

    backend = keyring.get_keyring()
    return not type(backend).__module__.endswith((".fail", ".null"))


def _keyring() -> tuple[Any, type[Exception]]:
    import keyring  # noqa: PLC0415  # as above
    from keyring.errors import KeyringError  # noqa: PLC0415  # as above

    return keyring, KeyringError


def _read(name: str) -> str | None:
    keyring, errors = _keyring()
    try:
        text: str | None = keyring.get_password(SERVICE, name)
    except errors as error:
        raise ConfigurationError(f"the keyring cannot be read ({error}); unlock it, or choose --secrets") from error
    return text


def _write(name: str, value: str) -> None:
    keyring, errors = _keyring()
    try:
        keyring.set_password(SERVICE, name, value)
    except errors as error:
        raise ConfigurationError(f"the keyring cannot be written ({error}); unlock it, or choose --secrets") from error
