"""What a client gets in place of what is withheld: how much, and opaque ids that a person can name at the console.

The text is for the model and its user. It holds no text of an upstream's, and nothing to obey.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rule_of_two.gateway.minimal_instance import NoInstance, minimal_object
from rule_of_two.gateway.notice import noticed
from rule_of_two.gateway.results import DECISION_KEY, OWN
from rule_of_two.model import Action, Decision

WITHHELD_KEY: Final = f"{OWN}withheld"
HANDLE_KEY: Final = f"{OWN}handle"
METHODS: Final = {
    Action.CALL_TOOL: "tools/call",
    Action.READ_RESOURCE: "resources/read",
    Action.GET_PROMPT: "prompts/get",
}
"""The methods whose results can be withheld."""
MOST_IDS: Final = 100
"""Ids that are told; the count says how many there are."""
_IN_TEXT: Final = 10


def withheld_result(
    method: str, decision: Decision, ids: Sequence[str], total: int, output_schema: Any = None
) -> dict[str, Any]:
    """The result of ``method`` when all of it is withheld: a normal one, which says so.

    ``ids`` are opaque ids of ours, one of each item that is withheld, of ``total``. With an ``output_schema`` it has
    structured content that the schema takes, which says so as well if the schema leaves room; where none can be made,
    it is an error with the same text, which needs none. Never raises, whatever the schema is.
    """
    text = withheld_text(decision, ids, total)
    return normal_result(method, text, {DECISION_KEY: decision.as_meta(), **withheld_meta(ids, total)}, output_schema)


def normal_result(method: str, text: str, meta: dict[str, Any], output_schema: Any = None) -> dict[str, Any]:
    """A result of ``method`` with a text of ours and nothing of an upstream's, as :func:`withheld_result` has it."""
    if method == "resources/read":
        contents = [{"uri": f"{OWN}withheld".replace("/", ":"), "mimeType": "text/plain", "text": text}]
        return {"contents": contents, "_meta": meta}
    block = {"type": "text", "text": text}
    if method == "prompts/get":
        return {"messages": [{"role": "user", "content": block}], "_meta": meta}
    result: dict[str, Any] = {"content": [block], "_meta": meta}
    if output_schema is not None:
        try:
            made = minimal_object(output_schema)
            result["structuredContent"] = noticed(made, output_schema, text, in_place=True)
        except NoInstance:
            result["isError"] = True
    return result


def with_notice(result: Mapping[str, Any], text: str, output_schema: Any = None) -> dict[str, Any]:
    """A result of a tool, some of whose items are withheld, which says so: in a block of its own, and in its structured
    content if the schema leaves room."""
    told = {**result, "content": [*result["content"], {"type": "text", "text": text}]}
    structured = result.get("structuredContent")
    if isinstance(structured, dict):
        schema = {} if output_schema is None else output_schema
        told["structuredContent"] = noticed(structured, schema, text, in_place=False)
    return told


def withheld_meta(ids: Sequence[str], total: int) -> dict[str, Any]:
    """What ``_meta`` of a result says of its withheld items."""
    return {WITHHELD_KEY: {"count": len(ids), "total": total, "ids": list(ids[:MOST_IDS])}}


def withheld_text(decision: Decision, ids: Sequence[str], total: int) -> str:
    """One short paragraph."""
    count = len(ids)
    items = "1 item" if total == 1 else f"{total:,} items"
    what = f"this result ({items})" if count == total else f"{count:,} of {items} of this result"
    named = ", ".join(ids[:_IN_TEXT]) + (", …" if count > _IN_TEXT else "")
    number = f" (decision {decision.id}: `rule-of-two why {decision.id}`)" if decision.id else ""
    return f"rule-of-two withheld {what}: {named}. A person can look at it in `rule-of-two console`{number}."


def handle_text(told: Mapping[str, Any], decision: Decision) -> str:
    """What a client is told of a result that the gateway keeps, in one short paragraph."""
    takers = told["permitted"]
    named = ", ".join(takers[:_IN_TEXT]) + (", …" if len(takers) > _IN_TEXT else "")
    where = f"in one of these arguments: {named}" if takers else "nowhere: no mounted tool takes one"
    times = "once" if told["uses"] == 1 else f"{told['uses']} times"
    return (
        f"rule-of-two kept this result ({told['type']}, at most {told['size']:,} bytes) and handed over nothing of it. "
        f"Its handle is {told['handle']}: it can be passed, whole, {where}, {times} until {told['expires']}, and the "
        f"gateway puts the result in (decision {decision.id}: `rule-of-two why {decision.id}`)."
    )
