"""Arguments by which a call reaches somewhere, and that are no target. Only what leaves little doubt is found."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from rule_of_two.json_pointer import tokens_of
from rule_of_two.manifests.document import ToolSpec
from rule_of_two.manifests.drafting.arguments import kind_of
from rule_of_two.manifests.linting.finding import Found
from rule_of_two.manifests.schema_places import Place
from rule_of_two.manifests.tool_words import Act, Named, lexicon, named, words_of

_OF_PAGES: Final = lexicon(
    "url urls uri uris page target web website site image file source document link webhook callback"
)
_LETTERS: Final = lexicon("to cc bcc recipient recipients attendee attendees invitee invitees guest guests mailto")
_LETTING_IN: Final = lexicon("invite share permission permissions access member guest attendee collaborator")
_OWN: Final = lexicon("user my own from sender")
_LOOKED_FOR: Final = lexicon("criteria filter filters where query search match")
"""Words of what is compared, and not reached: whose account it is, and what a filter looks for."""
_COMMANDS: Final = lexicon("command cmd script code")


def missing_targets(
    tool: str, found: tuple[Place, ...], spec: ToolSpec, named_at: Sequence[str], paths: Collection[str]
) -> Iterator[Found]:
    """``found``: what the tool's schema describes. ``named_at``: every pointer that the entry says. ``paths``: what
    paths are called that most of this manifest's tools declare."""
    covered = [tokens_of(pointer) for pointer in (*named_at, *(term.pointer for term in spec.arguments.terms))]
    name = named(tool)
    for place in found:
        kind = kind_of(place, name, found)
        if kind is None or not _is_plain(kind, place, name, spec, paths):
            continue
        if not any(_touch(tokens_of(place.pointer), other) for other in covered) and not _is_outer(place, found):
            problem = f"{tool} takes a {kind} at {place.pointer}, which is no target"
            yield Found("missing-target", ("tools", tool), problem, f"add `targets: {{{kind}: {place.pointer}}}`")


def _is_plain(kind: str, place: Place, name: Named, spec: ToolSpec, paths: Collection[str]) -> bool:
    """Whether it leaves little doubt that a call reaches what stands there. Without C nothing leaves, so that only a
    page that is read counts."""
    words = words_of(place.name)
    keys = [key for key in tokens_of(place.pointer) if key != "*"]
    outermost = len(keys) == 1
    if _OWN & {*words} or any(key in _LOOKED_FOR for key in keys[:-1]):
        return False
    if kind == "path":
        return place.name in paths
    if "C" not in spec.labels:
        return kind == "url" and outermost and set(words) <= _OF_PAGES
    if kind == "recipient":
        lets_in = name.act is Act.SEND or bool(_LETTING_IN & {*name.words})
        return any(_LETTERS & {*words_of(key)} for key in keys) or lets_in
    if kind == "command":
        return outermost and len(words) == 1 and words[0] in _COMMANDS
    return outermost and kind in {"url", "host", "amount"}


def _touch(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether one is the other, or contains it."""
    length = min(len(one), len(other))
    return one[:length] == other[:length]


def _is_outer(place: Place, found: Sequence[Place]) -> bool:
    """Whether it is a list or object that has places of its own."""
    return any(other.pointer.startswith(f"{place.pointer}/") for other in found)
