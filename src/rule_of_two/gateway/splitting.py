"""How a client's connections fall into sessions: the operator's word first, then the client's profile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from rule_of_two.clients.profiles import Profile
from rule_of_two.gateway.config import SessionSettings
from rule_of_two.manifests.pointer import Pointer
from rule_of_two.sessions.key import Boundary

_LONGEST: Final = 200
"""Characters of a conversation's key. What is longer is no key."""


class Splitting(Struct, frozen=True):
    """Where a session ends. ``pointer`` finds the conversation of a request, ``conversation`` is that of this process;
    ``notes`` are sentences that the operator must read."""

    boundary: Boundary
    pointer: Pointer | None = None
    conversation: str = ""
    notes: tuple[str, ...] = ()

    def conversation_of(self, params: Mapping[str, Any]) -> str | None:
        """The key of a request's conversation; ``None`` if its host set none that can be used."""
        meta = params.get("_meta")
        if self.pointer is None or not isinstance(meta, dict):
            return None
        found = self.pointer.resolve(meta)
        return found[0] if len(found) == 1 and _usable(found[0]) else None


def splitting(settings: SessionSettings, profile: Profile, environ: Mapping[str, str]) -> Splitting:
    """How this client's connections fall into sessions.

    # INVARIANT: a key that the operator did not vouch for, and whose host does not document that forks and sub-agents
    # keep it, splits nothing; tests/attacks/test_conversations.py.
    """
    boundary = settings.boundary or profile.boundary
    if boundary != "conversation":
        return Splitting(boundary)
    pointer = settings.conversation_key or profile.conversation_pointer
    variable = None if settings.conversation_key else profile.conversation_variable
    if pointer is None and variable is None:
        return _as_human(f"'{profile.name}' sets no conversation key that is known here; `conversation_key` names one")
    if not (settings.forks_keep_key or (profile.forks_keep_key and not settings.conversation_key)):
        return _as_human(
            f"it is not documented that forks and sub-agents of '{profile.name}' keep the key of their conversation; "
            "`forks_keep_key: true` says that they do"
        )
    if pointer is not None:
        return Splitting("conversation", Pointer.parse(pointer))
    named = environ.get(variable or "", "")
    if not _usable(named):
        return Splitting("conversation", notes=(f"{variable} is not set, so {_ALL_IN_ONE}",))
    return Splitting("conversation", conversation=named)


_ALL_IN_ONE: Final = "all conversations are one session until a person starts a new one"


def _as_human(why: str) -> Splitting:
    return Splitting("human", notes=(f"sessions.boundary is conversation, but {why}: {_ALL_IN_ONE}",))


def _usable(key: object) -> bool:
    return isinstance(key, str) and 0 < len(key) <= _LONGEST and key.isprintable()
