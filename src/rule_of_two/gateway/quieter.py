"""What an operator may soundly write or do so that fewer questions come, each with the change that it would have been.

Nothing here weakens the invariant: no approval, no permit that skips a question, no label taken off but by the rules of
a manifest, for a reason that only the operator can know. That reason is part of the suggestion.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import zip_longest
from typing import Final, Literal

from msgspec import Struct

from rule_of_two.audit.recorded import Recorded
from rule_of_two.audit.replay import WhatIf
from rule_of_two.audit.report import Server, Survey
from rule_of_two.escape import host_warning, visible
from rule_of_two.gateway.narrowing import Mounted, Narrowing, narrowings
from rule_of_two.manifests.document import ManifestDocument
from rule_of_two.manifests.manifest import Manifest
from rule_of_two.model import NONE, Action, Labels
from rule_of_two.policy.syntax import DEFAULT_DENY

PAUSE: Final = timedelta(minutes=30)
"""After so long without a call it may well be another conversation."""
_MOST: Final = 16
_TOOLS: Final = 5
_FITTING: Final = 2
_SESSIONS: Final = 3
"""How many suggestions of a kind are tried, tools and manifests proposed, and sessions named."""

_ONLY_IF: Final[Mapping[str, str]] = {
    "trusted_folders": "you alone wrote, and will write, everything in it",
    "scratch_folders": "nothing in it is ever run, served, synced or used by git",
    "trusted_hosts": "you trust whoever writes there as yourself",
}
_SETS: Final[Mapping[str, tuple[str, str]]] = {
    Action.SAMPLE: ("sampling", "your servers shall ask your client's model; each answer that leaves is still [C]"),
    Action.LIST_ROOTS: ("roots", "your servers shall learn which folders the client works in; that is [C] each time"),
}
"""The shipped policy sets, by what they permit."""


class Suggestion(Struct, frozen=True):
    """``line`` is what to write or do, ``only_if`` what must be true for it to be sound.

    ``at_most``: what it would have saved depends on what the operator writes, and is no more than the change says.
    ``together``: it is several suggestions at once.
    """

    kind: Literal["parameter", "manifest", "tool", "policies", "drop", "new_session"]
    server: str | None
    line: str
    only_if: str
    what_if: WhatIf
    at_most: bool = False
    together: bool = False


def suggestions(
    found: Survey, mounted: Mapping[str, Mounted], documents: Collection[ManifestDocument], policies: Sequence[str]
) -> list[Suggestion]:
    """What to try. ``documents`` are all manifests there are, ``policies`` the sets in use."""
    if not found.questions:
        return []
    named = [one for name, server in found.servers.items() for one in _manifests(name, server, mounted, documents)]
    of_each = [[_parameter(one, it) for it in narrowings(one, found.seen.values())] for one in mounted.values()]
    # A first one of each server's, then a second one: no server crowds the others out.
    narrowed = [one for several in zip_longest(*of_each) for one in several if one is not None]
    return [*named[:_MOST], *narrowed[:_MOST], *_sets(found, policies), *_drop(found), _new_session()]


def _parameter(mounted: Mounted, narrowing: Narrowing) -> Suggestion:
    name, values = narrowing.parameter, narrowing.values
    what_if = WhatIf(labels=narrowing.relabel)
    if narrowing.excluded:
        block = _block(mounted.name, f"parameters: {{{name}: […]}}")
        line = f"{block} with all that is private, but not {', '.join(map(_json, values))}"
        only_if = "nothing private is, or will be, in it"
        return Suggestion("parameter", mounted.name, line, only_if, what_if, together=len(values) > 1)
    listed = _json([str(one) for one in (*mounted.given(name), *values)])
    line = _block(mounted.name, f"parameters: {{{name}: {listed}}}")
    only_if = _ONLY_IF.get(name, f"it is what the manifest {mounted.document.server} means by {name}")
    if len(values) > 1:
        only_if += ", for each of them"
    if mounted.document.parameters[name].type == "hosts":
        only_if += "".join(f"; {value} {warning}" for value in values if (warning := host_warning(value)))
    return Suggestion("parameter", mounted.name, line, only_if, what_if, together=len(values) > 1)


def _block(server: str, text: str) -> str:
    """A line of the configuration for one server."""
    return f"mcpServers: {{{_json(visible(server))}: {{{text}}}}}"


def _json(value: object) -> str:
    """JSON is YAML, and says of each text where it ends."""
    return json.dumps(value, ensure_ascii=False)


def _manifests(
    name: str, server: Server, mounted: Mapping[str, Mounted], documents: Collection[ManifestDocument]
) -> Iterator[Suggestion]:
    """For what no manifest names: a manifest that knows all of its tools, else one that is still to be written."""
    unnamed = [tool for tool, named in server.tools.items() if not named]
    if not unnamed or (name in mounted and all(tool in mounted[name].document.tools for tool in unnamed)):
        return
    if server.manifest is not None or name in mounted:
        for tool in unnamed[:_TOOLS]:
            line = f"name the tool {visible(tool)} in the manifest of {visible(name)}, with the labels that it has"
            yield Suggestion("tool", name, line, _TRUE, WhatIf(labels=_Without(name, tool)), at_most=True)
        return
    fitting = [one for one in documents if one.tools.keys() >= set(unnamed)] if server.only_tools else []
    for document in fitting[:_FITTING]:
        source = document.source.partition(",")[0] or document.server
        yield Suggestion(
            "manifest",
            name,
            _block(name, f"manifest: {document.server}"),
            f"it really is that server ({source}); names of tools prove nothing",
            WhatIf(labels=_As(name, document)),
        )
    if not fitting:
        line = f"{_block(name, 'manifest: ./…yaml')}, a manifest of your own that says what each tool can do"
        yield Suggestion("manifest", name, line, _TRUE, WhatIf(labels=_Without(name, None)), at_most=True)


_TRUE: Final = "what it says is the worst that each tool can do"


class _Without(Struct, frozen=True):
    """No labels for a tool that no manifest names; for all such tools of the server where ``tool`` is ``None``."""

    server: str
    tool: str | None

    def __call__(self, call: Recorded) -> Labels:
        mine = call.upstream == self.server and call.unnamed and call.action == Action.CALL_TOOL
        return NONE if mine and self.tool in (None, call.name) else call.labels


class _As:
    """The worst that a manifest allows each of its tools, for a server that had none."""

    def __init__(self, server: str, document: ManifestDocument) -> None:
        self._server = server
        self._manifest = Manifest(document, upstream=server, store=server)

    def __call__(self, call: Recorded) -> Labels:
        """The labels."""
        if call.upstream != self._server or not call.unnamed or call.action != Action.CALL_TOOL:
            return call.labels
        return self._manifest.worst_of_tool(call.name)


def _sets(found: Survey, policies: Sequence[str]) -> Iterator[Suggestion]:
    """A shipped set for what servers ask, where no policy permits it: only as observed, since the answers that would
    follow, and what those would complete, are in the journal only then."""
    for action, (name, only_if) in _SETS.items():
        permits = _NotPermitted(action)
        if name not in policies and any(permits(call) for call, _ in found.seen.values()):
            line = f"policies: [{', '.join((*policies, name))}]"
            yield Suggestion("policies", None, line, only_if, WhatIf(permits=permits))


class _NotPermitted(Struct, frozen=True):
    """Whether a call of this action was let pass though no policy permits it."""

    action: str

    def __call__(self, call: Recorded) -> bool:
        return call.action == self.action and call.observed and call.policies == (DEFAULT_DENY,)


def _drop(found: Survey) -> Iterator[Suggestion]:
    """Giving up [C] in sessions that only read after their last change."""
    ends = {session: last for session, (last, after) in found.quiet_ends.items() if after}
    if ends:
        named = ", ".join(visible(session) for session in list(ends)[:_SESSIONS])
        more = f" and {len(ends) - _SESSIONS} more" if len(ends) > _SESSIONS else ""
        line = f"rule-of-two session drop SESSION after the last change (as in {named}{more})"
        yield Suggestion(
            "drop", None, line, "the session only reads from then on: [C] does not come back", WhatIf(drops=ends)
        )


def _new_session() -> Suggestion:
    line = "rule-of-two session new SESSION when a conversation begins"
    only_if = "the conversation really is new: the model must not carry over what it has read"
    return Suggestion("new_session", None, line, only_if, WhatIf(new_session_after=PAUSE))
