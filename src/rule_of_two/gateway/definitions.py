"""What an upstream says it offers, against what was accepted (DESIGN "pins").

The first definition of an upstream that the operator's configuration mounts is accepted as first seen, unless
``pins.first_use`` says ``ask``. After that a definition that changed is listed as it was accepted and cannot be called,
and one that is new is listed by name only, until a human accepts what the upstream offers now.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import rfc8785

from rule_of_two.errors import BadRequest
from rule_of_two.json_pointer import pointer_of
from rule_of_two.store.pins import Pin
from rule_of_two.wire.frames import dump

FIRST_USE: Final = "first use (unsigned)"
NO_INSTRUCTIONS: Final = ""
_LARGEST_INTEGER: Final = 2**53 - 1
MOST: Final = 2000
MOST_BYTES_EACH: Final = 256 * 1024
MOST_BYTES: Final = 8 * 1024 * 1024
"""How many definitions one upstream may offer, and their size as JSON, each and together. The rest is left out."""


class Kind(StrEnum):
    """What a definition describes."""

    TOOL = "tool"
    PROMPT = "prompt"
    RESOURCE = "resource"
    TEMPLATE = "template"
    INSTRUCTIONS = "instructions"
    CAPABILITIES = "capabilities"
    """What an upstream says it can do beyond MCP: words of its own, like instructions."""


UNLISTED: Final = frozenset((Kind.INSTRUCTIONS, Kind.CAPABILITIES))
"""What comes with the handshake, and of which an upstream has one at most."""
LISTS: Final[Mapping[Kind, tuple[str, str, str]]] = {
    Kind.TOOL: ("tools/list", "tools", "name"),
    Kind.PROMPT: ("prompts/list", "prompts", "name"),
    Kind.RESOURCE: ("resources/list", "resources", "uri"),
    Kind.TEMPLATE: ("resources/templates/list", "resourceTemplates", "uriTemplate"),
}
"""Of each listed kind: the method, the member of its result, and the member that names an item."""


class Status(StrEnum):
    """How an offered definition stands to what was accepted."""

    ACCEPTED = "accepted"
    CHANGED = "changed"
    NEW = "new"
    UNACCEPTED = "unaccepted"
    """Nothing of this upstream was ever accepted."""


@dataclass(frozen=True, slots=True)
class Definition:
    """One tool, prompt, resource, template, or the instructions, as the upstream gave it."""

    kind: Kind
    name: str
    body: dict[str, Any]
    digest: str


def define(kind: Kind, body: Any) -> Definition:
    """Read one definition and pin it by SHA-256 over its canonical JSON (RFC 8785); integers beyond 2^53 - 1, for which
    that has no form, are written apart.

    INVARIANT: two definitions of one digest are one JSON value (test_no_two_definitions_share_a_digest).

    :raises BadRequest: it has no usable name, or cannot be canonicalised.
    """
    key = LISTS[kind][2] if kind in LISTS else ""
    name = body.get(key) if key and isinstance(body, dict) else ""
    if not isinstance(name, str) or (key and not 0 < len(name) <= 2048):
        raise BadRequest(f"a {kind} without a usable {key!r}")
    try:
        digest = hashlib.sha256(_bytes_of(body)).hexdigest()
    except (rfc8785.CanonicalizationError, RecursionError, ValueError) as error:
        raise BadRequest(f"the {kind} {name!r} cannot be pinned: {error}") from error
    return Definition(kind, name, body, digest)


def _bytes_of(body: Any) -> bytes:
    try:
        return rfc8785.dumps(body)
    except rfc8785.IntegerDomainError:
        large: list[list[str]] = []
        rest = rfc8785.dumps(_without_large(body, (), large))
        # No JSON text begins so, and where each integer stands is said: nothing else has these bytes.
        return b"large integers " + rfc8785.dumps(large) + rest


def _without_large(value: Any, at: tuple[str, ...], large: list[list[str]]) -> Any:
    """The value with 0 for each integer that RFC 8785 cannot write; those are put into ``large``, with where they
    stand."""
    if isinstance(value, dict):
        return {key: _without_large(value[key], (*at, key), large) for key in sorted(value)}
    if isinstance(value, list):
        return [_without_large(item, (*at, str(number)), large) for number, item in enumerate(value)]
    if isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
        large.append([pointer_of(at), str(value)])
        return 0
    return value


class Budget:
    """What of an upstream's offer is taken: so that none can fill memory, or keep the others waiting."""

    def __init__(self) -> None:
        self.left_out = 0
        self._count = 0
        self._bytes = 0

    @property
    def spent(self) -> bool:
        """Whether nothing more is taken."""
        return self._count >= MOST or self._bytes >= MOST_BYTES

    def take(self, kind: Kind, bodies: Iterable[Any]) -> tuple[list[Definition], list[str]]:
        """The definitions that fit, and why others are left out; slow for long ones, so to be run in a thread."""
        taken: list[Definition] = []
        refused: list[str] = []
        for body in bodies:
            size = len(dump(body))
            if self._count >= MOST or size > MOST_BYTES_EACH or self._bytes + size > MOST_BYTES:
                self.left_out += 1
                continue
            try:
                taken.append(define(kind, body))
            except BadRequest as error:
                refused.append(str(error))
                continue
            self._count += 1
            self._bytes += size
        return taken, refused


@dataclass(frozen=True, slots=True)
class Listed:
    """One definition as the client may see it. ``definition`` is the accepted one where there is one."""

    definition: Definition
    status: Status

    @property
    def accepted(self) -> bool:
        """Whether its text is one that was accepted."""
        return self.status is Status.ACCEPTED or self.status is Status.CHANGED

    @property
    def usable(self) -> bool:
        """Whether it may be called."""
        return self.status is Status.ACCEPTED or self.status is Status.UNACCEPTED


class Definitions:
    """The offered and the accepted definitions of one upstream, compared. Immutable."""

    def __init__(self, offered: Iterable[Definition] | None, accepted: Iterable[Pin]) -> None:
        """``offered`` is ``None`` while the upstream has not answered: then what was accepted is listed."""
        pins = {
            (Kind(pin.kind), pin.name): Definition(Kind(pin.kind), pin.name, pin.definition, pin.digest)
            for pin in accepted
        }
        self.known = offered is not None or bool(pins)
        self._listed: dict[tuple[Kind, str], Listed] = {}
        if offered is None:
            self._listed = {key: Listed(pin, Status.ACCEPTED) for key, pin in pins.items()}
            return
        for definition in offered:
            key = (definition.kind, definition.name)
            if key in self._listed:
                continue  # a second definition of the same name: the first was listed, the first is called
            pin = pins.get(key)
            if pin is None:
                self._listed[key] = Listed(definition, Status.NEW if pins else Status.UNACCEPTED)
            else:
                self._listed[key] = Listed(pin, Status.ACCEPTED if pin.digest == definition.digest else Status.CHANGED)

    def get(self, kind: Kind, name: str) -> Listed | None:
        """One definition, or ``None`` when the upstream offers no such thing."""
        return self._listed.get((kind, name))

    def of(self, kind: Kind) -> Iterator[Listed]:
        """All of a kind, in the upstream's order."""
        return (listed for (listed_kind, _), listed in self._listed.items() if listed_kind is kind)

    def kinds(self) -> frozenset[Kind]:
        """The kinds of which there is anything."""
        return frozenset(kind for kind, _ in self._listed)

    def unaccepted(self) -> list[Listed]:
        """Every definition that is not accepted as it is now; resources aside, which come and go as data do."""
        return [
            listed
            for (kind, _), listed in self._listed.items()
            if listed.status is not Status.ACCEPTED and kind is not Kind.RESOURCE
        ]


def of_first_use(definitions: Iterable[Definition]) -> Iterator[Definition]:
    """What is accepted as first seen: all but listed resources, whose names are often data (a mail's subject, say)."""
    return (one for one in definitions if one.kind is not Kind.RESOURCE)


def pins_of(definitions: Iterable[Definition], *, accepted_by: str, at: str) -> list[Pin]:
    """The pins that accept exactly these definitions; the first of each name. No instructions are accepted as none."""
    unique: dict[tuple[Kind, str], Pin] = {}
    for one in (*definitions, define(Kind.INSTRUCTIONS, {"instructions": NO_INSTRUCTIONS})):
        unique.setdefault((one.kind, one.name), Pin(one.kind, one.name, one.digest, one.body, accepted_by, at))
    return list(unique.values())
