"""Where a stored resource stands in its store: which one holds which other. Doubt means that it does.

Two names that some file system or server could take for one are one here: letter case, Unicode forms and needless
escapes say nothing. So the ledger can join a label too many, and never misses one for a name written in another way.
"""

from __future__ import annotations

import os
import re
import unicodedata
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from msgspec import Struct

from rule_of_two.model import StoredResource

_LONGEST: Final = 8192
"""Characters. What is longer has no place of its own."""
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_BETWEEN: Final = re.compile(r"[/?#]+")
_SLASHES: Final = re.compile(r"/+")


class Place(Struct, frozen=True):
    """A resource as the ledger compares it. ``key`` ``None``: the whole store. One that ends with ``/`` holds all that
    begin with it: paths, and URIs of the same scheme and host, by whole components. Of any other kind a key holds only
    itself."""

    store: str
    kind: str
    key: str | None

    @property
    def holders(self) -> tuple[str, ...]:
        """The keys of everything that holds it, itself included, but for the whole store."""
        if self.key is None:
            return ()
        if not self.key.endswith("/"):
            return (self.key,)
        return tuple(self.key[: match.end()] for match in _SLASHES.finditer(self.key))

    @property
    def held(self) -> tuple[str, str] | None:
        """All keys that it holds: from the first up to, but without, the second. ``None``: only itself, or all."""
        return (self.key, f"{self.key[:-1]}0") if self.key is not None and self.key.endswith("/") else None

    def holds(self, other: Place) -> bool:
        """Whether ``other`` is this, or stands in it."""
        if self.store != other.store:
            return False
        if self.key is None:
            return True
        if other.key is None or self.kind != other.kind:
            return False
        return other.key.startswith(self.key) if self.key.endswith("/") else other.key == self.key


@lru_cache(maxsize=4096)
def place_of(resource: StoredResource) -> Place:
    """Where it stands. A value that cannot be placed stands for the whole store."""
    store, kind, value = storable(resource.store), storable(resource.kind), resource.value
    if value is None or len(value) > _LONGEST:
        return Place(store, "", None)
    if resource.kind == "path":
        key = "/".join(part for part in folded(value).replace(os.sep, "/").split("/") if part)
        return Place(store, kind, f"/{key}/" if key else "/")
    scheme = _SCHEME.match(value)
    if scheme is None:
        return Place(store, kind, f"{folded(value)}.")  # so that it never ends with "/"
    parts = [part for part in _BETWEEN.split(folded(unquote(value[scheme.end() :]))) if part]
    if not parts or {".", ".."} & set(parts):
        return Place(store, "", None)
    return Place(store, kind, f"{scheme[0].lower()}{'/'.join(parts)}/")


def folded(text: str) -> str:
    """The text as one would compare it that ignores letter case and Unicode form; always text that can be stored."""
    if text.isascii():
        return storable(text.lower())
    once = unicodedata.normalize("NFKC", text).casefold()
    return storable(unicodedata.normalize("NFKC", once).casefold())


def storable(text: str) -> str:
    """The text with lone surrogates and NUL written out: no database takes the one, and its JSON ends at the other."""
    plain = text.replace("\0", "\\x00") if "\0" in text else text
    return plain if plain.isascii() else plain.encode("utf-8", "backslashreplace").decode()
