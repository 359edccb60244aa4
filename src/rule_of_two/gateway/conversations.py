"""Which session a request belongs to, where the client's host names its conversations (DESIGN "Sessions")."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import anyio

from rule_of_two.errors import StoreError
from rule_of_two.gateway.enforcement import Enforcement
from rule_of_two.gateway.exchange import Exchange
from rule_of_two.gateway.operator_log import say
from rule_of_two.gateway.splitting import Splitting
from rule_of_two.sessions.repository import ConnectionSession

MOST: Final = 100
"""Conversations of one connection with a session of their own. The requests of others count for all."""


class Conversations:
    """The pipelines of one connection: one for each conversation, and ``base`` for everything that names none.

    # INVARIANT: a key can only ever choose among sessions; what has no usable key, or comes when there are too many,
    # is judged by what any conversation holds (tests/attacks/test_conversations.py).
    """

    def __init__(
        self,
        base: Enforcement,
        session: ConnectionSession,
        splitting: Splitting,
        open_conversation: Callable[[str], Awaitable[Enforcement]],
    ) -> None:
        """``session`` is the one of ``base``; ``open_conversation`` attaches to that of a conversation and gives its
        pipeline."""
        self.splits = splitting.pointer is not None
        """Whether requests can belong to different sessions at all."""
        self._base = base
        self._session = session
        self._splitting = splitting
        self._open = open_conversation
        self._known: dict[str, Enforcement] = {}
        self._opening = anyio.Lock()
        self._full = False

    async def enter(self, exchange: Exchange) -> None:
        """Have a request carried out in the session of its conversation.

        :raises Refused: the state cannot be used.
        """
        key = exchange.conversation = self._splitting.conversation_of(exchange.params)
        if key is None:
            return
        try:
            self._session.check()  # what is amiss there concerns every conversation
            exchange.enforcement = await self._of(key)
        except StoreError as error:
            raise self._base.refusal(error, None) from error

    async def _of(self, key: str) -> Enforcement:
        if key not in self._known:
            async with self._opening:
                if key not in self._known and len(self._known) < MOST:
                    self._known[key] = await self._open(key)
                    self._known[key].publish()
        if key not in self._known and not self._full:
            self._full = True
            say(f"the client has more than {MOST} conversations: what comes in further ones counts for all of them")
        return self._known.get(key, self._base)

    def pipelines(self) -> Iterable[Enforcement]:
        """Those of all conversations, and that of what names none."""
        return (self._base, *self._known.values())
