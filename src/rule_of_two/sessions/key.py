"""Who shares a session: the key (principal, client, workspace, conversation) of DESIGN "Sessions"."""

from __future__ import annotations

import hashlib
from typing import Final, Literal

import orjson
from msgspec import Struct, structs

from rule_of_two.records import replace

Boundary = Literal["connection", "conversation", "human"]
_LASTING: Final[tuple[str, ...]] = ("connection", "human", "conversation")


def lasting(boundary: str) -> int:
    """Boundaries in order: of the greatest, a session ends last, and most counts against it. None is less than 0."""
    return _LASTING.index(boundary) if boundary in _LASTING else -1


class SessionKey(Struct, frozen=True):
    """All connections that live at the same time under one key share one session.

    ``client`` names the agent's host, not the mount; ``workspace`` comes from the spawn environment, never from roots;
    ``conversation`` is set by the client's host, never by the model, and is empty where the host sets none.
    """

    user: str
    tenant: str
    client: str
    workspace: str
    conversation: str = ""

    @property
    def text(self) -> str:
        """Canonical JSON: two keys are equal exactly when their texts are."""
        return orjson.dumps(structs.asdict(self), option=orjson.OPT_SORT_KEYS).decode()

    @property
    def base(self) -> SessionKey:
        """The key of everything that names no conversation."""
        return replace(self, conversation="")

    @classmethod
    def read(cls, text: str) -> SessionKey:
        """The key of which ``text`` is the text."""
        return cls(**orjson.loads(text))

    @property
    def digest(self) -> str:
        """16 hexadecimal digits, for file names."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]
