"""Signs now and then what the journal's newest entry is, and keeps that in places apart from the journal."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread
from msgspec import Struct, field

from rule_of_two.audit.checkpoint import Checkpoint, checkpoint_in
from rule_of_two.audit.journal import Journal
from rule_of_two.errors import StoreError
from rule_of_two.gateway.backoff import rare
from rule_of_two.gateway.operator_log import say
from rule_of_two.store.checkpoints import CheckpointStore
from rule_of_two.store.journal import JournalStore

if TYPE_CHECKING:
    from rule_of_two.gateway.journal_key import JournalKey, Where

ENTRIES: Final = 1000
SECONDS: Final = 60.0
"""After so many entries, or so long, a checkpoint is written if there is anything new."""
ANCHOR_SECONDS: Final = 5.0
"""How long an anchor may take, before the gateway goes on without it."""
START_SECONDS: Final = 2.0
"""How long the first one waits: what a client waits for at the start comes first."""

ANCHOR: Final = "journal.anchor"
"""The file beside the journal."""


class Anchoring(Struct):
    """The checkpoints of one gateway process. ``files`` are the places that the operator names, besides the one in the
    state's folder."""

    store: JournalStore
    journal: Journal
    kept: CheckpointStore
    state: Path
    files: tuple[Path, ...]
    where: Where
    clock: Callable[[], str]
    _last: Checkpoint | None = None
    _key: JournalKey | None = None
    _failures: dict[Path, int] = field(default_factory=dict)
    _busy: set[Path] = field(default_factory=set)
    """Anchors that are being written."""

    async def run(self) -> None:
        """Look at what was signed last, then write checkpoints until cancelled. Never raises a StoreError."""
        with suppress(StoreError):
            await self._look()
        seconds = START_SECONDS
        while True:
            with anyio.move_on_after(seconds):
                await self.journal.grown(ENTRIES)
            seconds = SECONDS
            await self.write()

    async def _look(self) -> None:
        """Say at once that the journal is not the one that was signed last. `audit verify` finds out all about it."""
        last = newest(self.kept)
        wrong = None if last is None else differs(self.store, last)
        if wrong is not None:
            say(f"the journal cannot be trusted: {wrong}; `rule-of-two audit verify` tells more")
            await self.journal.event("journal", None, {"event": "distrusted", "what": wrong})

    async def write(self) -> None:
        """Write a checkpoint if there is anything new. What cannot be written is said, and tried again later."""
        try:
            await self.journal.flush()
            checkpoint = await self._checkpoint()
            if checkpoint is None:
                return
            await self.kept.add(checkpoint.journal, checkpoint.number, checkpoint.at, checkpoint.line)
            self._last = checkpoint
        except StoreError as error:
            say(f"no checkpoint of the journal was written: {error}")
            return
        for path in (self.state / ANCHOR, *self.files):
            await self._anchor(path, checkpoint)

    async def _checkpoint(self) -> Checkpoint | None:
        last = self._last or newest(self.kept)
        if last is not None and last.number == self.store.newest_head().number and differs(self.store, last) is None:
            return None
        if self._key is None:
            self._key = await anyio.to_thread.run_sync(_key_of, self.state, self.where)
        return checkpoint_of(self.store, self._key, self.clock(), last)

    async def _anchor(self, path: Path, checkpoint: Checkpoint) -> None:
        why: str | None = "it takes too long"
        if path not in self._busy:
            self._busy.add(path)
            with anyio.move_on_after(ANCHOR_SECONDS, shield=True):
                why = await anyio.to_thread.run_sync(self._add, path, checkpoint.line, abandon_on_cancel=True)
        if why is None:
            self._failures.pop(path, None)
            return
        self._failures[path] = self._failures.get(path, 0) + 1
        if rare(self._failures[path]):
            say(f"the anchor {path} could not be written: {why}")
            with suppress(StoreError):
                await self.journal.event("journal", None, {"event": "anchor_failed", "anchor": str(path), "why": why})

    def _add(self, path: Path, line: str) -> str | None:
        """In a thread: a mount that does not answer keeps it, and nothing else waits."""
        try:
            return _append(path, line)
        finally:
            self._busy.discard(path)


def newest(kept: CheckpointStore) -> Checkpoint | None:
    """The newest checkpoint that the state keeps, as it stands there.

    :raises StoreError: it cannot be read.
    """
    text = kept.newest()
    return None if text is None else checkpoint_in(text)


def differs(store: JournalStore, last: Checkpoint) -> str | None:
    """In what the journal is not the one that was signed; ``None``: it ends with, or goes on from, what was.

    :raises StoreError: it cannot be read.
    """
    if last.journal != store.id:
        return "it is another journal than before"
    if store.newest_head().number < last.number:
        return f"it ends before #{last.number}, which was there, {last.at[:19]}Z"
    found = store.hash_of(last.number)
    if found is not None and found.hex() != last.hash:
        return f"#{last.number} or an entry before it was changed since {last.at[:19]}Z"
    return None


def checkpoint_of(store: JournalStore, key: JournalKey, at: str, last: Checkpoint | None) -> Checkpoint:
    """A signed checkpoint of the journal as it is now. ``last`` is one before it, by which not all has to be counted.

    :raises StoreError: it cannot be read.
    """
    head = store.newest_head()
    if last is not None and differs(store, last) is None:
        count = last.count + store.count(after=last.number)
    else:
        count = store.count()
    return Checkpoint(store.id, head.number, head.hash.hex(), count, at, "").signed(key)


def _key_of(state: Path, where: Where) -> JournalKey:
    from rule_of_two.gateway.journal_key import journal_key  # noqa: PLC0415  # cryptography is not needed to start

    return journal_key(state, where)


def _append(path: Path, line: str) -> str | None:
    """Add a line, which other processes do too; never waits for whoever reads a pipe. Why it failed."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    data = f"{line}\n".encode()
    try:
        descriptor = os.open(path, flags, 0o600)
        try:
            written = os.write(descriptor, data)
        finally:
            os.close(descriptor)
    except OSError as error:
        return error.strerror or str(error)
    return None if written == len(data) else "only a part of the line could be written"
