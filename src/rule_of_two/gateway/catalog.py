"""What the client sees: the merged lists of all upstreams, and which upstream a name means."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import anyio
from msgspec import Struct

from rule_of_two.errors import BadRequest
from rule_of_two.gateway.definitions import Kind, Listed
from rule_of_two.gateway.mount import Mount
from rule_of_two.gateway.names import exposed_names
from rule_of_two.gateway.results import LABELS_KEY, without_ours

LIST_WAIT: Final = 1.0
"""How long, in seconds, a list waits for upstreams that are starting; the rest follows with ``list_changed``."""
LONGEST_LIST_WAIT: Final = 8.0
"""How long it waits at most for one that was started in vain before, unless the operator said longer."""
FIRST_LIST_WAIT: Final = 20.0
"""How long it waits for the first of them when nothing at all can be listed yet."""

_EXPRESSION: Final = re.compile(r"\{[^}]*\}")


class Found(Struct, frozen=True):
    """One thing that a request named."""

    mount: Mount
    listed: Listed


class Catalog:
    """The mounts in the configuration's order. ``prefixed`` is off when one server is wrapped alone. ``waits`` says for
    how many seconds a list waits for upstreams of which nothing is known yet, where not as long as for any."""

    def __init__(self, mounts: Sequence[Mount], *, prefixed: bool, waits: Mapping[str, float] | None = None) -> None:
        self.mounts = tuple(mounts)
        self._by_name = {mount.name: mount for mount in self.mounts}
        self.prefixed = prefixed
        self._waits = waits or {}
        self._waited_since: float | None = None
        self._names: dict[Kind, dict[str, tuple[str, str]]] = {}
        self.refresh()

    def refresh(self) -> None:
        """Map names anew, after an upstream's definitions changed."""
        for kind in (Kind.TOOL, Kind.PROMPT):
            pairs = [(mount.name, one.definition.name) for mount in self.mounts for one in mount.definitions.of(kind)]
            self._names[kind] = exposed_names(pairs, prefixed=self.prefixed)

    async def settle(self, *, patient: bool = True, live: bool = False) -> None:
        """Wait a little for upstreams of which nothing is known yet, and for lists that have changed.

        With ``live`` what is known from before is not enough: for capabilities, and for resources, which are data.
        The wait is counted from the first call, so a silent upstream costs it once. While nothing at all is known, a
        ``patient`` caller goes on waiting for the first upstream.
        """
        if self._waited_since is None:
            self._waited_since = anyio.current_time()
        unknown = [mount for mount in self.mounts if not (mount.offered if live else mount.definitions.known)]
        if patient and len(unknown) == len(self.mounts):
            with anyio.move_on_after(FIRST_LIST_WAIT):
                await _first_settled(unknown)
            self._waited_since = anyio.current_time()
        for mount in unknown:
            wait = LIST_WAIT if live else self._waits.get(mount.name, LIST_WAIT)
            with anyio.CancelScope(deadline=self._waited_since + wait):
                await mount.settled.wait()
        async with anyio.create_task_group() as tasks:
            for mount in self.mounts:
                tasks.start_soon(mount.current, LIST_WAIT)

    def find(self, kind: Kind, exposed: str) -> Found | None:
        """The tool or prompt of that exposed name."""
        pair = self._names[kind].get(exposed)
        if pair is None:
            return None
        mount = self._by_name[pair[0]]
        listed = mount.definitions.get(kind, pair[1])
        return None if listed is None else Found(mount, listed)

    def input_schema(self, exposed: str) -> Any:
        """What a tool's arguments look like, as its definition was accepted; ``None`` when there is no such tool."""
        found = self.find(Kind.TOOL, exposed)
        # The names of headers in it are words of the server's: they come back in errors about headers.
        return found.listed.definition.body.get("inputSchema") if found is not None and found.listed.accepted else None

    def owner_of(self, uri: str) -> Mount | None:
        """The one upstream that offers a resource, by its list or by an accepted template.

        :raises BadRequest: several do, so that none can take another's over.
        """
        owners = [
            mount
            for mount in self.mounts
            if mount.definitions.get(Kind.RESOURCE, uri) or any(_fills(template, uri) for template in _templates(mount))
        ]
        if not owners and len(self.mounts) == 1:
            return self.mounts[0]
        if len(owners) > 1:
            names = " and ".join(f"'{mount.name}'" for mount in owners)
            raise BadRequest(f"this resource is offered by {names}; mount only one of them")
        return owners[0] if owners else None

    def listing(self, kind: Kind, readable: Mapping[str, bool]) -> list[dict[str, Any]]:
        """The definitions of one kind. ``readable`` says of each upstream whether unaccepted text may be shown."""
        exposed = {pair: name for name, pair in self._names.get(kind, {}).items()}
        found: list[dict[str, Any]] = []
        for mount in self.mounts:
            for listed in mount.definitions.of(kind):
                if not (listed.accepted or (listed.is_text and readable.get(mount.name, False))):
                    continue  # its very name is text that no human accepted
                body = listed.definition.body
                if kind in self._names:
                    name = exposed.get((mount.name, listed.definition.name))
                    if name is None:
                        continue  # unprefixed, and another of that name came first
                    body = {**body, "name": name}
                found.append(_labelled(mount, kind, listed, body))
        return found

    def named_log(self, mount: Mount, params: dict[str, Any]) -> dict[str, Any]:
        """The parameters of a log message, its logger named after its upstream where there are several."""
        if not self.prefixed:
            return params
        logger = params.get("logger")
        return {**params, "logger": f"{mount.name}/{logger}" if isinstance(logger, str) else mount.name}

    def instructions(self) -> str | None:
        """The accepted instructions of all upstreams, each under its upstream's name."""
        texts = [
            (mount.name, listed.definition.body["instructions"])
            for mount in self.mounts
            for listed in mount.definitions.of(Kind.INSTRUCTIONS)
            if listed.accepted and listed.definition.body["instructions"]
        ]
        if not self.prefixed:
            return texts[0][1] if texts else None
        return "\n\n".join(f"Instructions of the server '{name}':\n{text}" for name, text in texts) or None


def list_wait(seconds: float, in_vain: int) -> float:
    """How long a list waits for an upstream of which nothing is known and that was started so often in vain: longer
    each time, since a client that lists once and goes would never see it; and no longer than ever when that is no use.
    """
    longer = seconds * 2.0**in_vain
    return longer if longer <= LONGEST_LIST_WAIT else seconds


async def _first_settled(mounts: Sequence[Mount]) -> None:
    async with anyio.create_task_group() as tasks:

        async def wait(mount: Mount) -> None:
            await mount.settled.wait()
            tasks.cancel_scope.cancel()

        for mount in mounts:
            tasks.start_soon(wait, mount)


def _labelled(mount: Mount, kind: Kind, listed: Listed, body: dict[str, Any]) -> dict[str, Any]:
    """The definition with its configuration of the Rule of Two, for whoever looks (REQUIREMENTS R2)."""
    name = listed.definition.name
    match kind:
        case Kind.TOOL:
            labels = mount.manifest.tool(name, {}, tool_annotations(listed)).labels
        case Kind.PROMPT:
            labels = mount.manifest.prompt(name, {}).labels
        case _:
            labels = mount.manifest.resource(name).labels
    cleaned = without_ours(body)
    return {**cleaned, "_meta": {**(cleaned.get("_meta") or {}), LABELS_KEY: sorted(labels)}}


def tool_annotations(listed: Listed) -> Any:
    """The annotations of a definition, as the upstream sent them: what is no object counts as the worst."""
    return listed.definition.body.get("annotations")


def _templates(mount: Mount) -> Iterator[str]:
    return (listed.definition.name for listed in mount.definitions.of(Kind.TEMPLATE) if listed.accepted)


def _fills(template: str, uri: str) -> bool:
    """Whether a URI can come from a template: generous, since it only finds the upstream to ask. Takes linear time."""
    first, *others = _EXPRESSION.split(template)
    if not others:
        return uri == template
    *middle, last = others
    at = len(first)
    for part in middle:
        found = uri.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return uri.startswith(first) and uri.endswith(last) and len(uri) - len(last) >= at
