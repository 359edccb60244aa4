"""What an upstream says it offers, against what was accepted (DESIGN "pins").

The first definition of an upstream that the operator's configuration mounts is accepted as first seen, unless
``pins.first_use`` says ``ask``: then each is the upstream's text until a human answers for it. After that a definition
that changed is listed as it was accepted and cannot be called, and one that is new or was refused is neither listed nor
called, until a human accepts what the upstream offers now.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct

from rule_of_two.definition_digest import definition_digest
from rule_of_two.errors import BadRequest
from rule_of_two.store.pins import Pin
from rule_of_two.wire.frames import dump

NO_INSTRUCTIONS: Final = ""
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
    """It was offered at first, where first use asks, and nobody has answered for it: its text is the upstream's."""


class Definition(Struct, frozen=True):
    """One tool, prompt, resource, template, or the instructions, as the upstream gave it."""

    kind: Kind
    name: str
    body: dict[str, Any]
    digest: str


def define(kind: Kind, body: Any) -> Definition:
    """Read one definition and pin it by its digest (:mod:`~rule_of_two.definition_digest`): of all that the upstream
    said of it, known to us or not.

    :raises BadRequest: it has no usable name, or cannot be canonicalised.
    """
    key = LISTS[kind][2] if kind in LISTS else ""
    name = body.get(key) if key and isinstance(body, dict) else ""
    if not isinstance(name, str) or (key and not 0 < len(name) <= 2048):
        raise BadRequest(f"a {kind} without a usable {key!r}")
    try:
        digest = definition_digest(body)
    except ValueError as error:
        raise BadRequest(f"the {kind} {name!r} cannot be pinned: {error}") from error
    return Definition(kind, name, body, digest)


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


class Change(Struct, frozen=True):
    """One name of which something else is offered than was accepted; ``None``: nothing is."""

    kind: Kind
    name: str
    old: Definition | None
    new: Definition | None

    @property
    def text(self) -> str:
        """``tool send``; ``tool send (removed)``."""
        return f"{self.kind} {self.name}".rstrip() + (" (removed)" if self.new is None else "")


class Listed(Struct, frozen=True):
    """One definition as the client may see it. ``definition`` is the accepted one where there is one."""

    definition: Definition
    status: Status

    @property
    def accepted(self) -> bool:
        """Whether its text is one that was accepted."""
        return self.status is Status.ACCEPTED or self.status is Status.CHANGED

    @property
    def is_text(self) -> bool:
        """Whether it may be shown as the upstream's text: nobody answered for it, or it comes and goes as data do."""
        data = self.definition.kind in {Kind.RESOURCE, Kind.TEMPLATE}
        return self.status is Status.UNACCEPTED or (data and not self.accepted)

    @property
    def usable(self) -> bool:
        """Whether it may be called."""
        return self.status is Status.ACCEPTED or self.status is Status.UNACCEPTED


class Definitions:
    """The offered and the accepted definitions of one upstream, compared. Immutable."""

    def __init__(
        self,
        offered: Iterable[Definition] | None,
        accepted: Iterable[Pin],
        unanswered: Collection[tuple[str, str]] | None = None,
    ) -> None:
        """``offered`` is ``None`` while the upstream has not answered: then what was accepted is listed. ``unanswered``
        are kinds and names of what it offered at first and nobody has answered for; ``None``: nobody has answered for
        anything, so that is all that is offered, unless something was accepted."""
        pins = {
            (Kind(pin.kind), pin.name): Definition(Kind(pin.kind), pin.name, pin.definition, pin.digest)
            for pin in accepted
        }
        self.known = offered is not None or bool(pins)
        self._listed: dict[tuple[Kind, str], Listed] = {}
        self._changes: list[Change] = []
        if offered is None:
            self._listed = {key: Listed(pin, Status.ACCEPTED) for key, pin in pins.items()}
            return
        for definition in offered:
            key = (definition.kind, definition.name)
            if key in self._listed:
                continue  # a second definition of the same name: the first was listed, the first is called
            pin = pins.get(key)
            differs = pin is None or pin.digest != definition.digest
            if differs and (definition.kind is not Kind.RESOURCE or pin is not None):
                self._changes.append(Change(*key, pin, definition))
            if differs and definition.kind is Kind.RESOURCE:
                pin = None  # until somebody accepts it, it is a text that came as data do
            if pin is None:
                is_first = not pins if unanswered is None else key in unanswered
                self._listed[key] = Listed(definition, Status.UNACCEPTED if is_first else Status.NEW)
            else:
                self._listed[key] = Listed(pin, Status.ACCEPTED if pin.digest == definition.digest else Status.CHANGED)

        self._changes += [
            Change(*key, pin, _NOTHING_SAID if key[0] is Kind.INSTRUCTIONS else None)
            for key, pin in pins.items()
            if key not in self._listed and key[0] is not Kind.RESOURCE and pin.digest != _NOTHING_SAID.digest
        ]

    @property
    def changes(self) -> tuple[Change, ...]:
        """Everything that is not offered as it was accepted: changed, new and removed; of resources, which come and go
        as data do, those that changed."""
        return tuple(self._changes)

    def get(self, kind: Kind, name: str) -> Listed | None:
        """One definition, or ``None`` when the upstream offers no such thing."""
        return self._listed.get((kind, name))

    def of(self, kind: Kind) -> Iterator[Listed]:
        """All of a kind, in the upstream's order."""
        return (listed for (listed_kind, _), listed in self._listed.items() if listed_kind is kind)

    def kinds(self) -> frozenset[Kind]:
        """The kinds of which there is anything."""
        return frozenset(kind for kind, _ in self._listed)


_NOTHING_SAID: Final = define(Kind.INSTRUCTIONS, {"instructions": NO_INSTRUCTIONS})


def of_first_use(
    definitions: Iterable[Definition], owns: Callable[[str], bool] = lambda _: False
) -> Iterator[Definition]:
    """What is accepted as first seen, or asked about: all but listed resources that the server does not own, whose
    names are often data (of a mail, say)."""
    return (one for one in definitions if one.kind is not Kind.RESOURCE or owns(one.name))


def names_of(definitions: Iterable[Definition]) -> list[tuple[str, str]]:
    """Their kinds and names."""
    return [(one.kind, one.name) for one in definitions]


def pins_of(definitions: Iterable[Definition], *, accepted_by: str, at: str) -> list[Pin]:
    """The pins that accept exactly these definitions; the first of each name. No instructions are accepted as none."""
    unique: dict[tuple[Kind, str], Pin] = {}
    for one in (*definitions, _NOTHING_SAID):
        unique.setdefault((one.kind, one.name), Pin(one.kind, one.name, one.digest, one.body, accepted_by, at))
    return list(unique.values())
