"""Which web addresses each session was given: those that stood in a result handed over to it, and that it had not
written itself before.

It says only that an address stood there, not that it is harmless: whoever can write what a session reads can offer it
many, and which of n is visited says log2(n) bits. A server that changes texts for the agent can build one for it.

# INVARIANT: doubt is no: what was forgotten, cut off, or found beyond the limits was not given;
# tests/gateway/test_given_urls.py and tests/attacks/test_made_up_urls.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct, field

from rule_of_two.gateway.addresses import address_of, in_request, in_result
from rule_of_two.model import Facts, Target
from rule_of_two.records import replace

MOST_SESSIONS: Final = 100
MOST_OF_SESSION: Final = 4096
"""Sessions, and addresses of one, that are remembered; the oldest are forgotten. About 1 MB a session at most."""
_DIGEST_BYTES: Final = 16


class _Memory(Struct):
    given: dict[bytes, None] = field(default_factory=dict)
    own: set[bytes] = field(default_factory=set)
    """What the client wrote before it was given it."""
    deaf: bool = False
    """More was written than can be remembered, so nothing more is taken for given."""


class GivenUrls:
    """The memory of one gateway process, for all connections. A new session, or a new process, remembers nothing."""

    def __init__(self) -> None:
        self._sessions: dict[str, _Memory] = {}

    def sent(self, session: str, words: Mapping[str, Any]) -> None:
        """The client's words leave for a server, whose results can repeat them."""
        memory, found = self._of(session), in_request(words)
        own = {_digest(form) for address in found.addresses for form in address.forms}
        memory.own |= own - memory.given.keys()
        memory.deaf = memory.deaf or not found.complete or len(memory.own) > MOST_OF_SESSION
        if memory.deaf:
            memory.own.clear()

    def handed_over(self, session: str, result: Mapping[str, Any]) -> None:
        """A result goes to the client."""
        memory = self._of(session)
        if memory.deaf:
            return
        for address in in_result(result).addresses:
            digests = [_digest(form) for form in address.forms]
            if memory.own.isdisjoint(digests):
                for digest in digests:
                    memory.given.pop(digest, None)
                    memory.given[digest] = None
        while len(memory.given) > MOST_OF_SESSION:
            del memory.given[next(iter(memory.given))]

    def looked_up(self, facts: Facts, session: str | None) -> Facts:
        """The facts, with the word of whether each address was given. ``None``: it is not known in which session."""
        if all(target.kind != "url" for target in facts.targets):
            return facts
        memory = None if session is None else self._sessions.get(session)

        def looked_up(target: Target) -> Target:
            address = address_of(target.shown) if target.url is not None else None
            known = memory is not None and address is not None and _digest(address) in memory.given
            return replace(target, given=known)

        return replace(
            facts, targets=tuple(looked_up(target) if target.kind == "url" else target for target in facts.targets)
        )

    def _of(self, session: str) -> _Memory:
        memory = self._sessions.pop(session, None) or _Memory()
        self._sessions[session] = memory
        if len(self._sessions) > MOST_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        return memory


def _digest(address: str) -> bytes:
    return hashlib.blake2b(address.encode(), digest_size=_DIGEST_BYTES).digest()
