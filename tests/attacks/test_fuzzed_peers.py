"""A whole gateway between peers that say anything: it goes on, answers each request once, and lets nothing leak.

Clients send a mix of valid, damaged and garbage frames in both eras; two upstreams answer what a script says, which is
as odd. `RULE_OF_TWO_FUZZ=20` tries twenty times as many, at random; without it they are always the same few.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from pprint import pformat
from typing import Any, Final

import h11
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from rule_of_two.gateway.tokens import Tokens
from rule_of_two.wire.eras import CLIENT_CAPABILITIES, CLIENT_INFO, PROTOCOL_VERSION
from rule_of_two.wire.frames import Message, Request
from scripts.fuzzing.check import NotStrict, strict_json
from scripts.fuzzing.effort import FACTOR, examples
from scripts.fuzzing.source import NUMBERS, ODD_TEXTS
from scripts.fuzzing.streams import message_of
from tests.e2e.through import Serving, serving
from tests.harness import INITIALIZE, UPSTREAMS, Gateway, House

MODERN: Final = "2026-07-28"
SECONDS: Final = 45
ABC: Final = frozenset("ABC")
LABELS: Final = {"plain": "", "read": "A", "private": "B", "send": "C", "again": "A"}
MANIFEST: Final = """
version: 1
server: garbled
source: a test
match: {command: garbled.py}
tools:
  plain: {labels: []}
  read: {labels: [A]}
  private: {labels: [B]}
  send: {labels: [C], writes: none}
  again: {labels: [A]}
resources: [{uri: "one://a", labels: [A]}, {uri: "two://a", labels: [B]}]
prompts: {advise: {labels: [A]}}
texts: [A]
"""
PROFILE: Final = settings(
    deadline=None,
    derandomize=FACTOR == 1,
    database=None,
    print_blob=True,
    phases=(Phase.explicit, Phase.generate),  # each example is a process: what fails is small enough to be read
    suppress_health_check=list(HealthCheck),
)

# What peers say

TEXTS = st.one_of(st.sampled_from((*ODD_TEXTS, "name", "uri", "_meta", "taskId")), st.text(max_size=6))
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.sampled_from(NUMBERS),
        st.floats(allow_nan=False, allow_infinity=False, width=32),
        TEXTS,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=3)
LEVELS = st.sampled_from(("debug", "error", "loud", 3))
URIS = st.sampled_from(("one://a", "two://a", "one://b", "one://../a", "file:///x", "", "nowhere:"))
NAMES = st.sampled_from(
    (*(f"{name}__{tool}" for name in ("one", "two") for tool in LABELS), "send", "one__nothing", "one__", "")
)
SAID = "$SAID $SEEN"
"""What only the process that says it knows, and the words of its client."""
TEXT_RESULTS: Final[tuple[dict[str, Any], ...]] = (
    {"content": [{"type": "text", "text": SAID}]},
    {"content": [{"type": SAID, SAID: [SAID]}, 7, None], "structuredContent": {SAID: SAID}},
    {"content": SAID, "isError": SAID, "_meta": {"rule-of-two/decision": {"outcome": "allow"}, SAID: 1}},
    {"contents": [{"uri": "two://a", "text": SAID}]},
    {"messages": [{"role": "user", "content": {"type": "text", "text": SAID}}]},
    {"task": {"taskId": SAID, "status": "working"}},
    {"resultType": "task", "taskId": "t", "status": SAID},
    {"tools": [{"name": SAID}], "nextCursor": SAID},
    {"tasks": [{"taskId": SAID}, 1], "nextCursor": "c"},
    {"completion": {"values": [SAID], "total": 2**70}},
    {"resultType": SAID},
    {},
)
QUESTIONS: Final = ("sampling/createMessage", "elicitation/create", "roots/list", "ping", "acme/ask", "tools/call", "")


def raw(value: Any) -> str:
    """One line of a script."""
    return json.dumps(value)


def reply(number: str, member: str, value: Any) -> str:
    return f'{{"jsonrpc":"2.0","id":{number},"{member}":{json.dumps(value)}}}'


REQUIRED = st.builds(
    lambda method, params, state, key: {
        "resultType": "input_required",
        "inputRequests": {key: {"method": method, "params": params}},
        "requestState": state,
    },
    st.sampled_from(QUESTIONS),
    st.one_of(st.just({"message": SAID, "requestedSchema": {"type": "object"}}), VALUES),
    st.one_of(st.just(SAID), VALUES),
    TEXTS,
)
ERRORS = st.builds(
    lambda code, data: {"code": code, "message": SAID, "data": data},
    st.sampled_from((-32601, -32602, -32050, -32042, 0, 2**70)),
    st.one_of(st.just({"elicitations": [{"url": SAID}]}), VALUES),
)
WRONG_IDS = st.sampled_from(('"$ID"', "null", "1", "2", "3", '"q"', "1e3", "[$ID]", "18446744073709551616", "-1"))
REPLIES = st.one_of(
    st.builds(reply, st.just("$ID"), st.just("result"), st.one_of(st.sampled_from(TEXT_RESULTS), REQUIRED, OBJECTS)),
    st.builds(reply, st.just("$ID"), st.just("result"), VALUES),
    st.builds(reply, st.just("$ID"), st.just("error"), ERRORS),
    st.builds(reply, st.just("$ID"), st.just("error"), st.one_of(ERRORS, VALUES)),
    st.builds(reply, WRONG_IDS, st.sampled_from(("result", "error")), st.sampled_from(TEXT_RESULTS)),
    st.just('{"jsonrpc":"2.0","id":$ID,"result":{},"error":{"code":1,"message":"$SAID"}}'),
    st.just('{"jsonrpc":"2.0","id":$ID,"result":{"content":[],"content":["$SAID"]}}'),
)
ASKED = st.builds(
    lambda number, method, params: (
        f'{{"jsonrpc":"2.0","id":{number},"method":"{method}","params":{json.dumps(params)}}}'
    ),
    st.sampled_from(('"q1"', '"q2"', "1", "2", "18446744073709551616")),
    st.sampled_from(QUESTIONS),
    st.one_of(
        st.just({"message": SAID, "requestedSchema": {"type": "object"}, "task": {"ttl": SAID}}),
        st.just({"messages": [{"role": "user", "content": {"type": "text", "text": SAID}}], "maxTokens": 1}),
        VALUES,
    ),
)
TOLD = st.one_of(
    st.builds(
        lambda token, value: (
            f'{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},'
            f'"progress":{json.dumps(value)},"message":"$SAID"}}}}'
        ),
        st.sampled_from(("$ID", "1", '"$ID"', "null", '"p"')),
        VALUES,
    ),
    st.builds(
        lambda method, params: raw({"jsonrpc": "2.0", "method": f"notifications/{method}", "params": params}),
        st.sampled_from(("message", "cancelled", "resources/updated", "tasks/status", "elicitation/complete", "acme")),
        st.one_of(
            st.builds(lambda level: {"level": level, "data": SAID, "logger": SAID}, LEVELS),
            st.builds(lambda uri: {"uri": uri, "requestId": uri, "taskId": SAID}, URIS),
            st.builds(lambda value: {"_meta": value}, VALUES),
            VALUES,
        ),
    ),
    st.just(raw({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": {"x": SAID}})),
)
NOISE = st.one_of(
    st.sampled_from(
        (
            "$SAID",
            "",
            "[]",
            '{"jsonrpc":"2.0","id":$ID,"result":{"x":Infinity}}',
            "{",
            "null",
            '{"jsonrpc":"2.0"}',
            "[" * 3000,
            "\xff\xfe",
            '"\\ud800"',
            "\x00",
        )
    ),
    st.binary(max_size=30).map(lambda data: data.decode("latin-1").replace("\n", "").replace("$", "")),
)
CHANGED = st.just(raw({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}))
LINES = st.one_of(REPLIES, REPLIES, ASKED, TOLD, NOISE)
ITEMS = st.one_of(
    st.builds(lambda value: raw({"name": "extra", "uri": "x:y", "uriTemplate": "x:{y}", "more": value}), VALUES),
    st.builds(lambda value: raw({"name": value, "description": "$MARK", "annotations": value}), VALUES),
    VALUES.map(raw),
)
OPENINGS: st.SearchStrategy[list[str]] = st.one_of(
    st.just([]), st.just([]), st.just([]), st.lists(st.one_of(TOLD, NOISE, ASKED, CHANGED), max_size=3)
)


@st.composite
def scripts(draw: st.DrawFn) -> dict[str, Any]:
    """How one upstream behaves."""
    script: dict[str, Any] = {
        "modern": draw(st.booleans()),
        "opening": draw(OPENINGS),
        "lists": {
            method: draw(st.lists(ITEMS, max_size=3))
            for method in ("tools/list", "resources/list", "resources/templates/list", "prompts/list")
        },
        "moves": draw(st.lists(st.lists(LINES, max_size=4), min_size=6, max_size=12)),
        "capabilities": draw(st.one_of(st.just({}), st.just({"experimental": {"acme": {}}}), OBJECTS)),
        "ends": draw(st.sampled_from((None, None, 2, 5))),
    }
    if draw(st.integers(0, 3)) == 0:
        script["moves"][-1].append(draw(CHANGED))
    return script


@st.composite
def calls(draw: st.DrawFn, marker: str) -> dict[str, Any]:
    """Method and parameters of one request of a client's."""
    method = draw(
        st.sampled_from(
            ("tools/call",) * 8
            + ("resources/read", "prompts/get", "tools/list", "resources/list", "prompts/list", "ping", "tasks/list")
            + ("completion/complete", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "tasks/get")
            + ("tasks/result", "tasks/cancel", "acme/do", "initialize", "server/discover", "rule-of-two/approve", "")
        )
    )
    params: dict[str, Any] = {
        "name": draw(NAMES) if method == "tools/call" else draw(st.sampled_from(("one__advise", "two__advise", "x"))),
        "uri": draw(URIS),
        "level": draw(LEVELS),
        "taskId": draw(st.sampled_from(("one__t", "two__t", "t", ""))),
        "ref": {"type": "ref/prompt", "name": "one__advise"},
        "arguments": draw(st.one_of(st.just({"x": marker}), st.just({"x": marker}), OBJECTS)),
    }
    if method.endswith("/list"):
        params = draw(st.one_of(st.just({}), st.builds(lambda cursor: {"cursor": cursor}, VALUES)))
    meta = draw(st.one_of(st.just({}), st.just({"progressToken": marker}), st.just({"progressToken": 1}), OBJECTS))
    if draw(st.integers(0, 5)) == 0:
        params[draw(st.sampled_from(tuple(params) or ("x",)))] = draw(VALUES)
    if draw(st.integers(0, 7)) == 0:
        params |= draw(st.sampled_from(({"inputResponses": {"q": {}}}, {"requestState": "x"}, {"task": {"ttl": 1}})))
    return {"method": method, "params": {**params, "_meta": meta}}


def enveloped(call: dict[str, Any], marker: str) -> dict[str, Any]:
    """The same request as a modern client makes it."""
    envelope = {
        PROTOCOL_VERSION: MODERN,
        CLIENT_CAPABILITIES: {"elicitation": {}, "sampling": {}, "roots": {}},
        CLIENT_INFO: {"name": marker, "version": "1"},
    }
    params = call["params"]
    return {**call, "params": {**params, "_meta": {**(params.get("_meta") or {}), **envelope}}}


ANSWERS = st.one_of(
    st.sampled_from(({"action": "accept", "content": {"x": "CLIENT-A"}}, {"action": "decline"}, {"roots": []})).map(
        lambda result: {"result": result}
    ),
    st.just({"error": {"code": -1, "message": "CLIENT-A says no"}}),
    VALUES.map(lambda value: {"result": value}),
)
CLIENT_NOISE = st.one_of(
    NOISE.map(lambda text: text.encode("latin-1")),
    st.builds(
        lambda method, params: raw({"jsonrpc": "2.0", "method": f"notifications/{method}", "params": params}).encode(),
        st.sampled_from(("initialized", "cancelled", "progress", "roots/list_changed", "acme", "tools/list_changed")),
        st.one_of(st.builds(lambda n: {"requestId": f"c{n}", "reason": "CLIENT-A"}, st.integers(0, 60)), VALUES),
    ),
    st.builds(
        lambda number, member, value: raw({"jsonrpc": "2.0", "id": number, member: value}).encode(),
        st.sampled_from((1, 2, 3, 4, "1", None, 2**70)),
        st.sampled_from(("result", "error")),
        st.one_of(OBJECTS, VALUES),
    ),
)


@st.composite
def conversations(draw: st.DrawFn) -> tuple[bool, list[bytes]]:
    """The era of a client, and the lines that it writes."""
    modern = draw(st.booleans())
    lines: list[bytes] = []
    for at in range(draw(st.one_of(st.integers(0, 3), st.integers(15, 40)))):
        call: dict[str, Any] = draw(calls("CLIENT-A"))
        if modern is (draw(st.integers(0, 9)) > 0):
            call = enveloped(call, "CLIENT-A")
        line = raw({"jsonrpc": "2.0", "id": f"c{at}", **call}).encode()
        damage = draw(st.integers(0, 9))
        if damage == 0:
            cut = draw(st.integers(0, len(line)))
            line = line[:cut] + draw(st.sampled_from((b"", b"\xff", b'"', b"\\", b",", b"}"))) + line[cut + 1 :]
        lines.append(line)
        if damage < 4:
            lines.append(draw(CLIENT_NOISE))
    return modern, lines


class Scene:
    """Two upstreams and what clients do to them. What it holds is told when a test fails, since it is long."""

    def __init__(
        self,
        upstreams: tuple[dict[str, Any], dict[str, Any]],
        *,
        modern: bool = False,
        lines: Sequence[bytes] = (),
        answers: dict[str, Any] | None = None,
        last: Sequence[str] = (),
        actions: Sequence[dict[str, Any]] = (),
    ) -> None:
        self.upstreams = upstreams
        self.modern = modern
        self.lines = lines
        self.answers = answers or {}
        self.last = last
        self.actions = actions

    def __repr__(self) -> str:
        return "Scene(…)"

    @contextmanager
    def told(self) -> Iterator[None]:
        """Add everything to what fails."""
        try:
            yield
        except BaseException as error:
            error.add_note(pformat(vars(self), width=160))
            raise


# What must hold


@dataclass
class Ground:
    """A house with two upstreams, and what its client wrote and read."""

    house: House
    sent: list[bytes] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, folder: str, upstreams: Sequence[dict[str, Any]]) -> Ground:
        house = House(Path(folder))
        manifest = house.folder / "garbled.yaml"
        manifest.write_text(MANIFEST)
        for name, script in zip(("one", "two"), upstreams, strict=True):
            path = house.folder / f"{name}.json"
            path.write_text(json.dumps(script))
            program = str(UPSTREAMS / "garbled.py")
            arguments = [program, name, str(house.folder / f"{name}.jsonl"), str(path), str(house.state)]
            house.servers[name] = {"command": sys.executable, "args": arguments, "manifest": str(manifest)}
        return cls(house)

    def received(self, name: str) -> list[dict[str, Any]]:
        """Every message that reached an upstream, with the number of the process that got it."""
        path = self.house.folder / f"{name}.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line) for line in lines]

    def forwarded(self, name: str) -> list[tuple[dict[str, Any], int]]:
        """The requests among them that need a decision, and how many were let pass before."""
        found = []
        for entry in self.received(name):
            message = json.loads(entry["raw"])
            if entry["allowed"] is not None and "id" in message:
                found.append((message, entry["allowed"]))
        return found

    def check_upstreams(self) -> None:
        """Nothing reached an upstream undecided, and nothing of the other one's."""
        for name, other in (("one", "TWO"), ("two", "ONE")):
            for entry in self.received(name):
                assert not re.search(f"(SECRET|SAID)-{other}", entry["raw"]), entry
                assert message_of(strict_json(entry["raw"].encode())) is not None, entry
            passed: dict[tuple[str, str], list[int]] = {}
            for message, allowed in self.forwarded(name):
                assert allowed > 0, (name, message)
                params = message["params"]
                if "inputResponses" not in params:  # else a further round of what was decided
                    key = (message["method"], params.get("name") or params.get("uri"))
                    passed.setdefault(key, []).append(allowed)
            for key, numbers in passed.items():  # several processes may write at the same time
                assert all(at < allowed for at, allowed in enumerate(sorted(numbers))), (name, key, numbers)

    def check_journal(self) -> dict[str, set[str]]:
        """No decision completes the three without a person, as one would explain it: by what came back before. What
        each session holds by that."""
        decisions: dict[int, dict[str, Any]] = {}
        carried: dict[str, set[str]] = {}
        for entry in self.house.journal():
            session = carried.setdefault(entry["session"], set())
            if entry["kind"] == "decision":
                decisions[entry["seq"]] = entry
                completes = session | set(entry["labels"]) == ABC and "C" in entry["labels"]
                assert not (entry["outcome"] == "allow" and completes), entry
            elif entry["kind"] == "outcome" and entry["outcome"] in {"result", "error", "withheld"}:
                session |= set(decisions[entry["decision"]]["labels"])
        return carried

    def let_pass(self, name: str) -> bool:
        """Whether the journal says that anything of an upstream, or to it, was let pass."""
        query = "SELECT body FROM entries WHERE kind = 'decision'"
        bodies = [json.loads(body) for (body,) in self.house.sql(query, database="journal")]
        return any(body["upstream"] == name and body["outcome"] == "allow" for body in bodies)

    def check_stderr(self, text: str) -> None:
        assert "Traceback" not in text, text[-4000:]


def read(line: bytes) -> Message | None:
    """What a line says to a naive reader."""
    with suppress(NotStrict):
        return message_of(strict_json(line))
    return None


def names(number: Any) -> str:
    """An id, as something that can be counted."""
    return json.dumps(number)


class Replies:
    """Which replies are due. An id that is used twice, or cancelled, may get fewer; one of a refused frame, more."""

    def __init__(self) -> None:
        self.due: set[str] = set()
        self.most: Counter[str] = Counter()
        self.excused: set[str] = set()

    def wrote(self, line: bytes) -> None:
        message = read(line)
        if isinstance(message, Request):
            self.due.add(names(message.id))
            self.most[names(message.id)] += 1
            if message.method == "subscriptions/listen":
                self.excused.add(names(message.id))
            return
        with suppress(ValueError, RecursionError):
            value = json.loads(line)
            if isinstance(value, dict):
                self.most[names(value.get("id"))] += 1
                if value.get("method") == "notifications/cancelled" and isinstance(value.get("params"), dict):
                    self.excused.add(names(value["params"].get("requestId")))

    def missing(self, got: Counter[str]) -> set[str]:
        return self.due - self.excused - set(got)

    def check(self, got: Counter[str]) -> None:
        for name, count in got.items():
            assert name == "null" or count <= self.most[name], (name, count, self.most[name])


# Over stdio


class Answers(dict[str, Any]):
    """What a client answers, by method. It answers everything: a call may wait as long as its client lets it."""

    def __contains__(self, method: object) -> bool:
        return True

    def __missing__(self, method: str) -> dict[str, Any]:
        return {"result": {}}


async def _converse(ground: Ground, scene: Scene) -> None:
    modern = scene.modern
    async with ground.house.gateway(initialize=False) as gateway:
        gateway.answers = Answers(scene.answers)
        replies = Replies()
        opening = {"method": "server/discover", "params": {}} if modern else {"method": "initialize", "params": HELLO}
        first = raw(
            {"jsonrpc": "2.0", "id": "first", **(enveloped(opening, "CLIENT-A") if modern else opening)}
        ).encode()
        for line in [first, raw({"jsonrpc": "2.0", "method": "notifications/initialized"}).encode(), *scene.lines]:
            for part in line.split(b"\n"):
                replies.wrote(part)
                gateway.write(part)
        got = await _until_answered(gateway, replies)
        replies.check(got)
        await _goes_on(ground, gateway, scene)
    assert gateway.process.returncode == 0, gateway.stderr[-4000:]
    said = json.dumps([gateway.unmatched, gateway.notifications, gateway.asked])
    for name in ("one", "two"):
        assert f"SAID-{name.upper()}" not in said or ground.let_pass(name), name
    ground.check_stderr(gateway.stderr)


HELLO: Final = {
    **INITIALIZE,
    "clientInfo": {"name": "CLIENT-A", "version": "1"},
    "capabilities": {"elicitation": {}, "sampling": {}, "roots": {"listChanged": True}},
}


async def _until_answered(gateway: Gateway, replies: Replies) -> Counter[str]:
    def got() -> Counter[str]:
        return Counter(names(message.get("id")) for message in gateway.unmatched)

    count = 0
    try:
        async with asyncio.timeout(SECONDS):
            while replies.missing(got()) and gateway.process.returncode is None:
                count = len(gateway.unmatched) + 1
                await gateway.until_unmatched(count)
    except TimeoutError:
        pytest.fail(f"no reply within {SECONDS} s: {replies.missing(got())}, {gateway.stderr[-2000:]}")
    assert gateway.process.returncode is None, gateway.stderr[-4000:]
    return got()


async def _goes_on(ground: Ground, gateway: Gateway, scene: Scene) -> None:
    """It answers as ever; and once A and B are held, nothing that carries C gets out."""

    async def ask(method: str, **params: Any) -> dict[str, Any]:
        call: dict[str, Any] = {"method": method, "params": params}
        whole = enveloped(call, "CLIENT-A") if scene.modern else call
        return await gateway.request(method, whole["params"])

    listed = await ask("tools/list")
    assert isinstance(listed["result"]["tools"], list)
    if not scene.modern:
        assert (await ask("ping"))["result"] == {}
    for name in scene.last:
        await ask("tools/call", name=name)
    sends = [message for name in ("one", "two") for message, _ in ground.forwarded(name) if _is_send(message)]
    held = ground.check_journal()
    await asyncio.gather(*(ask("tools/call", name=f"{name}__send") for name in ("one", "two")))
    if any(labels >= {"A", "B"} for labels in held.values()):
        after = [message for name in ("one", "two") for message, _ in ground.forwarded(name) if _is_send(message)]
        assert after == sends


def _is_send(message: dict[str, Any]) -> bool:
    return (message["method"], message["params"].get("name")) == ("tools/call", "send")


@st.composite
def dialogues(draw: st.DrawFn) -> Scene:
    """A client over stdio, what it answers, and its upstreams."""
    modern, lines = draw(conversations())
    answers = draw(st.fixed_dictionaries({}, optional=dict.fromkeys(QUESTIONS, ANSWERS)))
    labelled = st.sampled_from([f"{name}__{tool}" for name in ("one", "two") for tool in ("read", "private", "send")])
    last = draw(st.lists(labelled, min_size=3, max_size=7))
    return Scene((draw(scripts()), draw(scripts())), modern=modern, lines=lines, answers=answers, last=last)


@pytest.mark.timeout(120 if FACTOR == 1 else 0)
@given(dialogues())
@settings(PROFILE, max_examples=examples(5))
def test_whatever_both_sides_say_over_stdio_it_goes_on_and_nothing_leaks(scene: Scene) -> None:
    with scene.told(), tempfile.TemporaryDirectory() as folder:
        ground = Ground.of(folder, scene.upstreams)
        asyncio.run(_converse(ground, scene))
        ground.check_upstreams()
        ground.check_journal()


# What was found so


async def test_a_malformed_reply_to_a_subscription_does_not_cost_the_upstream(house: House) -> None:
    script = {"modern": True, "moves": [['{"jsonrpc":"2.0","id":$ID,"result":[]}']]}
    ground = Ground.of(str(house.folder), (script, {"moves": []}))
    async with ground.house.gateway() as gateway:
        await gateway.request("tools/list")
        while not any("subscriptions/listen" in entry["raw"] for entry in ground.received("one")):
            await gateway.request("ping")
        for _ in range(5):
            assert (await gateway.call("one__plain"))["isError"] is True
        assert (await gateway.call("two__plain"))["content"]
        assert "unavailable" not in gateway.stderr
    ground.check_stderr(gateway.stderr)
    assert gateway.process.returncode == 0


# Over HTTP

CLIENTS: Final = ("CLIENT-X", "CLIENT-Y")
STREAMS: Final = "application/json, text/event-stream"


@dataclass
class Web:
    """Two clients of one server, each with a token and a legacy session of its own, and every byte that each got."""

    port: int
    tokens: dict[str, str]
    sessions: dict[str, str] = field(default_factory=dict)
    heard: dict[str, bytes] = field(default_factory=lambda: dict.fromkeys(CLIENTS, b""))
    last: int = 0
    answered: set[tuple[str, str]] = field(default_factory=set)

    def head(self, verb: str, who: str, fields: dict[str, str], length: int | None = None) -> bytes:
        lines = {"Host": f"127.0.0.1:{self.port}", "Authorization": f"Bearer {self.tokens[who]}", "Accept": STREAMS}
        lines |= fields
        if length is not None:
            lines |= {"Content-Type": "application/json", "Content-Length": str(length)}
        text = f"{verb} /mcp HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
        return text.encode("latin-1", "replace")

    def post(
        self, who: str, call: dict[str, Any], fields: dict[str, str] | None = None, *, modern: bool, close: bool = True
    ) -> tuple[str, bytes]:
        """The id and the bytes of a request."""
        self.last += 1
        number, fields = f"h{self.last}", dict(fields or {})
        if modern:
            call = enveloped(call, who)
            params = call["params"]
            about = params.get("uri" if call["method"] == "resources/read" else "name")
            fields |= {"Mcp-Protocol-Version": MODERN, "Mcp-Method": call["method"]}
            if isinstance(about, str) and about.isprintable() and about.isascii():
                fields |= {"Mcp-Name": about}
        elif who in self.sessions:
            fields = {"Mcp-Session-Id": self.sessions[who], **fields}
        if close:
            fields |= {"Connection": "close"}
        body = raw({"jsonrpc": "2.0", "id": number, **call}).encode()
        return number, self.head("POST", who, fields, len(body)) + body

    async def say(self, who: str, data: bytes, *, seconds: float, whole: bool = True) -> bytes:
        """Write to a connection of its own; what comes until it is closed, or for so long."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        got = b""
        try:
            writer.write(data)
            with suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(seconds):
                    await writer.drain()
                    while piece := await reader.read(65536):
                        got += piece
                        self.heard[who] += piece
                        if whole:
                            await self.answer(who, got)
                    return got
            assert not whole, (seconds, data, got)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        return got

    async def answer(self, who: str, got: bytes) -> None:
        """Answer what the server asks on a stream, once each."""
        for line in re.findall(rb"data: ({.*})\n", got):
            asked = json.loads(line)
            if "method" in asked and "id" in asked and (who, names(asked["id"])) not in self.answered:
                self.answered.add((who, names(asked["id"])))
                body = raw({"jsonrpc": "2.0", "id": asked["id"], "result": {"said": who}}).encode()
                fields = {"Mcp-Session-Id": self.sessions[who], "Connection": "close"}
                await self.say(who, self.head("POST", who, fields, len(body)) + body, seconds=SECONDS, whole=False)

    async def ask(
        self, who: str, call: dict[str, Any], fields: dict[str, str] | None = None, *, modern: bool
    ) -> tuple[int, dict[str, Any]]:
        """The status and the one reply of a request."""
        number, data = self.post(who, call, fields, modern=modern)
        ((status, headers, body),) = responses(await self.say(who, data, seconds=SECONDS), 1)
        if session := headers.get(b"mcp-session-id"):
            self.sessions.setdefault(who, session.decode())
        replies = [one for one in messages_in(headers, body) if "method" not in one]
        assert len(replies) == 1, (data, status, body)
        assert replies[0]["id"] == number or (status >= 400 and replies[0]["id"] is None), (data, replies)
        return status, replies[0]


def responses(data: bytes, count: int) -> list[tuple[int, dict[bytes, bytes], bytes]]:
    """What came over one connection, as an HTTP client reads it."""
    client = h11.Connection(h11.CLIENT)
    found: list[tuple[int, dict[bytes, bytes], bytes]] = []
    client.receive_data(data)
    client.receive_data(b"")
    for at in range(count):
        client.send(h11.Request(method="POST", target="/", headers=[("host", "x")]))
        client.send(h11.EndOfMessage())
        answer = client.next_event()
        assert isinstance(answer, h11.Response), (answer, data)
        body = b""
        while isinstance(event := client.next_event(), h11.Data):
            body += event.data
        assert isinstance(event, h11.EndOfMessage), (event, data)
        found.append((answer.status_code, dict(answer.headers), body))
        if at + 1 < count:
            client.start_next_cycle()
    return found


def messages_in(headers: dict[bytes, bytes], body: bytes) -> list[dict[str, Any]]:
    """The JSON-RPC messages of a response."""
    if headers.get(b"content-type", b"").startswith(b"text/event-stream"):
        datas = [line[6:] for line in body.decode().split("\n") if line.startswith("data: ") and line[6:]]
        return [json.loads(data) for data in datas]
    return [json.loads(body)] if body else []


DAMAGES = st.tuples(
    st.floats(0, 1),
    st.sampled_from(
        (b"", b"\r\n", b"\r\n\r\n", b"\x00", b"\xff", b" ", b"Transfer-Encoding: chunked\r\n", b"GET / x\r\n")
    ),
    st.integers(0, 40),
)
ACTIONS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(
            ("good",) * 6
            + ("pipelined", "foreign", "stranger", "cut", "raw", "raw", "listen", "resume", "short", "tell")
        ),
        "who": st.sampled_from(CLIENTS),
        "modern": st.booleans(),
        "calls": st.lists(calls("$WHO"), min_size=3, max_size=3),
        "damage": DAMAGES,
        "noise": CLIENT_NOISE,
    }
)


def said_by(who: str, call: dict[str, Any]) -> dict[str, Any]:
    """A drawn request with its client's own words."""
    own: dict[str, Any] = json.loads(json.dumps(call).replace("$WHO", who))
    return own


async def _act(web: Web, action: dict[str, Any]) -> None:
    who, modern = action["who"], action["modern"]
    other = next(one for one in CLIENTS if one != who)
    drawn = [said_by(who, call) for call in action["calls"]]
    at, new, size = action["damage"]
    number, data = web.post(who, drawn[0], modern=modern)
    place = int(at * len(data))
    match action["kind"]:
        case "good":
            await web.ask(who, drawn[0], modern=modern)
        case "pipelined":
            posts = [web.post(who, call, modern=modern, close=call is drawn[-1]) for call in drawn]
            got = responses(await web.say(who, b"".join(post for _, post in posts), seconds=SECONDS), len(posts))
            for (number, _), (status, headers, body) in zip(posts, got, strict=True):
                ids = [one["id"] for one in messages_in(headers, body) if "method" not in one]
                assert ids == [number] or (status >= 400 and ids == [None]), (posts, got)
        case "foreign":
            status, answer = await web.ask(who, drawn[0], {"Mcp-Session-Id": web.sessions[other]}, modern=False)
            assert status == 404, answer
        case "stranger":
            forged = data.replace(web.tokens[who].encode(), web.tokens[who][:-1].encode() + b"_")
            ((status, _, _),) = responses(await web.say(who, forged, seconds=SECONDS), 1)
            assert status == 401
        case "cut":
            await web.say(who, data[:place], seconds=0.02, whole=False)
        case "raw":
            damaged = data[:place] + new + data[place + size :]
            await web.say(who, damaged, seconds=0.1, whole=False)
        case "listen" | "resume":
            fields = {"Mcp-Session-Id": web.sessions[who]}
            if action["kind"] == "resume":
                fields["Last-Event-ID"] = f"{size}-{place}"
            await web.say(who, web.head("GET", who, fields), seconds=0.1, whole=False)
        case "short":
            opening = {"method": "initialize", "params": {**HELLO, "clientInfo": {"name": who, "version": "1"}}}
            kept = web.sessions.pop(who)
            status, _ = await web.ask(who, opening, modern=False)
            session = web.sessions[who]
            web.sessions[who] = kept
            assert status == 200
            fields = {"Mcp-Session-Id": session, "Connection": "close"}
            await web.say(who, web.head("DELETE", who, fields), seconds=SECONDS)
        case "tell":
            body = action["noise"].replace(b"CLIENT-A", who.encode())
            fields = {"Mcp-Session-Id": web.sessions[who], "Connection": "close"}
            answered = await web.say(who, web.head("POST", who, fields, len(body)) + body, seconds=SECONDS)
            assert len(responses(answered, 1)) == 1


async def _visit(served: Serving, tokens: dict[str, str], actions: Sequence[dict[str, Any]]) -> Web:
    web = Web(port_of(served), tokens)
    for who in CLIENTS:
        opening = {"method": "initialize", "params": {**HELLO, "clientInfo": {"name": who, "version": "1"}}}
        status, _ = await web.ask(who, opening, modern=False)
        assert status == 200
    for _, group in groupby(enumerate(actions), key=lambda pair: pair[0] // 6):
        turns = [action for _, action in group]
        if any(action["kind"] == "short" for action in turns):  # it changes which session is whose for a moment
            for action in turns:
                await _act(web, action)
        else:
            await asyncio.gather(*(_act(web, action) for action in turns))
    for who in CLIENTS:
        _, listed = await web.ask(who, {"method": "tools/list", "params": {}}, modern=True)
        assert isinstance(listed["result"]["tools"], list)
        _, pong = await web.ask(who, {"method": "ping", "params": {}}, modern=False)
        assert pong["result"] == {}
    return web


@st.composite
def visits(draw: st.DrawFn) -> Scene:
    """What two clients do over HTTP, and their upstreams."""
    return Scene((draw(scripts()), draw(scripts())), actions=draw(st.lists(ACTIONS, min_size=15, max_size=30)))


@pytest.mark.timeout(120 if FACTOR == 1 else 0)
@given(visits())
@settings(PROFILE, max_examples=examples(4))
def test_whatever_two_http_clients_and_their_upstreams_say_neither_hears_of_the_other(scene: Scene) -> None:
    with scene.told(), tempfile.TemporaryDirectory() as folder:
        ground = Ground.of(folder, scene.upstreams)
        tokens = {"CLIENT-Y": Tokens(ground.house.state).new("y")}
        arguments = ("--config", str(ground.house.config), "serve", "--http", "127.0.0.1:0")
        with serving(ground.house.state, *arguments, cwd=ground.house.folder, client="x") as served:
            tokens["CLIENT-X"] = served.token
            web = asyncio.run(_visit(served, tokens, scene.actions))
            assert served.process.poll() is None
        ground.check_stderr("".join(served.said))
        ground.check_upstreams()
        ground.check_journal()
        assert b"CLIENT-Y" not in web.heard["CLIENT-X"]
        assert b"CLIENT-X" not in web.heard["CLIENT-Y"]
        # What is listed was accepted for all clients; what is said belongs to the one that was spoken to.
        speakers = {who: set(re.findall(rb"SAID-\w+-(\d+)", web.heard[who])) for who in CLIENTS}
        assert speakers["CLIENT-X"].isdisjoint(speakers["CLIENT-Y"])
        for name in ("one", "two"):
            for _, entries in groupby(sorted(ground.received(name), key=_pid), key=_pid):
                told = {word for entry in entries for word in re.findall(r"CLIENT-\w", entry["raw"])}
                assert len(told) <= 1, told


def port_of(served: Serving) -> int:
    return int(served.url.rpartition(":")[2].partition("/")[0])


def _pid(entry: dict[str, Any]) -> int:
    pid: int = entry["pid"]
    return pid


async def test_a_session_that_ends_while_its_client_is_asked_is_no_bug(house: House) -> None:
    asked = '{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"message":"?","requestedSchema":{}}}'
    ground = Ground.of(str(house.folder), ({"moves": [[asked]]}, {"moves": []}))
    arguments = ("--config", str(ground.house.config), "serve", "--http", "127.0.0.1:0")
    with serving(ground.house.state, *arguments, cwd=house.folder, client="x") as served:
        web = Web(port_of(served), {"CLIENT-X": served.token})
        await web.ask("CLIENT-X", {"method": "initialize", "params": HELLO}, modern=False)
        listed: Any = None
        while "one__plain" not in json.dumps(listed):
            _, listed = await web.ask("CLIENT-X", {"method": "tools/list", "params": {}}, modern=False)
        subscribing = {"method": "resources/subscribe", "params": {"uri": "one://a"}}
        assert (await web.ask("CLIENT-X", subscribing, modern=False))[1]["result"] == {}
        own = {"Mcp-Session-Id": web.sessions["CLIENT-X"]}
        while b"elicitation/create" not in web.heard["CLIENT-X"]:
            await web.say("CLIENT-X", web.head("GET", "CLIENT-X", own), seconds=0.1, whole=False)
        ending = {**own, "Connection": "close"}
        await web.say("CLIENT-X", web.head("DELETE", "CLIENT-X", ending), seconds=SECONDS)
    ground.check_stderr("".join(served.said))
