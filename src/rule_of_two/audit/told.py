"""What people were asked, and what they said, in sentences: from the journal's entries, for `why` and `audit tail`.

Names, targets and reasons come from consoles, the model and its servers: all of them are escaped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rule_of_two.audit.testimony import DROP, FREEZE, GRANT, NEW, WITHOUT, YES
from rule_of_two.escape import visible
from rule_of_two.model import label_text, labels_in
from rule_of_two.wording import counted

_DEEDS: Final = {
    DROP: "gave up [C] for the rest of the session",
    FREEZE: "answered no and froze the session",
    NEW: "started a new session, so that the call of the old one was refused",
    WITHOUT: "let in what asks nobody, and withheld the rest",
}
_COMMANDS: Final = {DROP: "gave up [C] in the session", FREEZE: "froze the session", NEW: "started a new session"}
_NOBODY: Final = {
    "pending": "the client could wait no longer: it was told to come back with the same call (ticket {ticket})",
    "backed_off": "nobody was asked: people had refused several times in a row",
    "too_many": "it was turned away unasked: too many questions were waiting (too_many)",
}


def said(body: Mapping[str, Any]) -> str:
    """``alice answered yes (signed with SHA256:…, T1)``: an answer's entry, or why there was none."""
    choice = body.get("answer")
    if not choice:
        reason = str(body.get("reason"))
        told = _NOBODY.get(reason, "nobody answered ({reason})")
        return told.format(reason=visible(reason), ticket=visible(str(body.get("ticket"))))
    needs = body.get("needs")
    several = f", one of {needs} who must" if choice == YES and isinstance(needs, int) and needs > 1 else ""
    several = _picked(body) or several
    deed = _granted(body) if choice == GRANT else _DEEDS.get(str(choice), f"answered {visible(str(choice))}{several}")
    return f"{visible(str(body.get('approver')))} {deed} ({assured(body)})"


def commanded(body: Mapping[str, Any]) -> str:
    """``alice froze the session (signed with SHA256:…)``: a command's entry."""
    choice = str(body.get("command"))
    return f"{visible(str(body.get('by')))} {_COMMANDS.get(choice, visible(choice))} ({assured(body)})"


def endorsed(body: Mapping[str, Any]) -> str:
    """``alice endorsed notes:path:/x for [A] up to stamp 7 (signed with SHA256:…)``: an endorsement's entry."""
    receipt = body.get("receipt")
    given = receipt.get("subject") if isinstance(receipt, Mapping) else None
    subject = given if isinstance(given, Mapping) else {}
    if subject.get("of") == "resource":
        labels = "".join(f"[{label}]" for label in subject.get("labels") or ())
        what = f"{subject.get('store')}:{subject.get('kind')}:{subject.get('value') or '*'}"
        what += f" for {labels} up to stamp {subject.get('up_to')}"
    else:
        what = f"the item {subject.get('id')} of {subject.get('upstream')}__{subject.get('name')}"
    return f"{visible(str(body.get('by')))} endorsed {visible(what)} ({assured(body)})"


def stored(one: Mapping[str, Any]) -> str:
    """``[A] through the stored resource notes:path:/x, written at d12 by session s-1``: a label of a decision's entry
    that only a stored resource brought."""
    through = f"[{visible(str(one.get('label')))}] through the stored resource {visible(str(one.get('resource')))}"
    if "decision" not in one:
        return f"{through}, written by another tenant's session"
    return f"{through}, written at d{visible(str(one['decision']))} by session {visible(str(one.get('session')))}"


def kept(stamps: Mapping[str, Any]) -> str:
    """``[A] clings to notes:path:/x``: what a decision stamped."""
    return "; ".join(f"{label_text(labels_in(labels))} clings to {visible(name)}" for name, labels in stamps.items())


def assured(body: Mapping[str, Any]) -> str:
    """What an answer or a command is worth as it was recorded; `audit verify` checks that it is."""
    receipt = body.get("receipt")
    if isinstance(receipt, Mapping) and receipt.get("signature"):
        tier = f", {visible(str(body['tier']))}" if "tier" in body else ""
        return f"signed with {visible(str(receipt.get('key')))}{tier}"
    return visible(str(body.get("assurance")))


def asked(body: Mapping[str, Any], *, answered: bool) -> str:
    """A question's entry. Only an answer proves that somebody saw it."""
    if "joins" in body:
        return f"a person was asked about this very call already (d{visible(str(body['joins']))})"
    who = "the client's user" if body.get("channel") == "elicitation" else "a person"
    shown = "was shown" if answered else "was to be shown"
    if isinstance(body.get("arrival"), Mapping):
        items = body["arrival"].get("items")
        what = counted(len(items), "item") if isinstance(items, list) else "what came back"
        return f"{who} {shown} what came back, {what} (digest {visible(str(body.get('digest'))[:12])}…)"
    return f"{who} {shown} exactly this call (digest {visible(str(body.get('digest'))[:12])}…)"


def _picked(body: Mapping[str, Any]) -> str:
    """To how much of a result a yes was; empty: to all of it, or it was none to a result."""
    receipt = body.get("receipt")
    items = receipt.get("items") if isinstance(receipt, Mapping) else None
    return f" to {counted(len(items), 'item')} of it" if isinstance(items, list) and items else ""


def _granted(body: Mapping[str, Any]) -> str:
    receipt = body.get("receipt")
    terms = receipt.get("grant") if isinstance(receipt, Mapping) else None
    if not isinstance(terms, Mapping):
        return "answered grant"
    given = terms.get("targets")
    targets = (
        ", ".join(str(one[-1]) for one in given if isinstance(one, list) and one) if isinstance(given, list) else ""
    )
    call = f"{terms.get('upstream')}__{terms.get('name')} to {targets}"
    uses, minutes = visible(str(terms.get("uses"))), visible(str(terms.get("minutes")))
    return f"granted {uses} calls of {visible(call)} within {minutes} minutes"
