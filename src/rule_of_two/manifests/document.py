"""The shape of a manifest file (INTERFACE, Manifest), checked whole when it is loaded.

What a rule, a target or a parameter refers to is checked here too, so that binding a manifest can only fail for what
the operator filled in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic.json_schema import WithJsonSchema

from rule_of_two.json_pointer import pointer_of
from rule_of_two.manifests.condition import OPERATORS, RuleSpec, reference
from rule_of_two.manifests.hints import HINT_NAMES, HintName
from rule_of_two.manifests.opaque import clash
from rule_of_two.manifests.parameters import ParameterType, canonical
from rule_of_two.manifests.result_spec import PUBLIC_CONFIDENTIALITY, TRUSTED_AUTHORS, ResultSpec
from rule_of_two.manifests.shape import POINTERS, OneOrMore, Shape, pointers_in, refused
from rule_of_two.manifests.uri import UriGlob
from rule_of_two.model import Label, TargetKind
from rule_of_two.normalise import NORMALISERS
from rule_of_two.obligations import Term, Unreadable, cap, force, omit
from rule_of_two.yaml_source import nearest

KINDS: Final[tuple[str, ...]] = get_args(TargetKind)
_FIXED: Final[tuple[TargetKind, ...]] = ("host", "recipient", "account")
"""The kinds of target that a manifest can name without an argument."""
_FILLED: Final[Mapping[str, ParameterType]] = {"host": "hosts", "recipient": "recipients"}
"""Those that the operator can fill in, and the parameter's type."""


_NO_KEY: Final = "is no argument's key: write '{}' for an argument of its own, or declare a target there and name it"


def _targets(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    targets: dict[Any, Any] = {}
    for name, given in value.items():
        if isinstance(given, Mapping):
            targets[name] = {**given, "at": pointers_in(given["at"], name, "at")} if "at" in given else given
        elif name in KINDS:
            targets[name] = {"kind": name, "at": pointers_in(given, name)}
        else:
            raise refused(f"is no kind of target; write {{kind: ..., at: ...}} with one of {', '.join(KINDS)}", name)
    return targets


def _stored(value: Any) -> Any:
    if value is None or value in ("none", "store"):
        return None if value is None else {"scope": value}
    if not isinstance(value, Mapping):
        raise refused("write none, store, or {kind: pointer} such as {path: /path}")
    return {"scope": "named", "at": {kind: pointers_in(pointers, str(kind)) for kind, pointers in value.items()}}


def _hint_names(value: Any) -> Any:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, Sequence):
        raise refused(f"write a list of hints, of {', '.join(HINT_NAMES)}")
    for place, name in enumerate(names):
        if name not in HINT_NAMES:
            known = nearest(str(name), HINT_NAMES) or f"; there are {', '.join(HINT_NAMES)}"
            raise refused(f"no hint that adds a label is called '{name}'{known}", place)
    return names


_HintNames = Annotated[
    frozenset[HintName],
    BeforeValidator(_hint_names),
    WithJsonSchema({"type": "array", "items": {"enum": list(HINT_NAMES)}}),
]
"""Hints that the author of the manifest knows and has judged."""


class ParameterSpec(Shape):
    """One thing that the operator may fill in. ``default`` is what holds until he does."""

    type: ParameterType
    """What it holds."""
    default: Any = None
    """What holds until the operator fills it in."""

    @model_validator(mode="after")
    def _default_has_the_type(self) -> Self:
        try:
            canonical(self.type, self.initial)
        except ValueError as error:
            raise refused(str(error), "default") from error
        return self

    @property
    def initial(self) -> Any:
        """The default; an empty list where none is written."""
        return [] if self.default is None and self.type != "amount" else self.default


class TargetSpec(Shape):
    """Where a call's target stands in its arguments. ``indirect``: it is no target itself, but names something behind
    which others stand (the message that is answered, a shared file, a forwarding rule), so that nothing is known.
    ``optional``: without that argument, or with ``null`` or an empty list in it, the call reaches nobody there.
    ``value`` instead of ``at``: what every call reaches that no argument names, such as the one host of a service, or
    the user's own calendar; ``${name}`` is what the operator filled in."""

    kind: TargetKind
    """What is reached."""
    at: tuple[str, ...] = ()
    """Where it stands in the arguments, as JSON Pointers; `/to/*` is each element."""
    value: str | None = None
    """What every call reaches that no argument names."""
    indirect: bool = False
    """It names something behind which others stand."""
    optional: bool = False
    """Without the argument the call reaches nobody there."""

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if (self.value is None) is not bool(self.at):
            raise refused("needs one of at and value")
        if self.value is not None:
            if self.kind not in _FIXED:
                raise refused(f"is for kind {' or '.join(_FIXED)}; a {self.kind} stands in an argument", "value")
            if reference(self.value) is None and NORMALISERS[self.kind](self.value) != self.value:
                raise refused(f"'{self.value}' is no canonical {self.kind}", "value")
            if self.indirect or self.optional:
                raise refused("is always there, and neither indirect nor optional", "value")
        return self


class StoredSpec(Shape):
    """What a call reads or writes: nothing, the whole store, or the resources that its arguments name by kind."""

    scope: Literal["none", "store", "named"]
    at: dict[str, tuple[str, ...]] = Field(default_factory=dict)


_Stored = Annotated[
    StoredSpec | None,
    BeforeValidator(_stored),
    WithJsonSchema({"anyOf": [{"enum": ["none", "store"]}, {"type": "object", "additionalProperties": POINTERS}]}),
]


class _Entry(Shape):
    labels: frozenset[Label]
    """What it can do at most: [A] untrustworthy input, [B] private data or sensitive systems, [C] changes or
    communication."""
    reads: _Stored = None
    """What it reads of the store: nothing, all of it, or what arguments name."""
    writes: _Stored = None
    """What it leaves there to be read later."""


class PromptSpec(_Entry):
    """What getting one prompt can do, by its arguments."""

    targets: Annotated[
        dict[str, TargetSpec],
        BeforeValidator(_targets),
        WithJsonSchema({"type": "object", "additionalProperties": {"anyOf": [*POINTERS["anyOf"], {"type": "object"}]}}),
    ] = Field(default_factory=dict)
    """Whom or what a call reaches, by kind or by a name of its own."""
    rules: tuple[RuleSpec, ...] = ()
    """Labels by arguments; the first rule that matches replaces `labels`."""
    secrets: OneOrMore = ()
    """Where arguments hold secrets, which no screen and no journal shows."""
    communicates: bool = True
    """Its C can reach others. ``false``: it only changes state, in a place that nobody else reads."""
    reversible: bool = False
    """Its C can be taken back, wholly and by the same server."""

    @field_validator("secrets", mode="before")
    @classmethod
    def _secrets_arepointers_in(cls, value: Any) -> Any:
        return pointers_in(value) if value else ()

    @model_validator(mode="after")
    def _rules_name_targets(self) -> Self:
        for place, rule in enumerate(self.rules):
            for name, condition in rule.when.items():
                if name.startswith("/") and name not in self.targets:
                    raise refused(_NO_KEY.format(name[1:]), "rules", place, "when", name)
                for operator in condition.operators:
                    kinds, _ = OPERATORS[operator]
                    where = ("rules", place, "when", name, operator)
                    if kinds and name not in self.targets:
                        known = nearest(name, list(self.targets)) or "; declare it under targets"
                        raise refused(f"no target is named '{name}'{known}", *where)
                    if name in self.targets and self.targets[name].value is not None:
                        raise refused("is the same in every call, so no rule needs it", *where)
                    if kinds and self.targets[name].kind not in kinds:
                        raise refused(f"takes a target of kind {' or '.join(kinds)}", *where)
        return self


class ArgumentSpec(Shape):
    """What holds of a tool's arguments in every call, by JSON Pointer: the value that they are set to (a literal, or
    ``principal.user``, ``.tenant``, ``.purpose`` or ``.agent``), which are not given, and the greatest number."""

    force: dict[str, Any] = Field(default_factory=dict)
    """What an argument is set to, whatever was given."""
    omit: OneOrMore = ()
    """Which arguments are not given."""
    cap: dict[str, int | float] = Field(default_factory=dict)
    """The greatest number that an argument may be."""

    @field_validator("cap", mode="before")
    @classmethod
    def _numbers_are_written_as_such(cls, value: Any) -> Any:
        for pointer, most in value.items() if isinstance(value, Mapping) else ():
            _term(cap, str(pointer), most)
        return value

    @field_validator("force", "omit", mode="after")
    @classmethod
    def _can_be_read(cls, value: Any) -> Any:
        for pointer in value:
            if isinstance(value, Mapping):
                _term(force, pointer, value[pointer])
            else:
                _term(omit, pointer)
        return value

    @property
    def terms(self) -> tuple[Term, ...]:
        """The obligations of every call."""
        return (
            *(force(pointer, value) for pointer, value in self.force.items()),
            *(omit(pointer) for pointer in self.omit),
            *(cap(pointer, most) for pointer, most in self.cap.items()),
        )


def _term(read: Callable[..., Term], pointer: str, *value: Any) -> Term:
    try:
        return read(pointer, *value)
    except Unreadable as error:
        raise refused(str(error), pointer) from error


class ToolSpec(PromptSpec):
    """What calling one tool can do, by its arguments. ``result`` says where items and their metadata stand,
    ``arguments`` what holds of the arguments in every call, and ``opaque`` which of them the server only stores or
    sends: a handle of the gateway's can stand there for what it holds. ``known_hints`` are hints that the author knew
    when choosing the labels: they add nothing."""

    arguments: ArgumentSpec = ArgumentSpec()
    """What holds of the arguments in every call."""

    opaque: OneOrMore = ()
    """Arguments that the server only stores or sends: a handle can stand there."""

    result: ResultSpec | None = None
    """Where the items of a result and their metadata stand."""

    known_hints: _HintNames = frozenset()
    """Hints of the server's that add nothing to this tool, since `labels` were chosen knowing them."""

    @field_validator("opaque", mode="before")
    @classmethod
    def _opaque_are_pointers(cls, value: Any) -> Any:
        return pointers_in(value) if value else ()

    @model_validator(mode="after")
    def _opaque_names_nothing(self) -> Self:
        for place, pointer in enumerate(self.opaque):
            why = clash(pointer, self._claimed())
            if why is not None:
                raise refused(why, "opaque", place)
        acts = "C" in self.labels and all("C" in rule.labels for rule in self.rules)
        if self.opaque and self.writes is None and not acts:
            raise refused(
                "what is stored as it is can be read again, so say what it writes: none, store or where", "opaque"
            )
        return self

    def _claimed(self) -> Iterator[tuple[str, str]]:
        """What else is read of the arguments, and where."""
        for target in self.targets.values():
            yield from ((f"a target of kind {target.kind}", pointer) for pointer in target.at)
        for rule in self.rules:
            yield from (("a rule's condition", pointer_of((name,))) for name in rule.when if name not in self.targets)
        for what, stored in (("what it reads", self.reads), ("what it writes", self.writes)):
            for pointers in () if stored is None else stored.at.values():
                yield from ((what, pointer) for pointer in pointers)
        yield from (("an argument that the manifest sets", term.pointer) for term in self.arguments.terms)


class ResourceSpec(_Entry):
    """What reading resources of one URI pattern can do. Pointers of ``reads`` point into ``{uri: ...}``."""

    uri: str
    """A pattern of URIs; `**` is anything, `*` anything but `/`."""
    own: bool = False
    """What the server lists of these, their names and descriptions, is its own words, as its tools are, and no data.
    It needs no saying where reading them brings nothing."""
    result: ResultSpec | None = None
    """Where its items and their metadata stand."""

    @field_validator("uri")
    @classmethod
    def _uri_is_a_glob(cls, value: str) -> str:
        return UriGlob.parse(value).text


class MatchSpec(Shape):
    """How a mounted server is recognised: the names under which it is installed or reached."""

    npm: OneOrMore = ()
    """npm packages."""
    pypi: OneOrMore = ()
    """PyPI packages."""
    image: OneOrMore = ()
    """Container images, without a tag."""
    command: OneOrMore = ()
    """Programs."""
    url: OneOrMore = ()
    """Addresses, without a query."""


class ManifestDocument(Shape):
    """One manifest file."""

    version: Literal[1]
    """The version of this format."""
    server: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Its name."""
    source: str = ""
    """Where its facts come from."""
    match: MatchSpec = MatchSpec()
    """By what the server is recognised."""
    tools: dict[str, ToolSpec] = Field(default_factory=dict)
    """Every tool."""
    resources: tuple[ResourceSpec, ...] = ()
    """Every resource, by patterns of URIs; the first that matches counts."""
    prompts: dict[str, PromptSpec] = Field(default_factory=dict)
    """Every prompt."""
    parameters: dict[str, ParameterSpec] = Field(default_factory=dict)
    """What the operator may fill in."""
    texts: frozenset[Literal["A", "B"]] | None = None
    """What the server's unasked texts bring; without it all of A and B that its entries do."""
    known_hints: _HintNames = frozenset()
    """Hints of the server's that add nothing to any tool in here, since all `labels` were chosen knowing them."""

    def known_hints_of(self, entry: PromptSpec) -> frozenset[HintName]:
        """Those that add nothing to one entry. Only tools have hints."""
        return self.known_hints | entry.known_hints if isinstance(entry, ToolSpec) else frozenset()

    @property
    def fillable(self) -> dict[str, ParameterSpec]:
        """All parameters that the operator may fill in: those that are written, and those that metadata of results
        bring with them."""
        entries: tuple[ToolSpec | ResourceSpec, ...] = (*self.tools.values(), *self.resources)
        results = [entry.result for entry in entries if entry.result is not None]
        implied: dict[str, ParameterSpec] = {}
        if any(result.author for result in results):
            implied[TRUSTED_AUTHORS] = ParameterSpec(type="authors")
        if any(result.confidentiality for result in results):
            implied[PUBLIC_CONFIDENTIALITY] = ParameterSpec(type="amount")
        return {**implied, **self.parameters}

    @model_validator(mode="after")
    def _implied_parameters_have_their_type(self) -> Self:
        for name, wanted in ((TRUSTED_AUTHORS, "authors"), (PUBLIC_CONFIDENTIALITY, "amount")):
            if name in self.parameters and self.parameters[name].type != wanted:
                raise refused(f"is for metadata of results, and of type {wanted}", "parameters", name, "type")
        return self

    @model_validator(mode="after")
    def _rules_name_parameters(self) -> Self:
        for section, entries in (("tools", self.tools), ("prompts", self.prompts)):
            for name, entry in entries.items():
                for place, rule in enumerate(entry.rules):
                    for target, condition in rule.when.items():
                        for operator, operand in condition.operators.items():
                            self._check(operator, operand, (section, name, "rules", place, "when", target, operator))
        return self

    @model_validator(mode="after")
    def _targets_name_parameters(self) -> Self:
        for section, entries in (("tools", self.tools), ("prompts", self.prompts)):
            for name, entry in entries.items():
                for target, spec in entry.targets.items():
                    self._check_type(_FILLED.get(spec.kind), spec.value, (section, name, "targets", target, "value"))
        return self

    def _check(self, operator: str, operand: Any, where: tuple[str | int, ...]) -> None:
        self._check_type(OPERATORS[operator][1], operand, where)

    def _check_type(self, wanted: ParameterType | None, operand: Any, where: tuple[str | int, ...]) -> None:
        for item in operand if isinstance(operand, tuple) else (operand,):
            name = reference(item)
            if name is None:
                continue
            if name not in self.parameters:
                known = nearest(name, list(self.parameters)) or "; declare it under parameters"
                raise refused(f"no parameter is named '{name}'{known}", *where)
            if self.parameters[name].type != wanted:
                wants = f"a parameter of type {wanted}" if wanted else "a literal"
                raise refused(f"takes {wants}, and '{name}' is of type {self.parameters[name].type}", *where)
