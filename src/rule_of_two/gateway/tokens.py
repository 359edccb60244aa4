"""Bearer tokens of clients that reach us over HTTP: one each, in a private file or in the keyring."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from pathlib import Path
from typing import Any, Final

from rule_of_two.errors import ConfigurationError, StoreError

_FOLDER: Final = "http-clients"
_SUFFIX: Final = ".token"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_IN_KEYRING: Final = "keyring"
_SERVICE: Final = "rule-of-two"


class Tokens:
    """The tokens of one state folder."""

    def __init__(self, state: Path) -> None:
        self._folder = state / _FOLDER
        self._known: dict[str, bytes] = {}

    def names(self) -> list[str]:
        """The clients that have a token."""
        return sorted(path.name.removesuffix(_SUFFIX) for path in self._folder.glob(f"*{_SUFFIX}"))

    def path(self, client: str) -> Path:
        """The file of one client.

        :raises ConfigurationError: no client can be called so.
        """
        if not _NAME.fullmatch(client):
            raise ConfigurationError(f"'{client}' cannot be a client's name: use letters, digits, '.', '-' and '_'")
        return self._folder / f"{client}{_SUFFIX}"

    def new(self, client: str, *, in_keyring: bool = False) -> str:
        """Give a client a token, in place of the one it had.

        :raises ConfigurationError: no client can be called so.
        :raises StoreError: it cannot be stored.
        """
        path = self.path(client)
        token = secrets.token_urlsafe(32)
        try:
            if in_keyring:
                _keyring().set_password(_SERVICE, f"http/{client}", token)
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.unlink(missing_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
                file.write(_IN_KEYRING if in_keyring else token)
        except (OSError, _keyring_errors()) as error:
            raise StoreError(f"the token of '{client}' cannot be stored: {error}") from error
        self._known[client] = _digest(token)
        return token

    def revoke(self, client: str) -> bool:
        """Take a client's token away. False when it had none.

        :raises ConfigurationError: no client can be called so.
        """
        path = self.path(client)
        known = path.exists()
        path.unlink(missing_ok=True)
        self._known.pop(client, None)
        return known

    def load(self) -> None:
        """Read all tokens anew.

        :raises StoreError: one cannot be read, or others may read it.
        """
        self._known = {client: _digest(self._read(client)) for client in self.names()}

    def client_of(self, token: str) -> str | None:
        """Whose token it is. Takes the same time whichever it is."""
        given = _digest(token)
        found = None
        for client, digest in self._known.items():
            if hmac.compare_digest(given, digest):
                found = client
        return found

    def _read(self, client: str) -> str:
        path = self.path(client)
        try:
            if os.name == "posix" and path.stat().st_mode & 0o077:
                raise StoreError(f"{path}: others may read this token; `chmod 600` it, or make a new one")
            text = path.read_text("ascii").strip()
            if text == _IN_KEYRING:
                text = _keyring().get_password(_SERVICE, f"http/{client}") or ""
        except (OSError, ValueError, _keyring_errors()) as error:
            raise StoreError(f"the token of '{client}' cannot be read: {error}") from error
        if len(text) < 32:
            raise StoreError(f"{path}: this is no token; make a new one with `rule-of-two token new {client}`")
        return text


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _keyring() -> Any:
    import keyring  # noqa: PLC0415  # looks for backends when imported: only who uses it pays

    return keyring


def _keyring_errors() -> type[Exception]:
    from keyring.errors import KeyringError  # noqa: PLC0415  # see _keyring

    return KeyringError
