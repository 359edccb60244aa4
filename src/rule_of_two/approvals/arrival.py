"""What waits to be let in: a result that came back, by its items, as a person is asked about it. Frozen values, no I/O.

DESIGN section 3 "Two gates". Names, authors and texts are the upstream's: nothing of them is believed but what the
operator's manifest made of them, and nothing of them is ever printed as it is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ConfigDict

from rule_of_two.approvals.canonical import canonical
from rule_of_two.errors import BadRequest, LimitExceeded
from rule_of_two.model import NONE, Labels
from rule_of_two.records import replace

MAX_ITEMS: Final = 10_000
"""Of one result that a person is asked about."""

MAX_PICKED: Final = 200
"""Items that one answer can name: it has to be short."""

MAX_ITEM_TEXT: Final = 32 * 1024
MAX_TEXT: Final = 1024 * 1024
"""Characters of one item, and of all together, that are kept to be looked at. What is left out is counted."""

MAX_NAME: Final = 1000
"""Characters of an item's name, of one author, and of where a result came from."""

MAX_AUTHORS: Final = 20
"""Authors of one item that are named. The others are counted."""

_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,40}", re.ASCII)
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivedItem:
    """One item of a result, by what its platform asserts of it.

    ``id`` is an opaque one of ours, by which the client is told of it too; ``name`` the platform's own id, or its
    place. ``labels`` are what it brings, and ``authors`` who wrote it, as asserted (``None``: not known). ``size`` is
    in bytes and ``digest`` the SHA-256, in hexadecimal, of its canonical JSON. ``text`` is what a person looks at on
    request. ``asks``: it completes the set; the others are released without a question. ``left_out`` counts the
    characters that ``text`` lacks at its end, ``more_authors`` the authors that are not named.
    """

    id: str
    name: str
    labels: Labels
    authors: tuple[str, ...] | None
    size: int
    digest: str
    text: str
    asks: bool
    left_out: int = 0
    more_authors: int = 0

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    def __post_init__(self) -> None:
        """:raises BadRequest: its id or digest is none of ours, or a number is negative."""
        if _ID.fullmatch(self.id) is None or _SHA256.fullmatch(self.digest) is None:
            raise BadRequest("An item of a result needs an id and a SHA-256 of ours.")
        if min(self.size, self.left_out, self.more_authors) < 0:
            raise BadRequest("An item of a result has a negative size.")

    def bounded(self, characters: int = MAX_ITEM_TEXT) -> ArrivedItem:
        """The same item as it can be shown: at most ``characters`` of its text, what is left out counted."""
        text, authors = self.text[:characters], self.authors
        return replace(
            self,
            name=_short(self.name),
            authors=None if authors is None else tuple(map(_short, authors[:MAX_AUTHORS])),
            text=_unicode(text),
            left_out=self.left_out + len(self.text) - len(text),
            more_authors=self.more_authors + max(0, len(authors or ()) - MAX_AUTHORS),
        )

    @property
    def shown(self) -> list[Any]:
        """Everything that a screen can show of it, as JSON."""
        return [
            self.id,
            self.name,
            sorted(self.labels),
            None if self.authors is None else list(self.authors),
            self.size,
            self.digest,
            self.text,
            self.asks,
            self.left_out,
            self.more_authors,
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A result that is held until somebody has said what of it is let in.

    ``digest`` is the SHA-256, in hexadecimal, of the whole result that a yes hands over, ``without`` of the one that
    is handed over without the items that ask; ``None``: there is none such. ``where`` is the host, path or server that
    it came from; it may be empty.
    """

    digest: str
    where: str
    items: tuple[ArrivedItem, ...]
    without: str | None = None

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    def __post_init__(self) -> None:
        """:raises BadRequest: a digest is none, two items have one id, or none of them asks.
        :raises LimitExceeded: it has more than :data:`MAX_ITEMS`."""
        if len(self.items) > MAX_ITEMS:
            raise LimitExceeded(
                f"This result is too long to be asked about: it has {len(self.items):,} items, at most {MAX_ITEMS:,}."
            )
        if any(_SHA256.fullmatch(digest) is None for digest in (self.digest, self.without) if digest is not None):
            raise BadRequest("A result needs a SHA-256.")
        if len({item.id for item in self.items}) != len(self.items):
            raise BadRequest("Two items of a result have the same id.")
        if not self.asking:
            raise BadRequest("A result of which no item asks needs no answer.")

    def bounded(self) -> Arrival:
        """The same result as it can be shown: every item has its share of :data:`MAX_TEXT`."""
        share = min(MAX_ITEM_TEXT, MAX_TEXT // len(self.items))
        return replace(self, where=_short(self.where), items=tuple(item.bounded(share) for item in self.items))

    @property
    def asking(self) -> tuple[ArrivedItem, ...]:
        """The items that a person is asked about."""
        return tuple(item for item in self.items if item.asks)

    @property
    def labels(self) -> Labels:
        """What the items that ask would bring."""
        return NONE.union(*(item.labels for item in self.asking))

    @property
    def can_pick(self) -> bool:
        """Whether an answer can let in only some of the items that ask."""
        return self.without is not None and len(self.asking) > 1

    def has(self, picked: Iterable[str]) -> bool:
        """Whether ``picked`` (ids) is what an answer can let in of it. Nothing picked means everything.

        # INVARIANT: an answer names only items that were asked about, and only where the rest can be handed over
        without them; tests/approvals/test_arrival.py.
        """
        wanted = frozenset(picked)
        return not wanted or (self.can_pick and wanted <= {item.id for item in self.asking})

    @property
    def bound(self) -> dict[str, Any]:
        """What the digest of its question binds, as JSON: the results, and each item's id and digest."""
        return {
            "digest": self.digest,
            "without": self.without,
            "items": [[item.id, item.digest] for item in self.items],
        }

    @classmethod
    def of_bound(cls, bound: Mapping[str, Any]) -> Arrival:
        """A result that is bound like the one that :attr:`bound` was taken from; the rest is not known.

        :raises BadRequest: it is none such.
        """
        try:
            items = tuple(
                ArrivedItem(id=name, name="", labels=NONE, authors=None, size=0, digest=digest, text="", asks=True)
                for name, digest in bound["items"]
            )
            return cls(digest=bound["digest"], where="", items=items, without=bound["without"])
        except (KeyError, TypeError, ValueError) as error:
            raise BadRequest("This is no result that a question was about.") from error

    @property
    def contents(self) -> str:
        """The same for every result of the same contents, whatever its items are called here; as canonical JSON."""
        return canonical([self.digest, self.without, [[item.digest, item.asks] for item in self.items]])

    @property
    def shown(self) -> str:
        """SHA-256, in hexadecimal, of everything that a screen can show of it.

        :raises BadRequest: a text has no canonical form.
        """
        digest = hashlib.sha256(canonical([self.digest, self.where, self.without]).encode())
        for item in self.items:
            digest.update(b"\n" + canonical(item.shown).encode())
        return digest.hexdigest()


def _short(text: str) -> str:
    """At most :data:`MAX_NAME` characters; what is left out is counted."""
    kept = _unicode(text[:MAX_NAME])
    return kept if len(text) <= MAX_NAME else f"{kept}… (+{len(text) - MAX_NAME:,})"


def _unicode(text: str) -> str:
    """``text`` with lone surrogates replaced: they cannot be sent."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
