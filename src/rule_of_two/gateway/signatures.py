"""Signed policies: who may say what an operator's own policies and entities are, and that nobody turns them back.

A signature is for one entry of the configuration, by the names and digests of all its files, with a serial that only
grows. What was installed with the package is not signed, and neither is the configuration.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

from msgspec import Struct, field
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rule_of_two.approvals.canonical import canonical
from rule_of_two.approvals.keys import ApproverKey, PublicKey
from rule_of_two.errors import ConfigurationError, PolicyError
from rule_of_two.gateway.written import write_atomically
from rule_of_two.policy.files import DISK, Files
from rule_of_two.policy.sources import Own, Sources

SIGNATURE_TYPE: Final = "rule-of-two/policy-signature/1"
"""What is signed says so first, so that no signature for anything else is taken for one of policies."""

SERIALS: Final = "serials.json"
_LARGEST: Final = 2**53 - 1


class Signature(BaseModel):
    """The file. ``key`` is the fingerprint of the key that signed, ``signature`` base64."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    serial: Annotated[int, Field(ge=0, le=_LARGEST)]
    at: str
    key: str
    digest: str
    signature: str


def statement(own: Own, *, serial: int, at: str, key: str) -> bytes:
    """The bytes that are signed: canonical JSON (RFC 8785) of what stands for the whole content."""
    return canonical(
        {
            "type": SIGNATURE_TYPE,
            "kind": own.kind,
            "reference": own.reference,
            "files": {name: hashlib.sha256(content).hexdigest() for name, content in own.files.items()},
            "serial": serial,
            "at": at,
            "key": key,
        }
    ).encode()


def sign(own: Own, key: ApproverKey, *, now: datetime) -> Path:
    """Write the signature of its present content; where it stands.

    The serial is the time in seconds, and always above that of the signature which is there.

    :raises PolicyError: it cannot be written.
    """
    before = read_signature(own, DISK)
    serial = max(int(now.timestamp()), before.serial + 1 if before is not None else 0)
    at, fingerprint = now.isoformat(timespec="seconds"), key.public.fingerprint
    said = statement(own, serial=serial, at=at, key=fingerprint)
    signature = Signature(
        serial=serial, at=at, key=fingerprint, digest=hashlib.sha256(said).hexdigest(), signature=key.sign(said)
    )
    write_atomically(own.signature, signature.model_dump_json(indent=1).encode() + b"\n", mode=0o644)
    return own.signature


def read_signature(own: Own, files: Files) -> Signature | None:
    """The signature beside it; ``None``: there is none that can be read."""
    try:
        return Signature.model_validate_json(files.read(own.signature))
    except (OSError, ValidationError):
        return None


class Trust(Struct):
    """Takes only what one of ``keys`` signed, and never an older signature than one that was in force.

    # INVARIANT: what is verified is what is loaded: both read one snapshot; tests/attacks/test_policy_signatures.py.
    """

    keys: Mapping[str, PublicKey]
    state: Path
    _serials: dict[str, int] | None = field(default=None)

    @classmethod
    def of(cls, keys: Iterable[PublicKey], state: Path) -> Trust:
        """With these keys; ``state`` is the folder in which the highest serials are kept."""
        return cls({key.fingerprint: key for key in keys}, state)

    def check(self, sources: Sources, files: Files) -> None:
        """:raises PolicyError: something of the operator's own is not signed as it must be; one sentence."""
        known = self._known()
        for own in sources.own(files):
            found = read_signature(own, files)
            if found is None:
                raise PolicyError(f"{own.signature}: there is no signature, and one is required; {_SIGN}")
            key = self.keys.get(found.key)
            if key is None:
                raise PolicyError(f"{own.signature}: is by a key that --signed-by does not name ({found.key[:60]!r})")
            said = statement(own, serial=found.serial, at=found.at, key=found.key)
            if not key.verifies(found.signature, said):
                raise PolicyError(f"{own.signature}: is not the signature of what '{own.reference}' holds now; {_SIGN}")
            if found.serial < known.get(str(own.signature), 0):
                raise PolicyError(f"{own.signature}: a later one was in force before, so this is turned back; {_SIGN}")

    def accepted(self, sources: Sources, files: Files) -> None:
        """They are in force: no older signature counts from now on.

        :raises PolicyError: that cannot be kept beyond this process.
        """
        known = self._known()
        for own in sources.own(files):
            found = read_signature(own, files)
            if found is not None:
                known[str(own.signature)] = max(found.serial, known.get(str(own.signature), 0))
        write_atomically(self.state / SERIALS, json.dumps(known).encode())

    def _known(self) -> dict[str, int]:
        if self._serials is None:
            self._serials = _read_serials(self.state / SERIALS)
        return self._serials


_SIGN: Final = "sign it with `rule-of-two policy sign`"


def _read_serials(path: Path) -> dict[str, int]:
    try:
        found: Any = json.loads(DISK.read(path))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise PolicyError(
            f"{path}: cannot be read ({error}); without it nobody knows which signatures are old"
        ) from error
    if not isinstance(found, dict) or not all(type(one) is int for one in found.values()):
        raise PolicyError(f"{path}: is not what a gateway wrote; without it nobody knows which signatures are old")
    return found


def signing_keys(given: Iterable[str]) -> list[PublicKey]:
    """Public keys, each given as its line or as a file of such lines.

    :raises ConfigurationError: one is neither.
    """
    keys: list[PublicKey] = []
    for text in given:
        lines = [text] if text.startswith("ssh-") else _lines(Path(text))
        for line in lines:
            try:
                keys.append(PublicKey.parse(line))
            except ConfigurationError as error:
                raise ConfigurationError(f"--signed-by {text[:60]!r} {error}") from error
    return keys


def _lines(file: Path) -> list[str]:
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"--signed-by {str(file)!r} is neither a public key nor a file of them") from error
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys:
        raise ConfigurationError(f"--signed-by {str(file)!r} holds no key")
    return keys
