"""Properties of what reads, inside the gateway, what clients and upstreams chose."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Sequence
from functools import cache
from typing import Any, Final, cast

from rule_of_two.errors import BadRequest
from rule_of_two.gateway.capabilities import has_vendor_methods, offered
from rule_of_two.gateway.catalog import Catalog, _fills
from rule_of_two.gateway.client import LEVELS, hears
from rule_of_two.gateway.definitions import MOST, Budget, Definitions, Kind, pins_of
from rule_of_two.gateway.listening import announces
from rule_of_two.gateway.mount import Mount
from rule_of_two.gateway.names import LIMIT, exposed_names
from rule_of_two.gateway.pages import PAGE, page_of
from rule_of_two.gateway.results import OWN, without_ours
from rule_of_two.gateway.rounds import _questions
from rule_of_two.gateway.sealing import Sealer, request_digest
from rule_of_two.gateway.subscriptions import honoured
from rule_of_two.gateway.task_names import TaskNames
from rule_of_two.model import NONE
from rule_of_two.wire.eras import RELATED_TASK, Era
from rule_of_two.wire.handler import RemoteError
from scripts.fuzzing.check import require, same
from scripts.fuzzing.source import Source

WORDS: Final = (
    "name", "uri", "uriTemplate", "instructions", "description", "inputSchema", "annotations", "_meta", "content",
    "contents", "messages", "resource", "rule-of-two/decision", "rule-of-two/labels", "tools", "prompts", "resources",
    "tasks", "task", "taskId", "listChanged", "subscribe", "extensions", "experimental", "io.modelcontextprotocol/x",
    RELATED_TASK, "inputRequests", "requestState", "method", "params", "toolsListChanged", "resourceSubscriptions",
    "{x}", "a{x}b", "file:///{path}", "}", "{", "one__t", "two__t", "__", "inputResponses",
)  # fmt: skip
_REQUEST: Final = b"\x01" * 32


@cache
def _sealer() -> Sealer:
    return Sealer()


def states(data: bytes) -> None:
    """What is sealed comes back to the same request, and nothing else that a client brings does."""
    source = Source(data, WORDS)
    seal(source.members(), source.value())
    digest(source.text(), source.members(), source.members())


def seal(content: dict[str, Any], brought: Any) -> None:
    """The first property of :func:`states`."""
    content.pop("request", None)
    sealed = _sealer().seal(content, request=_REQUEST)
    require(same(_sealer().open(sealed, request=_REQUEST), content), "a state does not come back", content)
    for state, request in ((brought, _REQUEST), (sealed, b"\x02" * 32), (f"{sealed}=", _REQUEST), (sealed[1:], b"")):
        try:
            _sealer().open(state, request=request)
        except BadRequest:
            continue
        require(None, "a state of nobody's, or of another request, is opened", state)


def digest(method: str, params: dict[str, Any], others: dict[str, Any]) -> None:
    """Two requests have one digest exactly where they are the same but for the rounds."""
    rounds = ("_meta", "inputResponses", "requestState")
    first, second = ({k: v for k, v in one.items() if k not in rounds} for one in (params, others))
    mine = request_digest(method, params)
    require(mine == request_digest(method, {**params, "_meta": {}, "requestState": "s"}), "the rounds count", params)
    is_same = json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)
    require((mine == request_digest(method, others)) == is_same, "a digest is wrong", params, others)
    require(mine != request_digest(f"{method}x", params), "the method does not count", method)


def lists(data: bytes) -> None:
    """Any list of any upstream is taken item by item; what cannot be is left out, and costs nobody else anything."""
    source = Source(data, WORDS)
    kind = source.pick((Kind.TOOL, Kind.PROMPT, Kind.RESOURCE, Kind.TEMPLATE))
    bodies = [source.value() if source.chance() else {**source.members(), "name": "t"} for _ in range(source.below(5))]
    take(kind, bodies)


def take(kind: Kind, bodies: Sequence[Any]) -> None:
    """The property of :func:`lists`."""
    good = {"name": "good", "uri": "good:x", "uriTemplate": "good:{x}"}
    taken, refused = Budget().take(kind, [*bodies, good])
    require(len(taken) + len(refused) <= len(bodies) + 1 <= MOST, "items come from nowhere", bodies)
    require(taken and taken[-1].body == good, "a bad item costs a good one", bodies, refused)
    pins = pins_of(taken, accepted_by="test", at="now")
    again = Definitions(taken, pins)
    require(all(one.usable and one.accepted for one in again.of(kind)), "what is accepted as it is changed", bodies)
    names = [one.definition.name for one in again.of(kind)]
    require(len(set(names)) == len(names), "two of one name", names)
    pairs = [("one", name) for name in names] + [("two", name) for name in names]
    exposed = exposed_names(pairs, prefixed=True)
    require(sorted(exposed.values()) == sorted(pairs), "a name is lost", pairs, exposed)
    safe = re.compile(rf"[A-Za-z0-9_-]{{1,{LIMIT}}}")
    require(all(safe.fullmatch(name) for name in exposed), "a name that clients refuse", exposed)
    turn([one.body for one in taken])


def turn(items: Sequence[dict[str, Any]]) -> None:
    """All pages of a list are the list, and its cursors are good for nothing else."""
    many = [dict(item) for item in items] * (PAGE // max(len(items), 1) + 1)
    first = page_of("items", many, None)
    found = list(first["items"])
    cursor = first.get("nextCursor")
    if cursor is not None:
        rest = page_of("items", many, cursor)
        found += rest["items"]
        try:
            page_of("items", many[:-1], cursor)
        except RemoteError:
            pass
        else:
            require(None, "a cursor of another list is taken", cursor)
    require(len(found) == len(many), "items are lost, or come twice", len(found), len(many))


def cursors(data: bytes) -> None:
    """Whatever stands for a cursor is refused, unless it is one of ours."""
    source = Source(data, WORDS)
    cursor = source.value()
    if cursor is None:
        return
    try:
        page_of("items", [{"name": "a"}], cursor)
    except RemoteError as error:
        require(error.code == -32602, "another error", error.code)
    else:
        require(None, "a cursor of nobody's is taken", cursor)


def capabilities(data: bytes) -> None:
    """What upstreams say of themselves is joined, whatever it is, and nothing that one has is lost."""
    source = Source(data, WORDS)
    said = [source.members() for _ in range(source.below(4))]
    join(said)


def join(said: Sequence[dict[str, Any]]) -> None:
    """The property of :func:`capabilities`."""
    kept = copy.deepcopy(list(said))
    nothing: frozenset[Kind] = frozenset()
    for era in Era:
        merged = offered(((one, nothing) for one in said), era)
        require(same(list(said), kept), "what an upstream said was changed", said)
        wanted = {name for one in said for name in one} - ({"tasks"} if era is Era.MODERN else set())
        require(set(merged) == wanted, "a capability is lost, or invented", said, merged)
        for name in {"tools", "prompts", "resources"} & wanted:
            require(merged[name]["listChanged"] is True, "a list does not change", merged)
    for one in said:
        has_vendor_methods(one)
        for value in one.values():
            announces(value)


def decisions(data: bytes) -> None:
    """Nothing that an upstream sends can speak for the gateway."""
    source = Source(data, WORDS)
    body = source.members()
    if source.chance():
        body["content"] = [{"_meta": source.members(1), "resource": source.value(2)} for _ in range(2)]
    clean(body)


def clean(body: dict[str, Any]) -> None:
    """The property of :func:`decisions`."""
    kept = copy.deepcopy(body)
    cleaned = without_ours(body)
    require(same(body, kept), "a body was changed", body)
    require(same(without_ours(cleaned), cleaned), "cleaning twice changes something", cleaned)
    stack: list[Any] = [cleaned]
    while stack:
        part = stack.pop()
        if isinstance(part, dict):
            meta = part.get("_meta") or {}
            require(isinstance(meta, dict) and not any(key.startswith(OWN) for key in meta), "it speaks for us", body)
            for name in ("content", "contents", "messages", "resource"):
                inner = part.get(name)
                stack += inner if isinstance(inner, list) else [inner]


def questions(data: bytes) -> None:
    """A result that asks for input is a list of questions, each whole, or refused."""
    result = Source(data, WORDS).members()
    try:
        found = _questions(result)
    except BadRequest:
        return
    for key, method, params in found:
        asked = result["inputRequests"][key]
        require(asked["method"] == method and same(asked.get("params", {}), params), "another question", asked)


class _Mount:
    def __init__(self, name: str) -> None:
        self.name = name


class _Catalog:
    def __init__(self, names: Sequence[str]) -> None:
        self.mounts = tuple(_Mount(name) for name in names)
        self.prefixed = len(names) > 1


def tasks(data: bytes) -> None:
    """A task goes back to the upstream that it came from, whatever its identifier and whatever it is called."""
    source = Source(data, WORDS)
    find(source.text(), source.members(), source.chance())


def find(own: str, body: dict[str, Any], alone: bool) -> None:
    """The property of :func:`tasks`."""
    catalog = _Catalog(["one"] if alone else ["one", "two"])
    names = TaskNames(cast("Catalog", catalog))
    kept = copy.deepcopy(body)
    for at, mount in enumerate(catalog.mounts):
        shown = names.begun(cast("Mount", mount), NONE, {**body, "taskId": own})
        for known in (names, TaskNames(cast("Catalog", catalog))):  # and after a restart
            task = known.find(shown["taskId"])
            require(task is not None and task.id == own, "a task is lost", own, shown)
            require(task is None or cast("Any", task.mount) is catalog.mounts[at], "another upstream is asked", own)
        names.shown(cast("Mount", mount), body)
    require(same(body, kept), "a body was changed", body)
    task = names.find(own)
    require(task is None or cast("Any", task.mount) in catalog.mounts, "an upstream from nowhere", own)


def templates(data: bytes) -> None:
    """A template is filled exactly by what its regular expression matches, and in linear time."""
    source = Source(data, WORDS)
    template = "".join(source.pick(("a", "{x}", "b", "/", "ab", source.text())) for _ in range(source.below(7)))
    fill(template, "".join(source.pick(("a", "b", "/", "ab", source.text())) for _ in range(source.below(9))))


def fill(template: str, uri: str) -> None:
    """The property of :func:`templates`."""
    parts = re.split(r"\{[^}]*\}", template)
    pattern = re.compile(".*".join(map(re.escape, parts)), re.DOTALL)
    require(_fills(template, uri) == bool(pattern.fullmatch(uri)), "a template is read differently", template, uri)


def wants(data: bytes) -> None:
    """What a client wants to hear is taken for what it is."""
    source = Source(data, WORDS)
    listen(source.members(), source.pick((None, *LEVELS, source.text())), source.value(1))


def listen(requested: dict[str, Any], least: str | None, level: Any) -> None:
    """The property of :func:`wants`."""
    told = honoured(requested, [])
    require(all(requested[key] is True for key in told), "something is told that nobody wants", requested, told)
    for era in (None, *Era):
        heard = hears(era, least, level)
        if least in LEVELS and level in LEVELS:
            require(heard == (LEVELS.index(level) >= LEVELS.index(least)), "another level", least, level)
