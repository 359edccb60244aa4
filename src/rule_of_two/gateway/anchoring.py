"""Signs now and then what the journal's newest entry is, and keeps that in places apart from the journal."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread

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
START_SECONDS: Final = 2.0
"""How long the first one waits: what a client waits for at the start comes first."""

ANCHOR: Final = "journal.anchor"
"""The file beside the journal."""


@dataclass(slots=True)
class Anchoring:
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
        text = self.kept.newest()
        last = None if text is None else checkpoint_in(text)
        if last is None:
            return
        if last.journal != self.store.id:
            wrong = "it is another journal than before"
        elif self.store.newest_head().number < last.number:
            wrong = f"it ends before #{last.number}, which was there, {last.at[:19]}Z"
        elif (found := self.store.hash_of(last.number)) is not None and found.hex() != last.hash:
            wrong = f"#{last.number} or an entry before it was changed since {last.at[:19]}Z"
        else:
            self._last = last
            return
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
        head = self.store.newest_head()
        journal = self.store.id
        last = self._last
        if last is not None and (last.number, last.journal) == (head.number, journal):
            return None
        known = last is not None and last.journal == journal and last.number < head.number
        count = last.count + self.store.count(after=last.number) if known and last is not None else self.store.count()
        if self._key is None:
            self._key = await anyio.to_thread.run_sync(_key_of, self.state, self.where)
        return Checkpoint(journal, head.number, head.hash.hex(), count, self.clock(), "").signed(self._key)

    async def _anchor(self, path: Path, checkpoint: Checkpoint) -> None:
        why = await anyio.to_thread.run_sync(_append, path, checkpoint.line)
        if why is None:
            self._failures.pop(path, None)
            return
        self._failures[path] = self._failures.get(path, 0) + 1
        if rare(self._failures[path]):
            say(f"the anchor {path} could not be written: {why}")
            with suppress(StoreError):
                await self.journal.event("journal", None, {"event": "anchor_failed", "anchor": str(path), "why": why})


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
