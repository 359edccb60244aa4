"""What a manifest's parameters would make of calls that were recorded: their labels, found by the manifest itself."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import Struct, field

from rule_of_two.audit.recorded import Recorded
from rule_of_two.errors import ConfigurationError
from rule_of_two.escape import visible
from rule_of_two.manifests.document import ManifestDocument, PromptSpec
from rule_of_two.manifests.example import example_arguments
from rule_of_two.manifests.manifest import Manifest
from rule_of_two.manifests.parameters import ParameterType
from rule_of_two.model import Action, Labels

_KINDS: Final[Mapping[ParameterType, frozenset[str]]] = {
    "folders": frozenset(("path",)),
    "hosts": frozenset(("url", "host")),
    "recipients": frozenset(("recipient",)),
}
"""The targets whose values can stand in a parameter of each type."""
_CALLS: Final = 500
_VALUES: Final = 6
"""How many of the most frequent calls and values are tried."""
_DEEP_ENOUGH: Final = 3
"""Parts of a path: nothing as wide as ``/`` or ``/srv`` is ever proposed."""
_REMEMBERED: Final = 10_000


class Mounted(Struct, frozen=True):
    """A server's manifest and the parameters that the operator has given it."""

    name: str
    document: ManifestDocument
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def manifest(self, **more: Any) -> Manifest:
        """The manifest bound with the parameters, and with others in place of some of them."""
        given = {**self.parameters, **more}
        return Manifest(self.document, upstream=self.name, store=self.name, parameters=given)

    def given(self, parameter: str) -> list[Any]:
        """The values of a list parameter."""
        return list(self.parameters.get(parameter, self.document.parameters[parameter].initial))


class Relabel:
    """The labels that recorded calls of one server would have had with other parameters.

    # INVARIANT: only what the manifest's own rules take off is taken off: a call that its rules do not explain as it
    # was recorded, or one of whose targets was not written in its canonical form, keeps its labels
    # (tests/gateway/test_narrowing.py).
    """

    def __init__(self, mounted: Mounted, then: Manifest, values: tuple[str, ...], *, excluded: bool = False) -> None:
        """``values`` are the hosts, folders or recipients by which the parameters differ. Calls that reach none of them
        keep their labels; where they are ``excluded``, so do calls that reach anything but them."""
        self._mounted = mounted
        self._now = mounted.manifest()
        self._then = then
        self._values = frozenset(values)
        self._below = tuple(value + os.sep for value in values)
        self._enough = all if excluded else any
        self._known: dict[tuple[object, ...], Labels] = {}

    def __call__(self, call: Recorded) -> Labels:
        """The labels."""
        if call.upstream != self._mounted.name or not call.labels or not self._reaches(call):
            return call.labels
        key = (call.action, call.name, call.manifest, call.labels, call.targets)
        known = self._known.get(key)
        if known is None:
            known = self._labels(call)
            if len(self._known) < _REMEMBERED:
                self._known[key] = known
        return known

    def _labels(self, call: Recorded) -> Labels:
        spec = _spec(self._mounted.document, call)
        if spec is None or not all(target.exact for target in call.targets):
            return call.labels
        values = [(target.kind, target.value) for target in call.targets if target.value is not None]
        arguments = example_arguments(spec, values)
        if arguments is None:
            return call.labels
        now, then = (
            (manifest.tool if call.action == Action.CALL_TOOL else manifest.prompt)(call.name, arguments).labels
            for manifest in (self._now, self._then)
        )
        if not now <= call.labels:
            return call.labels
        return (then | (call.labels - now)) & call.labels

    def _reaches(self, call: Recorded) -> bool:
        reached = [target.value for target in call.targets if target.value is not None]
        return bool(reached) and self._enough(one in self._values or one.startswith(self._below) for one in reached)


def _spec(document: ManifestDocument, call: Recorded) -> PromptSpec | None:
    """The manifest's entry of a call; ``None`` where another manifest named it when it was recorded."""
    if call.unnamed or call.manifest not in (None, document.server):
        return None
    if call.action == Action.CALL_TOOL:
        return document.tools.get(call.name)
    return document.prompts.get(call.name) if call.action == Action.GET_PROMPT else None


class Narrowing(Struct, frozen=True):
    """Values for one parameter that would have taken labels off. ``excluded``: the values are to be left out of it."""

    parameter: str
    values: tuple[str, ...]
    relabel: Relabel
    excluded: bool = False


def narrowings(mounted: Mounted, seen: Iterable[tuple[Recorded, int]]) -> Iterator[Narrowing]:
    """What would have taken a label off at least one of the calls that were seen, each given with how often it came.

    Each value by itself, the most frequent first, then all of one parameter together.
    """
    calls = [(call, times) for call, times in seen if call.upstream == mounted.name and call.targets]
    calls = sorted(calls, key=lambda item: -item[1])[:_CALLS]
    for parameter, spec in mounted.document.parameters.items():
        frequent: Counter[str] = Counter()
        for call, times in calls:
            for value in _values(call, spec.type):
                frequent[value] += times
        found: list[Narrowing] = []
        for value, _ in frequent.most_common(_VALUES):
            either = (_added(mounted, parameter, (value,)), _excluded(mounted, parameter, (value,)))
            found += [one for one in either if one and any(one.relabel(call) < call.labels for call, _ in calls)][:1]
        yield from found
        for excluded, several in ((False, _added), (True, _excluded)):
            values = tuple(one.values[0] for one in found if one.excluded is excluded)
            together = several(mounted, parameter, values) if len(values) > 1 else None
            if together is not None:
                yield together


def _added(mounted: Mounted, parameter: str, values: tuple[str, ...]) -> Narrowing | None:
    try:
        then = mounted.manifest(**{parameter: [*mounted.given(parameter), *values]})
    except ConfigurationError:  # a journal that is not ours can hold anything
        return None
    return Narrowing(parameter, values, Relabel(mounted, then, values))


def _excluded(mounted: Mounted, parameter: str, values: tuple[str, ...]) -> Narrowing | None:
    """For a parameter that by default names folders, such as all that is private: what if these were not below them."""
    spec = mounted.document.parameters[parameter]
    if spec.type != "folders" or not spec.initial:
        return None
    then = mounted.manifest(**{parameter: []})
    return Narrowing(parameter, values, Relabel(mounted, then, values, excluded=True), excluded=True)


def _values(call: Recorded, kind: ParameterType) -> Iterator[str]:
    """What a call reached, as a value for a parameter: text that stands in a line as it is, and is not too wide."""
    wanted = _KINDS.get(kind, frozenset())
    for value in dict.fromkeys(one.value for one in call.targets if one.exact and one.value and one.kind in wanted):
        proposed = _folder(value) if kind == "folders" else value
        if proposed is not None and visible(proposed) == proposed:
            yield proposed


def _folder(path: str) -> str | None:
    """The folder to name for a path: itself, if it is one, else the one that it is in, or the file alone where that one
    is too wide. ``None`` for what would be too wide, and for what everyone may write."""
    home = Path.home()
    for proposed in (path,) if Path(path).is_dir() else (str(Path(path).parent), path):
        one = Path(proposed)
        if len(one.parts) >= _DEEP_ENOUGH and one != home and one not in home.parents and not _is_everyones(one):
            return proposed
    return None


def _is_everyones(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & stat.S_IWOTH)
    except OSError:
        return False
