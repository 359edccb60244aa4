"""Bearer tokens of clients that reach us over HTTP: one each, in a private file or in the keyring."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from pathlib import Path
from typing import Final

from rule_of_two.errors import ConfigurationError, StoreError
from rule_of_two.gateway.secret_store import Keyring, read_private, write_private

_FOLDER: Final = "http-clients"
_SUFFIX: Final = ".token"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_IN_KEYRING: Final = "keyring"
"""What the file holds when the token is in the keyring."""


class Tokens:
    """The tokens of one state folder."""

    def __init__(self, state: Path) -> None:
        self._folder = state / _FOLDER
        self._known: dict[str, bytes] = {}
        self._read_at = 0

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
        if in_keyring:
            Keyring().set(f"http/{client}", token)
        write_private(path, _IN_KEYRING if in_keyring else token)
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
        changed_at = self._changed_at()
        self._known = {client: _digest(self._read(client)) for client in self.names()}
        self._read_at = changed_at  # last: as long as one cannot be read, what was known before lets nobody in

    def client_of(self, token: str) -> str | None:
        """Whose token it is. Takes the same time whichever it is. One that was revoked is nobody's from now on.

        :raises StoreError: the tokens have changed, and one cannot be read.
        """
        if self._changed_at() != self._read_at:
            self.load()
        given = _digest(token)
        found = None
        for client, digest in self._known.items():
            if hmac.compare_digest(given, digest):
                found = client
        return found

    def _changed_at(self) -> int:
        """When a token was made or taken away, as the folder says."""
        try:
            return self._folder.stat().st_mtime_ns
        except OSError:
            return 0

    def _read(self, client: str) -> str:
        path = self.path(client)
        text = (read_private(path) or "").strip()
        if text == _IN_KEYRING:
            text = Keyring().get(f"http/{client}") or ""
        if len(text) < 32:
            raise StoreError(f"{path}: this is no token; make a new one with `rule-of-two token new {client}`")
        return text


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
