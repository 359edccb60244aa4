"""A counterexample as a session that a person can follow, step by step."""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from rule_of_two.model import ORDER
from rule_of_two.policy.proof.actions import uid_text
from rule_of_two.policy.proof.replay import Answer
from rule_of_two.policy.proof.request import Request
from rule_of_two.policy.references import told_path
from rule_of_two.policy.syntax import Policy

_BROUGHT: Final = {
    "A": "reads something untrusted",
    "B": "reads something private",
    "C": "changes something, or sends something out",
}
_TOLD: Final = frozenset(("held", "labels", "dropped", "frozen", "now"))
_TOLD_OTHERWISE: Final = _TOLD | {"approved", "approvals"}


def story(
    request: Request,
    answers: Sequence[Answer],
    policies: Mapping[str, Policy],
    read: Container[str],
    paths: Collection[tuple[str, ...]] = (),
) -> Sequence[str]:
    """The steps in order, numbered from 1; the last ones say what the engine answered.

    :param read: the names of the attributes that policies read: only those are told.
    :param paths: attributes of which it is told too that they are absent, or empty sets: often why a policy does not
        apply.
    """
    steps = [*_before(request, read), _call(request, read, paths), *(_answer(one, policies) for one in answers)]
    return [f"{number}. {step}" for number, step in enumerate(steps, 1)]


def _before(request: Request, read: Container[str]) -> Iterator[str]:
    for entity in request.entities:
        attributes = ((name, value) for name, value in sorted(entity["attrs"].items()) if name in read)
        told = [f"has {name} {_text(value)}" for name, value in attributes if _is_told(value)]
        told += [f"is in {uid_text(parent)}" for parent in entity["parents"] if not _nameless(parent)]
        if told:
            yield f"{uid_text(entity['uid'])} {', '.join(told)}."
    held = request.context.get("held", {})
    for label in sorted(held, key=lambda one: (held[one], ORDER.index(one))):
        yield f"The session {_BROUGHT[label]}: it holds [{label}] since call {held[label]}."
    if request.context.get("dropped"):
        yield "A person drops C for the rest of the session."
    if request.context.get("frozen"):
        yield "A person freezes the session."


def _call(request: Request, read: Container[str], paths: Iterable[tuple[str, ...]]) -> str:
    labels = "".join(f"[{label}]" for label in ORDER if request.context.get("labels", {}).get(label)) or "no label"
    asks = f"{uid_text(request.principal)} asks for {request.action['id']} of {uid_text(request.resource)}"
    told = ((name, value) for name, value in _flat(request.context) if name.rpartition(".")[2] in read)
    facts = [f"context.{name} is {_text(value)}" for name, value in told if _is_told(value)]
    facts += sorted({fact for path in paths if (fact := _nothing_at(request, path))})
    return "; ".join((asks, f"the call brings {labels}", *facts)) + "."


def _nothing_at(request: Request, path: Sequence[str]) -> str:
    """That nothing stands at the end of a path, or on the way there; the empty text if something does."""
    roots: dict[str, Any] = {
        "principal": {"__entity": request.principal},
        "resource": {"__entity": request.resource},
        "context": request.context,
    }
    attributes = {uid_text(entity["uid"]): entity["attrs"] for entity in request.entities}
    at = roots[path[0]]
    for place, name in enumerate(path[1:], start=1):
        if place == 1 and path[0] == "context" and name in _TOLD_OTHERWISE:
            return ""
        inside = attributes.get(uid_text(at["__entity"]), {}) if isinstance(at, dict) and "__entity" in at else at
        if not isinstance(inside, dict) or name not in inside:
            return f"{'.'.join(path[:place])} has no {name}"
        at = inside[name]
    return f"{'.'.join(path)} is empty" if at == [] else ""


def _answer(answer: Answer, policies: Mapping[str, Policy]) -> str:
    asked = {0: "Unasked", 1: "After one yes"}.get(answer.approvals, f"After {answer.approvals} yeses")
    if answer.errors:
        return f"{asked} it is denied, since a policy errs: {answer.errors[0]}"
    by = ", ".join(_where(policies[name]) for name in answer.policies if name in policies)
    if answer.allowed:
        return f"{asked} it runs, by {by}."
    messages = [policies[name].message for name in answer.policies if name in policies]
    return f"{asked} it is denied, " + (
        f"by {by}: {' '.join(filter(None, messages))}" if by else "since no policy permits it."
    )


def _where(policy: Policy) -> str:
    return f"{policy.id} ({told_path(policy.file)}:{policy.line})"


def _flat(context: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in sorted(context.items()):
        if not before and name in _TOLD:
            continue
        if isinstance(value, dict) and "__entity" not in value:
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _is_told(value: Any) -> bool:
    """Empty sets and entities of no name say nothing; they stand in ``--json``."""
    return value not in ([], {}) and not (isinstance(value, dict) and "__entity" in value and _plain(value["__entity"]))


def _plain(uid: Mapping[str, str]) -> bool:
    return uid["id"] == uid["type"].rpartition("::")[2].lower()


def _nameless(uid: Mapping[str, str]) -> bool:
    """An entity that is only there because something has to be."""
    return re.fullmatch(rf"{uid['type'].rpartition('::')[2].lower()}(-\d+)?", uid["id"]) is not None


def _text(value: Any) -> str:
    match value:
        case {"__entity": uid}:
            return uid_text(uid)
        case list():
            return f"[{', '.join(map(_text, value))}]"
    return orjson.dumps(value).decode()
