"""What a client is told when something was not carried out: what was stopped, why, and what a person can do.

The text is for the model and its user. It holds no approval secret and nothing to obey, and no text of an upstream's.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from rule_of_two.errors import Code
from rule_of_two.model import ALL, Action, Decision, Facts, Labels, Outcome, label_text

OWN: Final = "rule-of-two/"
DECISION_KEY: Final = f"{OWN}decision"
PROVENANCE_KEY: Final = f"{OWN}provenance"
LABELS_KEY: Final = f"{OWN}labels"
REFUSED: Final = -32050
"""The JSON-RPC error code of everything that is not a tool call (INTERFACE "Results")."""

NEXT_STEP: Final[dict[Code, str]] = {
    Code.DENIED_BY_POLICY: "The same request would be denied again, unless the operator changes the policies.",
    Code.APPROVAL_REQUIRED: (
        "Nobody is there to ask. A person can open `rule-of-two console` in a terminal, then the same request can be "
        "made again; or they start a new session, which holds nothing."
    ),
    Code.APPROVAL_PENDING: (
        "A person has not answered yet. When they have said yes, exactly the same request, made again, is carried out."
    ),
    Code.APPROVAL_DENIED: "A person looked at exactly this request and said no.",
    Code.APPROVAL_EXPIRED: "The question was not answered in time. The same request can be made again.",
    Code.SESSION_FROZEN: "A person froze this session. Only a person can start a new one.",
    Code.DROPPED_CAPABILITY: "This session gave up [C]. It can still read; only a new session can act.",
    Code.UNKNOWN_TOOL: "The gateway offers nothing of that name.",
    Code.DEFINITION_CHANGED: (
        "The upstream changed its definition after it was accepted. A person can look at it and accept it in "
        "`rule-of-two console` or with `rule-of-two manifest pin`."
    ),
    Code.INVALID_HANDLE: (
        "A handle can be passed in the session that got it, as the whole of an argument that its result named, until "
        "it expires or is used up."
    ),
    Code.BAD_REQUEST: "The request cannot be read safely.",
    Code.POLICY_ERROR: "Policies could not be evaluated, so nothing is allowed. The journal says why.",
    Code.STORE_ERROR: "The gateway's state could not be used, so nothing is allowed.",
    Code.UPSTREAM_UNAVAILABLE: "The server behind the gateway did not answer.",
    Code.LIMIT_EXCEEDED: "A limit of the gateway was passed.",
}


class Refused(Exception):  # control flow of the pipeline, turned into a result at its edge
    """A request that was not carried out, or whose result was not handed over."""

    def __init__(
        self,
        decision: Decision,
        facts: Facts | None,
        detail: str = "",
        *,
        sent: bool = False,
        named: str | None = None,
        elicit: Mapping[str, Any] | None = None,
    ) -> None:
        """``named`` is what the client asked for, where the upstream's own name may not be shown; ``elicit`` what the
        client's user is to be asked with the result."""
        super().__init__(detail)
        self.elicit = elicit
        self.named = named
        self.decision = decision
        self.facts = facts
        self.detail = detail
        self.sent = sent

    @property
    def text(self) -> str:
        """One short paragraph."""
        code = self.decision.code or Code.DENIED_BY_POLICY
        name = self.named or ("The request" if self.facts is None else self.facts.qualified)
        reason = self.detail or _reason(self.decision, self.facts)
        fate = "" if self.sent else " Nothing was sent."
        number = f" (decision {self.decision.id}: `rule-of-two why {self.decision.id}`)" if self.decision.id else ""
        return f"Stopped by rule-of-two ({code}): {name}: {reason}{fate} {NEXT_STEP.get(code, '')}{number}".strip()

    def tool_result(self) -> dict[str, Any]:
        """As the result of a ``tools/call``."""
        return {
            "content": [{"type": "text", "text": self.text}],
            "isError": True,
            "_meta": {DECISION_KEY: self.decision.as_meta()},
        }


def _reason(decision: Decision, facts: Facts | None) -> str:
    before: Labels = frozenset(decision.held)
    if facts is not None and decision.adds | before == ALL and decision.code in _THIRD_LABEL:
        verb = {
            Action.CALL_TOOL: "this call",
            Action.READ_RESOURCE: "reading this resource",
            Action.GET_PROMPT: "this prompt",
        }.get(facts.action, "this request")
        held, carried = label_text(before), label_text(facts.labels)
        return f"the session holds {held} and {verb} carries {carried}, which makes all three."
    if decision.messages:
        return " ".join(decision.messages)
    return "it was refused."


_THIRD_LABEL: Final = frozenset(
    (Code.APPROVAL_REQUIRED, Code.APPROVAL_DENIED, Code.APPROVAL_EXPIRED, Code.APPROVAL_PENDING)
)


def with_decision(
    result: dict[str, Any], decision: Decision, own: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """A copy of an upstream's result that carries the decision, and what else is our ``own``. A forged one is replaced.

    What observe mode let pass against policy also says so in a text block of its own. Hosts show people the content of
    a result and never its ``_meta``, and where policy decided otherwise a result may differ from a direct connection's.
    The block comes last and is marked for the user alone, so that whoever reads the first block, or
    ``structuredContent``, reads what the upstream returned; it holds nothing of the call's, and nothing to obey.
    Results without such content (resources, prompts) have no place for words of ours: they are marked in ``_meta``.
    """
    return marked(without_ours(result), decision, own)


def marked(cleaned: dict[str, Any], decision: Decision, own: Mapping[str, Any]) -> dict[str, Any]:
    """The same of a result that is :func:`without_ours` already."""
    whole = {**cleaned, "_meta": {**(cleaned.get("_meta") or {}), DECISION_KEY: decision.as_meta(), **own}}
    if decision.observed and isinstance(cleaned.get("content"), list):
        block = {"type": "text", "text": observed_text(decision), "annotations": {"audience": ["user"]}}
        whole["content"] = [*cleaned["content"], block]
    return whole


def observed_text(decision: Decision) -> str:
    """What people are told of something that only observe mode let pass."""
    would = "a person would have been asked first" if decision.outcome is Outcome.ASK else "this would have been denied"
    return (
        f"rule-of-two only observes, and stopped nothing: in enforce mode {would} "
        f"(decision {decision.id}: `rule-of-two why {decision.id}`)."
    )


def without_ours(body: dict[str, Any]) -> dict[str, Any]:
    """Something of an upstream's without what only we may say in ``_meta``: its own, and that of its parts.

    The parts are those of MCP's results: content blocks, contents, messages, and the resource inside a block.
    ``body`` itself is not changed, and is what is returned when there is nothing to take out.
    """
    if _HOLDERS.isdisjoint(body):
        return body
    changed: dict[str, Any] = {}
    meta = body.get("_meta")
    if isinstance(meta, dict) and any(key.startswith(OWN) for key in meta):
        changed["_meta"] = {key: value for key, value in meta.items() if not key.startswith(OWN)}
    elif meta is not None and not isinstance(meta, dict):
        changed["_meta"] = {}
    for name in _PARTS:
        part = body.get(name)
        if isinstance(part, dict):
            cleaned: Any = without_ours(part)
        elif isinstance(part, list):
            parts = [without_ours(one) if isinstance(one, dict) else one for one in part]
            cleaned = parts if any(new is not old for new, old in zip(parts, part, strict=True)) else part
        else:
            continue
        if cleaned is not part:
            changed[name] = cleaned
    return {**body, **changed} if changed else body


_PARTS: Final = ("content", "contents", "messages", "resource")
_HOLDERS: Final = frozenset((*_PARTS, "_meta"))
