"""What one mounted upstream can do: its manifest, with the operator's parameters filled in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Set
from decimal import Decimal
from typing import Any, Self

import orjson

from rule_of_two.manifests.authors import TrustedAuthors
from rule_of_two.manifests.document import ManifestDocument, PromptSpec, ResourceSpec, ToolSpec
from rule_of_two.manifests.entry import Entry, bind_entry, bind_resource, unnamed
from rule_of_two.manifests.metadata import Trust
from rule_of_two.manifests.parameters import Bound, bind
from rule_of_two.manifests.pointer import Pointer
from rule_of_two.manifests.result_spec import PUBLIC_CONFIDENTIALITY, TRUSTED_AUTHORS
from rule_of_two.manifests.results import ResultReader
from rule_of_two.manifests.uri import UriGlob, is_plain_uri
from rule_of_two.model import ALL, INGRESS, NONE, Action, Facts, Labels, Obligation, Principal


class Manifest:
    """Facts for every request to one upstream. Immutable; everything is compiled here, once.

    Finding facts never raises, whatever the arguments: what the manifest does not name, or cannot read, is the worst
    case. Local paths are looked up in the file system; nothing else is I/O.
    """

    __slots__ = (
        "_constant",
        "_demanded",
        "_prompts",
        "_resources",
        "_results",
        "_store",
        "_tools",
        "_upstream",
        "completion",
        "digest",
        "document",
        "ingress",
    )

    def __init__(
        self,
        document: ManifestDocument,
        *,
        upstream: str,
        store: str,
        parameters: Mapping[str, Any] | None = None,
        only_communication: str | None = None,
        label_authority: bool = False,
    ) -> None:
        """Bind ``document`` to the upstream named so in the configuration. ``only_communication`` is the policy set by
        which C counts only where it communicates. ``label_authority``: what the upstream asserts of its labels counts.

        :raises ConfigurationError: a parameter that the manifest does not declare, or a value of another type.
        """
        specs = document.fillable
        types = {name: spec.type for name, spec in specs.items()}
        initial = {name: spec.initial for name, spec in specs.items()}
        bound = bind(types, initial, parameters or {}, server=document.server)
        self.document = document
        self._upstream = upstream
        self._store = store
        self.digest = _digest(
            {
                "document": document.model_dump(),
                "parameters": bound,
                "store": store,
                "c": only_communication is not None,
                "authority": label_authority,
            }
        )
        """SHA-256 of everything that facts are derived from, but for the file system."""

        def entry(spec: PromptSpec, action: Action, what: str) -> Entry:
            server = document.server
            return bind_entry(
                spec,
                action,
                upstream=upstream,
                store=store,
                server=server,
                what=what,
                parameters=bound,
                only_communication=only_communication,
                known_hints=document.known_hints_of(spec),
            )

        self._tools = {name: entry(spec, Action.CALL_TOOL, name) for name, spec in document.tools.items()}
        self._constant: dict[str, tuple[Any, Facts]] = {}
        """Of tools whose facts no argument changes: annotations, and the facts with these."""
        self._demanded = {name: terms for name, spec in document.tools.items() if (terms := spec.arguments.terms)}
        self._prompts = {
            name: entry(spec, Action.GET_PROMPT, f"prompt {name}") for name, spec in document.prompts.items()
        }
        trust = _trust(bound, authority=label_authority)

        def reader(spec: ToolSpec | ResourceSpec, what: str) -> ResultReader | None:
            if spec.result is None:
                return None
            return ResultReader(spec.result, trust, what=f"{document.server}: result of {what}")

        self._results = {name: found for name, spec in document.tools.items() if (found := reader(spec, name))}
        self._resources = tuple(
            (
                UriGlob.parse(spec.uri),
                bind_resource(spec, upstream=upstream, store=store, server=document.server),
                reader(spec, spec.uri),
                spec.own,
            )
            for spec in document.resources
        )
        self.ingress: Labels = self._ingress()
        """What texts that no call brought may carry: logs, errors, descriptions that nobody accepted."""
        self.completion: Labels = self._completion()
        """What completing an argument may carry: suggestions out of whatever the upstream knows, and, where that
        communicates, the text so far."""

    @classmethod
    def unknown(cls, upstream: str, store: str) -> Self:
        """The manifest of an upstream that has none: everything is A, B and C."""
        return cls(ManifestDocument(version=1, server="unknown"), upstream=upstream, store=store)

    def _ingress(self) -> Labels:
        if self.document.texts is not None:
            return frozenset(self.document.texts)
        return self._worst() & INGRESS

    def _completion(self) -> Labels:
        """C only where something of the upstream is C that is not confined to files on this machine."""
        worst = self._worst()
        outward = [entry for entry in self._entries() if "C" in entry.rules.worst and not entry.is_local]
        return worst if outward or not self._entries() else worst & INGRESS

    def _worst(self) -> Labels:
        """All labels that anything of this upstream can carry; every label when nothing is named."""
        entries = self._entries()
        return NONE.union(*(entry.rules.worst for entry in entries)) if entries else ALL

    def _entries(self) -> list[Entry]:
        return [*self._tools.values(), *self._prompts.values(), *(entry for _, entry, *_ in self._resources)]

    def tool(self, name: str, arguments: Mapping[str, Any], annotations: Any = None) -> Facts:
        """The facts of one tool call. ``annotations`` are the upstream's own, and can only add labels; those that the
        manifest knows add none."""
        entry = self._tools.get(name)
        if entry is None:
            return unnamed(Action.CALL_TOOL, self._upstream, self._store, name)
        if entry.slots:
            return entry.facts(name, arguments, annotations)
        known = self._constant.get(name)
        if known is None or known[0] is not annotations:
            known = self._constant[name] = annotations, entry.facts(name, arguments, annotations)
        return known[1]

    def worst_of_tool(self, name: str) -> Labels:
        """All labels that a tool can carry, whatever its arguments; every label when the manifest does not name it."""
        entry = self._tools.get(name)
        return ALL if entry is None else entry.rules.worst

    def prompt(self, name: str, arguments: Mapping[str, Any]) -> Facts:
        """The facts of getting one prompt."""
        entry = self._prompts.get(name)
        if entry is None:
            return unnamed(Action.GET_PROMPT, self._upstream, self._store, name)
        return entry.facts(name, arguments)

    def resource(self, uri: str) -> Facts:
        """The facts of reading one resource. The first pattern that matches counts."""
        entry = self._resource(uri)
        if entry is None:
            return unnamed(Action.READ_RESOURCE, self._upstream, self._store, uri)
        return entry.facts(uri, {"uri": uri})

    def owns_resource(self, uri: str) -> bool:
        """Whether a resource that the server lists is a part of the server, as its tools are, and no data that came to
        it: the manifest says so, or that reading it brings nothing."""
        own = next((own for _, _, _, own in self._matches(uri)), None)
        return own is not None and (own or not self.resource(uri).labels)

    def _resource(self, uri: str) -> Entry | None:
        return self._matching(uri)[0]

    def _matching(self, uri: str) -> tuple[Entry | None, ResultReader | None]:
        return next(((entry, reader) for _, entry, reader, _ in self._matches(uri)), (None, None))

    def _matches(self, uri: str) -> Iterator[tuple[UriGlob, Entry, ResultReader | None, bool]]:
        return (one for one in self._resources if one[0].matches(uri)) if is_plain_uri(uri) else iter(())

    def result_of(self, action: Action, name: str) -> ResultReader | None:
        """What reads the results of a tool, or of reading a URI; ``None`` where the manifest says nothing of them."""
        if action is Action.CALL_TOOL:
            return self._results.get(name)
        return self._matching(name)[1] if action is Action.READ_RESOURCE else None

    def classifies_tool(self, name: str) -> bool:
        """Whether the manifest names this tool."""
        return name in self._tools

    def classifies_prompt(self, name: str) -> bool:
        """Whether the manifest names this prompt."""
        return name in self._prompts

    def classifies_resource(self, uri: str) -> bool:
        """Whether a pattern of the manifest matches this URI."""
        return self._resource(uri) is not None

    def obligations(self, name: str, principal: Principal) -> tuple[Obligation, ...]:
        """What holds of a tool's arguments in every call on behalf of ``principal``."""
        by = f"manifest:{self.document.server}"
        return tuple(term.bound(principal, by) for term in self._demanded.get(name, ()))

    def opaque_pointers(self, name: str) -> tuple[str, ...]:
        """Which of a tool's arguments a handle can stand in, for what the gateway holds: JSON Pointers."""
        spec = self.document.tools.get(name)
        return () if spec is None else spec.opaque

    def secret_pointers(self, name: str) -> tuple[Pointer, ...]:
        """Where a tool's arguments hold secrets, to be masked wherever they are shown or stored."""
        entry = self._tools.get(name)
        return () if entry is None else entry.secrets


def _trust(bound: Mapping[str, Bound], *, authority: bool) -> Trust:
    authors, public = bound.get(TRUSTED_AUTHORS), bound.get(PUBLIC_CONFIDENTIALITY)
    return Trust(
        TrustedAuthors(authors if isinstance(authors, tuple) else ()),
        public if isinstance(public, Decimal) else None,
        authority,
    )


def _digest(content: object) -> str:
    return hashlib.sha256(orjson.dumps(_canonical(content), option=orjson.OPT_SORT_KEYS)).hexdigest()


def _canonical(value: object) -> object:
    """The value as JSON that is the same in every process: sets have no order."""
    if isinstance(value, Mapping):
        return {str(key): _canonical(member) for key, member in value.items()}
    if isinstance(value, Set):
        return sorted(map(str, value))
    if isinstance(value, (list, tuple)):
        return [_canonical(member) for member in value]
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)
