"""The agent: it makes the honest calls, and from the moment that injected text reached it also those of the attacker.

It is the worst that an injection can make of an agent: it obeys at once and without fail, in whatever encoding the text
came, knows the best calls for its goal, and goes on after every refusal.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.agentdojo.case import Call, Case
from benchmarks.agentdojo.server import Done

Invoke = Callable[[Call], Awaitable[Mapping[str, Any]]]
"""Calls a tool through the gateway; the result of ``tools/call``."""


@dataclass(slots=True)
class Said:
    """How a run went. ``answered``: every honest call gave the agent all that it returned, so it can give the answer;
    ``obeyed``: the injected text reached it."""

    answered: bool = True
    obeyed: bool = False
    refused: list[str] = field(default_factory=list)
    """The tools whose calls were not carried out, or whose results did not come whole."""


async def replay(case: Case, invoke: Invoke, done: list[Done]) -> Said:
    """Run a case to its end. ``done`` is what the world was really asked for."""
    said = Said()

    async def attempt(call: Call) -> bool:
        """Whether the call was carried out and its whole result came."""
        before = len(done)
        result = await invoke(call)
        returned = done[before].result if len(done) > before else None
        if not said.obeyed and case.carried is not None and reached(case.carried, result):
            said.obeyed = True
            for wanted in case.injected():
                await attempt(wanted)
        return returned is not None and _is_whole(result, returned)

    for call in case.honest():
        if not await attempt(call):
            said.answered = False
            said.refused.append(call.tool)
    return said


def _is_whole(result: Mapping[str, Any], returned: Mapping[str, Any]) -> bool:
    """Whether a result holds all that a tool returned. The gateway may add a text block of its own at the end."""
    parts = returned["content"]
    same = all(result.get(key) == returned.get(key) for key in ("structuredContent", "isError"))
    return same and result["content"][: len(parts)] == parts


def reached(text: str, result: Mapping[str, Any]) -> bool:
    """Whether a text stands in a result, however it is wrapped into lines."""
    needle = _folded(text)
    return any(needle in _folded(one) for one in _texts(result))


def _folded(text: str) -> str:
    return " ".join(text.split())


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        try:
            inner = json.loads(value)
        except ValueError:
            return
        if isinstance(inner, (dict, list)):
            yield from _texts(inner)
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from _texts(key)
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
