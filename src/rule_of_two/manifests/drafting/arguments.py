"""What a tool's arguments seem to be: targets by kind, secrets, flags that only preview, enums that choose an act.

A name or a format is enough: a target that is none makes nothing looser.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct, field

from rule_of_two.manifests.schema_places import Place, places
from rule_of_two.manifests.tool_words import ACTING, READING, Act, Named, lexicon, named, words_of
from rule_of_two.model import TargetKind

_LINKS: Final = re.compile(
    r"(?:the |an? )?(?:full |absolute |target |web ?)?ur[li]s? (?:or|of|to|for|from|where|that)\b", re.IGNORECASE
)

_ANYWHERE: Final[tuple[tuple[frozenset[str], TargetKind], ...]] = (
    (lexicon("url urls uri uris href webhook website"), "url"),
    (lexicon("host hosts hostname hostnames ip"), "host"),
    (
        lexicon(
            "path paths filepath filepaths file files filename filenames directory directories dir dirs cwd folder"
        ),
        "path",
    ),
    (lexicon("command commands cmd script javascript"), "command"),
    (
        lexicon(
            "query queries q sql search keyword keywords question prompt cypher jql cql where clause filter phrase term"
            " terms"
        ),
        "query",
    ),
)
"""Last words of names, and the kind of target that they speak of."""
_OF_ACTS: Final[tuple[tuple[frozenset[str], TargetKind], ...]] = (
    (
        lexicon("cc bcc recipient recipients email emails attendee attendees invitee invitees guest guests mailto"),
        "recipient",
    ),
    (lexicon("channel channels chat room rooms iban account conversation"), "account"),
)
"""Those that are targets only of what changes or sends something."""
_FILTERS: Final = lexicon("exclude excluded excludes include included includes select")
"""First words of what narrows a result down, and reaches nothing."""
_OWN: Final = lexicon("user my own sender from owner author organizer creator")
"""Words for the one who acts, and not for whom it reaches."""
_AMOUNT: Final = lexicon("amount price")
_SECRET: Final = lexicon("password passwd passphrase secret token apikey credential credentials pin")
_DRY: Final = frozenset(("dryrun", "preview", "simulate", "checkonly", "validateonly"))
_NOT_TEXT: Final = frozenset(("id", "ids", "type", "count", "limit", "size", "token", "format", "number", "mode"))
"""Last words after which a name speaks of something else: ``file_type``, ``email_count``."""
_FORMATS: Final[Mapping[str, TargetKind]] = {
    "uri": "url",
    "url": "url",
    "uri-reference": "url",
    "iri": "url",
    "hostname": "host",
    "ipv4": "host",
    "ipv6": "host",
    "email": "recipient",
    "idn-email": "recipient",
}
_ID_OF: Final = frozenset(("channel", "chat", "room", "account", "conversation"))
_CHOOSERS: Final = lexicon("action operation command method mode op verb act type task")
_NUMBERS: Final = frozenset(("number", "integer", "string"))


class Argued(Struct, frozen=True):
    """What is found. ``targets``: pointers of each kind, outer ones first. ``cut``: not everything was looked at."""

    targets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    dry: tuple[Place, ...] = ()
    modes: tuple[Place, ...] = ()
    texts: tuple[str, ...] = ()
    """Where any text can stand, whatever it is for."""
    cut: bool = False


def argued(schema: Mapping[str, Any] | None, name: Named) -> Argued:
    """What the arguments of a tool of that name seem to be; ``None`` for a schema that is not known."""
    seen = places(schema or {})
    found = seen.found
    targets: dict[str, list[str]] = {}
    for place in found:
        kind = kind_of(place, name, found)
        if kind is not None:
            targets.setdefault(kind, []).append(place.pointer)
    return Argued(
        {kind: tuple(at) for kind, at in targets.items()},
        tuple(place.pointer for place in found if _is_secret(place)),
        tuple(place for place in found if "boolean" in place.types and _joined(place.name) in _DRY),
        tuple(place for place in found if _chooses(place)),
        tuple(place.pointer for place in found if "string" in place.types and not place.bounded),
        cut=schema is None or seen.cut,
    )


def kind_of(place: Place, name: Named, siblings: tuple[Place, ...] = ()) -> TargetKind | None:
    """The kind of target that a place seems to be; ``None`` where it seems to be none."""
    words = words_of(place.name)
    acts = name.act not in READING
    if not words or place.bounded or (place.types and not place.types & _NUMBERS):
        return None
    if words[-1] in _AMOUNT and acts:
        return "amount"
    if not place.may_be_text:
        return None
    if words[0] in _FILTERS or (_OWN & {*words} and name.act is not Act.SEND):
        return None
    kind = _FORMATS.get(place.format) or _of_words(words, place, name, siblings)
    return kind if acts or kind not in {"recipient", "account"} else None


def _of_words(words: tuple[str, ...], place: Place, name: Named, siblings: tuple[Place, ...]) -> TargetKind | None:
    last = words[-1]
    if words == ("code",):
        return "command" if name.act in {Act.RUN, Act.UNKNOWN} else None
    if last in {"id", "ids"} and len(words) > 1 and words[-2] in _ID_OF:
        return "account"
    if last in _NOT_TEXT:
        return None
    found = next((kind for known, kind in (*_ANYWHERE, *_OF_ACTS) if last in known), None)
    if found is None and words == ("to",) and (name.act is Act.SEND or _writes_a_letter(siblings)):
        return "recipient"
    return found or ("url" if len(words) == 1 and _LINKS.match(place.description[:80]) else None)


def _writes_a_letter(siblings: tuple[Place, ...]) -> bool:
    return bool({"subject", "cc", "bcc", "body"} & {one.name.lower() for one in siblings})


def _is_secret(place: Place) -> bool:
    if not place.may_be_text or place.bounded:
        return False
    words = words_of(place.name)
    paged = {"page", "next", "continuation", "cursor", "sync", "max"} & set(words)
    return (place.format == "password" or words[-2:] == ("api", "key")) or (
        bool(words) and words[-1] in _SECRET and not paged
    )


def _joined(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


def _chooses(place: Place) -> bool:
    """Whether a place's values are verbs of which one acts, or it makes an address of what is none otherwise."""
    if "boolean" in place.types:
        return words_of(place.name)[-1:] in {("url",), ("uri",)}
    acts = [named(value).act for value in place.values if isinstance(value, str)]
    return any(act in ACTING for act in acts) and len(acts) > 1 and place.name.lower() in _CHOOSERS
