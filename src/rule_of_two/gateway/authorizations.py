"""OAuth of upstreams: one authorization for each, which outlives its connections, with its tokens in the keyring."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread

from rule_of_two.errors import StoreError
from rule_of_two.escape import visible
from rule_of_two.gateway.operator_log import say
from rule_of_two.gateway.secret_store import Keyring, read_private, write_private
from rule_of_two.wire.http import open_oauth

if TYPE_CHECKING:
    from rule_of_two.wire.oauth import OAuth

_FOLDER: Final = "oauth"
_CLOSE_SECONDS: Final = 5.0


class Authorizations:
    """The authorizations of one gateway process. Tokens belong to an upstream's name and address together."""

    def __init__(self, state: Path) -> None:
        self._folder = state / _FOLDER
        self._opened: dict[str, OAuth] = {}
        self._opening = anyio.Lock()

    async def of(self, name: str, url: str) -> OAuth:
        """The authorization of one upstream; nothing is sent before its server asks for it."""
        digest = hashlib.sha256(url.encode()).hexdigest()[:16]
        key = f"{name}-{digest}"
        async with self._opening:
            if key not in self._opened:
                self._opened[key] = await open_oauth(
                    url,
                    load=partial(self._load, key),
                    save=partial(self._save, key),
                    open_browser=partial(_show, name),
                )
        return self._opened[key]

    async def aclose(self) -> None:
        """End what is under way, also for whoever was cancelled, within a few seconds."""
        with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
            for one in self._opened.values():
                with suppress(Exception):  # whatever one dies of, the others are closed too
                    await one.aclose()

    async def _load(self, key: str) -> str | None:
        return await anyio.to_thread.run_sync(self._read, key)

    async def _save(self, key: str, text: str) -> None:
        await anyio.to_thread.run_sync(self._write, key, text)

    def _read(self, key: str) -> str | None:
        with suppress(StoreError):
            if (text := Keyring().get(f"oauth/{key}")) is not None:
                return text
        return read_private(self._path(key))

    def _write(self, key: str, text: str) -> None:
        try:
            Keyring().set(f"oauth/{key}", text)
        except StoreError as error:
            # A machine without a keyring (a server, a container) keeps what a human authorized all the same.
            write_private(self._path(key), text)
            say(f"{error}; the authorization is kept in {self._path(key)}, which only you can read")

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.json"


async def _show(name: str, address: str) -> None:
    """Show a human where to authorize."""
    import webbrowser  # noqa: PLC0415  # looks for browsers when imported: only who uses it pays

    say(f"the server '{name}' wants to be authorized: open {visible(address)}")
    await anyio.to_thread.run_sync(partial(webbrowser.open, address), abandon_on_cancel=True)
