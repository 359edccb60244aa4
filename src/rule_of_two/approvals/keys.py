"""An approver's Ed25519 key: a private OpenSSH file under a passphrase, and the public line that gateways enrol.

The file is OpenSSH's own format (PROTOCOL.key): encrypted under a key that bcrypt derives from the passphrase, so
`ssh-keygen -p` changes the passphrase and `ssh-keygen -y` prints the public line.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from rule_of_two.errors import ConfigurationError
from rule_of_two.folders import make_private

KDF_ROUNDS: Final = 64
"""Of bcrypt: about half a second for each passphrase that is tried."""

SHORTEST_PASSPHRASE: Final = 8
"""Characters."""

_LINE: Final = re.compile(r"ssh-ed25519 [A-Za-z0-9+/]+={0,2}", re.ASCII)


class PublicKey(Struct, frozen=True):
    """Verifies what one approver signed. ``line`` is OpenSSH's public line without a comment."""

    line: str

    @classmethod
    def parse(cls, text: str) -> PublicKey:
        """Read an OpenSSH public line; a comment behind it is left out.

        :raises ConfigurationError: it is no Ed25519 key.
        """
        match = _LINE.match(text.strip())
        key = None
        if match is not None:
            try:
                key = serialization.load_ssh_public_key(match[0].encode())
            except ValueError:
                key = None
        if match is None or not isinstance(key, Ed25519PublicKey):
            raise ConfigurationError("is not an Ed25519 public key such as 'ssh-ed25519 AAAA…'; `init` prints yours")
        return cls(match[0])

    @property
    def fingerprint(self) -> str:
        """``SHA256:…``, as `ssh-keygen -l` prints it."""
        digest = hashlib.sha256(base64.b64decode(self.line.split()[1])).digest()
        return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"

    def verifies(self, signature: str, statement: bytes) -> bool:
        """Whether ``signature`` (base64) was made over exactly ``statement`` with this key's private half."""
        key = serialization.load_ssh_public_key(self.line.encode())
        if not isinstance(key, Ed25519PublicKey):
            return False
        try:
            key.verify(base64.b64decode(signature, validate=True), statement)
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


class WrongPassphrase(ConfigurationError):
    """The key is in order, and this is not its passphrase."""


class ApproverKey:
    """An unlocked private key. It lives in the memory of the process that a person typed the passphrase into."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        line = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        self.public = PublicKey(line.decode())

    @classmethod
    def generate(cls) -> ApproverKey:
        """A new key, from the system's randomness."""
        return cls(Ed25519PrivateKey.generate())

    def sign(self, statement: bytes) -> str:
        """The signature, base64."""
        return base64.b64encode(self._private.sign(statement)).decode()

    def save(self, path: Path, passphrase: str, *, approver: str) -> None:
        """Write the encrypted key, mode 0600, and beside it (``.pub``) the public line with the approver's name. Never
        replaces a file.

        :raises ConfigurationError: the passphrase is too short, there is a file already, or it cannot be written.
        """
        if len(passphrase) < SHORTEST_PASSPHRASE:
            raise ConfigurationError(f"a passphrase has at least {SHORTEST_PASSPHRASE} characters")
        encryption = (
            serialization.PrivateFormat.OpenSSH.encryption_builder().kdf_rounds(KDF_ROUNDS).build(passphrase.encode())
        )
        text = self._private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, encryption)
        try:
            make_private(path.parent)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(text)
            public_path(path).write_text(f"{self.public.line} {approver}\n", encoding="utf-8")
        except FileExistsError as error:
            raise ConfigurationError("there is a key already; use it, or name another with --key", file=path) from error
        except OSError as error:
            raise ConfigurationError(f"cannot be written ({error.strerror})", file=path) from error


def unlock(path: Path, passphrase: str) -> ApproverKey:
    """The private key in ``path``.

    :raises ConfigurationError: it cannot be read, is no such key, others may read it, or it has no passphrase.
    :raises WrongPassphrase: the passphrase is another one.
    """
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise ConfigurationError("others may read this key; `chmod 600` it", file=path)
        text = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"cannot be read ({error.strerror}); `rule-of-two init` makes one", file=path
        ) from error
    try:
        serialization.load_ssh_private_key(text, None)
    except TypeError:
        pass  # it is encrypted, as it must be
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigurationError("is not an OpenSSH private key that can be used here", file=path) from error
    else:
        raise ConfigurationError("has no passphrase; give it one with `ssh-keygen -p`", file=path)
    try:
        key = serialization.load_ssh_private_key(text, passphrase.encode())
    except ValueError as error:
        raise WrongPassphrase("this is not its passphrase", file=path) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError("is not an Ed25519 key", file=path)
    return ApproverKey(key)


def approver_of(path: Path) -> str:
    """The name of the approver whose key is in ``path``, as its public line says.

    :raises ConfigurationError: there is no public line with a name.
    """
    public = public_path(path)
    try:
        words = public.read_text(encoding="utf-8").split(maxsplit=2)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError("cannot be read; `rule-of-two init` makes it with the key", file=public) from error
    if len(words) < 3:
        raise ConfigurationError("names no approver; write the name behind the key", file=public)
    return words[2].strip()


def public_path(path: Path) -> Path:
    """Where the public line of a private key stands."""
    return path.with_name(f"{path.name}.pub")
