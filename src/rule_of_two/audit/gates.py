"""The second gate in sentences, for `why`: what was sent to be looked at, what came back, and what of it was let in.

Names, authors and lines come from servers, manifests and the model: all of them are escaped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rule_of_two.audit.documents import call_of, lists_of, named
from rule_of_two.audit.recorded import recorded
from rule_of_two.escape import visible
from rule_of_two.model import label_text, labels_in
from rule_of_two.store.journal import Entry
from rule_of_two.wording import counted


def gate_lines(decision: Entry) -> list[str]:
    """What a decision says as one of two about the same call; nothing if it is the only one."""
    body, lines = decision.body, []
    defers = body.get("defers")
    if isinstance(defers, list):
        worst = label_text(labels_in(str(one) for one in defers))
        lines.append(f"It was sent to look at what it brings, {worst} at worst: nothing of that counted before.")
    if "releases" in body:
        lines.append(f"It is about what d{call_of(decision)} brought back, before that was handed over.")
        lines += item_lines(body)
    return lines


def item_lines(body: Mapping[str, Any]) -> list[str]:
    """Of a decision about what came back: what is handed over, what is dropped, and what is withheld."""
    lists = lists_of(body)
    (handed, count), (dropped, left_out), (withheld, waits) = (lists[name] for name in ("items", "dropped", "withheld"))
    if not (count or left_out or waits):
        return []
    whole = not count and not left_out and waits == 1 and not withheld[0].id if withheld else False
    total = "The result is one piece" if whole else f"Of {counted(count + left_out + waits, 'item')}"
    lines = [f"{total}: {count} handed over, {left_out} dropped by policy, {waits} not handed over."]
    if handed:
        lines.append(f"Handed over: {named(handed, count)}.")
    by: dict[tuple[str, ...], int] = {}
    for one in dropped:
        by[one.policies] = by.get(one.policies, 0) + 1
    for policies, times in by.items():
        some = [one for one in dropped if one.policies == policies]
        lines.append(f"Dropped by {visible(', '.join(policies)) or 'no policy'}: {named(some, times)}.")
    if withheld:
        lines.append(f"Not handed over: {named(withheld, waits)}. It is shown to a person at `rule-of-two console`.")
    return lines


def released_lines(entry: Entry) -> list[str]:
    """A later decision about what came back, as it follows the decision to send the call: in a few lines."""
    one, body = recorded(entry), entry.body
    if one is None:
        return [f"what came back was decided at d{entry.number}, which cannot be read"]
    by = f" [{visible(', '.join(one.policies))}]" if one.policies else ""
    again = "decided again" if one.again else "decided"
    observed = ", let pass by observe mode" if one.observed else ""
    lines = [f"what came back was {again}: d{entry.number} {one.outcome}{observed}, {label_text(one.labels)}{by}"]
    lowered = body.get("lowered_by")
    if isinstance(lowered, list):
        lines += [f"A label was lowered by {visible(str(line))}." for line in lowered]
    return lines + item_lines(body)
