"""What other manifests would have made of recorded calls: labels, targets and effects, found by the manifests.

The journal keeps what calls reached and no other argument. What a manifest decides by one that is not kept is judged
by the worst that it allows, as the gateway does for what it cannot read, and is told as uncertain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from rule_of_two.audit.recorded import Recorded
from rule_of_two.gateway.narrowing import Mounted
from rule_of_two.manifests.document import ManifestDocument, PromptSpec
from rule_of_two.manifests.example import example_arguments
from rule_of_two.manifests.manifest import Manifest
from rule_of_two.model import Action, Facts
from rule_of_two.records import replace
from rule_of_two.simulation.recording import Past
from rule_of_two.simulation.replay import UNREAD, Relabelled, as_recorded

Find = Callable[[str, Mapping[str, Any]], Facts]
"""The facts of a call by name and arguments."""
_REMEMBERED: Final = 10_000


class OtherManifests:
    """The facts of recorded calls by the manifests of ``mounted`` servers, else by those that the journal names, as
    they are in ``documents``. Calls of other servers keep their facts."""

    def __init__(self, mounted: Mapping[str, Mounted], documents: Mapping[str, ManifestDocument]) -> None:
        self._mounted = dict(mounted)
        self._documents = documents
        self._manifests: dict[str, Manifest] = {}
        self._known: dict[tuple[object, ...], Relabelled] = {}

    def __call__(self, past: Past) -> Relabelled:
        """The facts now; uncertain where they depend on what the journal does not keep."""
        call = past.call
        before = as_recorded(past)
        mounted = self._of(call)
        if mounted is None:
            return before
        key = (call.action, call.upstream, call.name, call.targets, call.labels, past.partly, past.stored)
        known = self._known.get(key)
        if known is None:
            known = self._facts(mounted, past, before)
            # What stored things had brought it, they bring whatever the manifest says.
            known = replace(known, facts=replace(known.facts, labels=known.facts.labels | past.stored))
            if len(self._known) < _REMEMBERED:
                self._known[key] = known
        return known

    def _of(self, call: Recorded) -> Mounted | None:
        if call.upstream in self._mounted:
            return self._mounted[call.upstream]
        document = self._documents.get(call.manifest or "")
        return None if document is None else Mounted(call.upstream, document)

    def _facts(self, mounted: Mounted, past: Past, before: Relabelled) -> Relabelled:
        call = past.call
        manifest = self._manifests.get(call.upstream)
        if manifest is None:
            manifest = self._manifests[call.upstream] = mounted.manifest()
        match before.facts.action:
            case Action.READ_RESOURCE | Action.SUBSCRIBE:
                facts = manifest.resource(call.name)
                return Relabelled(replace(facts, action=before.facts.action))
            case Action.CALL_TOOL:
                return _called(call.name, mounted.document.tools.get(call.name), past, before.facts, manifest.tool)
            case Action.GET_PROMPT:
                return _called(call.name, mounted.document.prompts.get(call.name), past, before.facts, manifest.prompt)
            case _:
                return replace(before, certain=False)


def _called(name: str, spec: PromptSpec | None, past: Past, before: Facts, find: Find) -> Relabelled:
    if spec is None or not (spec.rules or spec.targets):
        return Relabelled(find(name, {}))
    call = past.call
    values = [(one.kind, one.value) for one in call.targets if one.value is not None and one.exact]
    read = len(values) == len(call.targets) and not past.partly
    arguments = example_arguments(spec, values) if read else None
    only_targets = all(target in spec.targets for rule in spec.rules for target in rule.when)
    if arguments is not None and only_targets:
        return Relabelled(_given_as(before, find(name, arguments)))
    worst = replace(
        find(name, {}),
        labels=spec.labels.union(*(rule.labels for rule in spec.rules)),
        targets=(*before.targets, UNREAD),
        lowered_by=(),
        communicates=spec.communicates or any(rule.communicates for rule in spec.rules),
        irreversible=not spec.reversible or any(rule.reversible is False for rule in spec.rules),
    )
    return Relabelled(worst, certain=False)


def _given_as(before: Facts, facts: Facts) -> Facts:
    """The facts, with the recording's word of whether addresses were given; where it has two of one host, with a no."""
    said: dict[str | None, bool | None] = {}
    for one in before.targets:
        if one.kind == "url":
            said[one.value] = one.given if said.get(one.value, True) else False
    return replace(
        facts,
        targets=tuple(replace(one, given=said.get(one.value)) if one.kind == "url" else one for one in facts.targets),
    )
