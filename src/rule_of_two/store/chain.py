"""The hash chain of the journal: what an entry's hash is computed from. Pure.

An entry's *content* digest covers its columns, its body by digest; its hash covers the hash before it, its number and
that content digest. So a proof can stand for an entry by its content digest alone, which tells nothing of its text.
"""

from __future__ import annotations

import hashlib
from struct import Struct
from typing import Final

import orjson

_ENTRY: Final = b"rule-of-two/entry/1\0"
_LINK: Final = b"rule-of-two/link/1\0"
_JOURNAL: Final = b"rule-of-two/journal/1\0"
_NUMBER: Final = Struct(">q").pack
_sha256: Final = hashlib.sha256


def genesis(journal: str) -> bytes:
    """What stands before the first entry of the journal of that id, in place of a hash."""
    return _sha256(_JOURNAL + journal.encode()).digest()


def content(at: str, kind: str, session: str | None, decision: int | None, body: bytes) -> bytes:
    """The content digest of an entry: SHA-256 over its columns, with the exact bytes of its body."""
    # JSON without line breaks, then one: so it is clear where the columns end.
    return _sha256(b"%b%b\n%b" % (_ENTRY, orjson.dumps((at, kind, session, decision)), body)).digest()


def link(previous: bytes, number: int, inside: bytes) -> bytes:
    """The hash of the entry of that number, whose content digest is ``inside``, after one with the hash ``previous``.

    # INVARIANT: every column of an entry, its place and all that was written before it are covered;
    # tests/attacks/test_broken_chain.py.
    """
    return _sha256(_LINK + previous + _NUMBER(number) + inside).digest()
