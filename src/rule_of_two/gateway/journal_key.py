"""The gateway's own key: it signs what the journal was at a time. Whoever runs as the gateway's user can use it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rule_of_two.approvals.keys import ApproverKey, PublicKey
from rule_of_two.errors import ConfigurationError, StoreError
from rule_of_two.folders import make_private
from rule_of_two.gateway.secret_store import Keyring, read_private, write_private

Where = Literal["file", "keyring"]

_FILE: Final = "journal.key"
_IN_KEYRING: Final = "keyring"
"""What the file holds when the key is in the keyring."""


class JournalKey:
    """Signs checkpoints, records of pruning, and bundles."""

    def __init__(self, key: ApproverKey) -> None:
        self._key = key
        self.public = key.public
        self.fingerprint = key.public.fingerprint

    def sign(self, statement: bytes) -> str:
        """The signature, base64."""
        return self._key.sign(statement)


class GatewayKeys:
    """Public keys of gateways by fingerprint."""

    def __init__(self, keys: Iterable[PublicKey]) -> None:
        self._keys = {key.fingerprint: key for key in keys}

    def verifies(self, key: str, signature: str, statement: bytes) -> bool | None:
        """Whether the key of that fingerprint made the signature; ``None``: that key is not known."""
        known = self._keys.get(key)
        return None if known is None else known.verifies(signature, statement)


def journal_key(state: Path, where: Where = "file") -> JournalKey:
    """The key of the gateways on this state, made if there is none.

    :raises StoreError: it cannot be read or written, or others may read it.
    """
    path = state / _FILE
    text = read_private(path)
    if text == _IN_KEYRING:
        text = Keyring().get(_entry(state))
        if text is None:
            raise StoreError(f"{path} says that the key is in the keyring, and it is not there")
    if text is None:
        return _new(state, where)
    try:
        private = serialization.load_ssh_private_key(text.encode(), None)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise StoreError(f"{path} holds no key ({error}); move it aside, and a new one is made") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise StoreError(f"{path} holds no Ed25519 key; move it aside, and a new one is made")
    return JournalKey(ApproverKey(private))


def _new(state: Path, where: Where) -> JournalKey:
    private = Ed25519PrivateKey.generate()
    encoding, kind = serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH
    text = private.private_bytes(encoding, kind, serialization.NoEncryption()).decode()
    if where == "keyring":
        Keyring().set(_entry(state), text)
        text = _IN_KEYRING
    key = JournalKey(ApproverKey(private))
    public = public_file(state)
    try:
        make_private(state)
        # Those of keys before it stay: what they signed is still there.
        with public.open("a", encoding="utf-8") as file:
            file.write(f"{key.public.line} gateway\n")
    except OSError as error:
        raise StoreError(f"{public} cannot be written: {error.strerror or error}") from error
    write_private(state / _FILE, text)
    return key


def _entry(state: Path) -> str:
    return f"journal/{state}"


def public_file(state: Path) -> Path:
    """Where the public lines of the keys of a state stand, the newest last."""
    return state / f"{_FILE}.pub"


def known_keys(files: Iterable[Path]) -> list[PublicKey]:
    """The public keys in files of OpenSSH's public lines; of files that are not there, none.

    :raises ConfigurationError: a line is no such key, or a file cannot be read.
    """
    keys: list[PublicKey] = []
    for path in files:
        try:
            lines = path.read_text("utf-8").splitlines() if path.exists() else []
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"cannot be read ({error})", file=path) from error
        for number, line in enumerate(lines, 1):
            if line.strip() and not line.startswith("#"):
                try:
                    keys.append(PublicKey.parse(line))
                except ConfigurationError as error:
                    raise ConfigurationError(f"this line {error}", file=path, line=number) from error
    return keys
