"""A checkpoint: what the journal's newest entry was at a time, signed by the gateway, one JSON object on one line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Protocol

import orjson
from msgspec import Struct

from rule_of_two.records import replace

CHECKPOINT_TYPE: Final = "rule-of-two/checkpoint/1"
"""What is signed says so first, so that no signature for anything else is taken for one of these."""

LONGEST: Final = 4096
"""Bytes of a line that is looked at."""

_HASH: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LARGEST: Final = 2**53 - 1


class Signer(Protocol):
    """Signs with the gateway's key."""

    @property
    def fingerprint(self) -> str:
        """Of the key."""

    def sign(self, statement: bytes) -> str:
        """The signature, base64."""


class Keys(Protocol):
    """The keys of gateways that are known."""

    def verifies(self, key: str, signature: str, statement: bytes) -> bool | None:
        """Whether the key of that fingerprint made the signature; ``None``: that key is not known."""


class Checkpoint(Struct, frozen=True):
    """``number`` and ``hash`` (hexadecimal) are those of the newest entry, ``count`` how many entries were ever
    written,    ``at`` the time (ISO 8601, UTC), ``key`` the fingerprint of the key that signed."""

    journal: str
    number: int
    hash: str
    count: int
    at: str
    key: str
    signature: str = ""

    @property
    def statement(self) -> bytes:
        """The bytes that are signed: JSON without spaces, members in order of their names."""
        return orjson.dumps(self._members(), option=orjson.OPT_SORT_KEYS)

    @property
    def line(self) -> str:
        """As it is kept."""
        return orjson.dumps({**self._members(), "signature": self.signature}, option=orjson.OPT_SORT_KEYS).decode()

    def signed(self, signer: Signer) -> Checkpoint:
        """The same with the signature."""
        named = replace(self, key=signer.fingerprint)
        return replace(named, signature=signer.sign(named.statement))

    def _members(self) -> dict[str, Any]:
        return {
            "type": CHECKPOINT_TYPE,
            "journal": self.journal,
            "number": self.number,
            "hash": self.hash,
            "count": self.count,
            "at": self.at,
            "key": self.key,
        }


def checkpoint_in(text: str) -> Checkpoint | None:
    """The checkpoint of a line; before it may stand what a log writes there. ``None``: it is none."""
    begin = text.find("{")
    if begin < 0 or len(text) > LONGEST:
        return None
    try:
        value = orjson.loads(text[begin:].strip())
    except orjson.JSONDecodeError:
        return None
    return _checkpoint(value) if isinstance(value, dict) and value.get("type") == CHECKPOINT_TYPE else None


def checkpoints_in(lines: Iterable[str]) -> Iterator[Checkpoint | None]:
    """Of each line that is not empty, its checkpoint; ``None`` where there is none in it."""
    return (checkpoint_in(line) for line in lines if line.strip())


def _checkpoint(value: Mapping[str, Any]) -> Checkpoint | None:
    texts = [value.get(name) for name in ("journal", "hash", "at", "key", "signature")]
    numbers = [value.get(name) for name in ("number", "count")]
    if not all(isinstance(one, str) for one in texts) or not all(type(one) is int for one in numbers):
        return None
    journal, digest, at, key, signature = (str(one) for one in texts)
    number, count = (int(one) for one in numbers if one is not None)
    if not (_HASH.fullmatch(digest) and 0 <= number <= _LARGEST and 0 <= count <= _LARGEST):
        return None
    return Checkpoint(journal, number, digest, count, at, key, signature)
