"""What a tool seems to be able to do, with the reasons: for a person to judge, and never in force by itself.

A suggestion begins with [A, B, C] and takes a label off only where name and schema agree that it is not there. Names,
schemas and descriptions are the server's own words: each may add, and what is odd takes nothing off.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from rule_of_two.escape import visible
from rule_of_two.manifests.drafting.arguments import Argued, argued
from rule_of_two.manifests.hints import hinted
from rule_of_two.manifests.offer import OfferedPrompt, OfferedTool
from rule_of_two.manifests.tool_words import ACTING, Act, Named, named
from rule_of_two.model import ORDER, Label, Labels

_LONGEST: Final = 4000
"""Characters of a description that are looked through."""
_ACTS_IN_TEXT: Final = re.compile(
    r"\b(creat(?:es?|ing)|delet(?:es?|ing)|sends?|sending|writ(?:es?|ing)|updat(?:es|ing)|modif(?:y|ies|ying)"
    r"|removes?|removing|uploads?|publish(?:es)?|executes?|appends?|inserts?|overwrites?|destructive|triggers?|invokes?)\b",
    re.IGNORECASE,
)
_REACHES: Final = frozenset(("url", "host", "recipient", "amount", "command"))
"""Kinds of target with which a call reaches outside, or does whatever it is told."""


class Reason(Struct, frozen=True):
    """Why a label is suggested (``on``) or not. ``text`` may quote the server, with every hidden character shown."""

    label: Label
    on: bool
    text: str

    def __str__(self) -> str:
        return f"{self.label if self.on else f'not {self.label}'}: {self.text}"


class Suggestion(Struct, frozen=True):
    """Labels as they seem, one reason for each of A, B and C; and what is found in the arguments. ``notes`` are further
    things to look at."""

    labels: Labels
    reasons: tuple[Reason, ...]
    arguments: Argued
    notes: tuple[str, ...] = ()

    def as_facts(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "labels": sorted(self.labels),
            "reasons": [str(reason) for reason in self.reasons],
            "targets": {kind: list(at) for kind, at in self.arguments.targets.items()},
            "notes": list(self.notes),
        }


def suggest(tool: OfferedTool) -> Suggestion:
    """What a tool seems to do. Pure, and never raises for any tool."""
    name = named(tool.name)
    arguments = argued(tool.schema, name)
    hints = hinted(tool.annotations)
    reasons = (_a(name, arguments, hints), _b(name, arguments), _c(tool, name, arguments, hints))
    labels = frozenset(reason.label for reason in reasons if reason.on)
    return Suggestion(labels, reasons, arguments, tuple(_notes(tool, arguments)))


def suggest_prompt(prompt: OfferedPrompt) -> Suggestion:
    """What getting a prompt seems to do: it is text of the server's, with the caller's arguments in it."""
    properties = {name: {"type": "string"} for name in prompt.arguments}
    name = named(prompt.name)
    arguments = argued({"properties": properties}, name)
    reaching = _reaching(arguments)
    reasons = (
        Reason("A", True, "its text reaches the model; only who knows what it is made of can say that it is fixed"),
        Reason("B", True, "it may be made of what the server knows"),
        Reason("C", True, f"its argument {reaching} can reach outside")
        if reaching
        else Reason("C", False, "getting a text sends nothing, unless the server fetches it elsewhere"),
    )
    return Suggestion(frozenset(reason.label for reason in reasons if reason.on), reasons, arguments)


def suggest_resource(uri: str) -> Suggestion:
    """What reading a resource seems to do."""
    reasons = (
        Reason("A", True, "what stands there may be written by anyone"),
        Reason("B", True, "it may be private"),
        Reason("C", uri.startswith(("http://", "https://")), "reading it asks another host")
        if uri.startswith(("http://", "https://"))
        else Reason("C", False, "reading what stands at an address of the server's own sends nothing"),
    )
    return Suggestion(frozenset(reason.label for reason in reasons if reason.on), reasons, Argued())


def _a(name: Named, arguments: Argued, hints: Labels) -> Reason:
    if "A" in hints:
        return Reason("A", True, "its hint says open world")
    if name.act in ACTING:
        return Reason("A", True, "its answer, or an error, may quote what others wrote")
    return Reason("A", True, "what it returns may be written by strangers")


def _b(name: Named, arguments: Argued) -> Reason:
    away = _is_of_the_web(name, arguments)
    if away and not {"path", "command"} & set(arguments.targets):
        return Reason("B", False, f"it looks at the open web ({away}); B if that reaches your network or an account")
    return Reason("B", True, "it may return or reach what is private")


def _c(tool: OfferedTool, name: Named, arguments: Argued, hints: Labels) -> Reason:
    reaching = _reaching(arguments)
    if name.writing_verb:
        return Reason("C", True, f"'{name.writing_verb}' in its name changes or sends something")
    if reaching:
        return Reason("C", True, f"its argument {reaching} can carry data out")
    if "C" in hints:
        return Reason("C", True, "its hints do not say read-only")
    if name.outside:
        return Reason("C", True, f"it asks the open web ('{name.outside}'), and the question carries data out")
    return _c_of_reading(tool, name, arguments)


def _c_of_reading(tool: OfferedTool, name: Named, arguments: Argued) -> Reason:
    if name.act not in {Act.READ, Act.SEARCH}:
        return Reason("C", True, "nothing in its name says that it only reads")
    said = _ACTS_IN_TEXT.search(tool.description[:_LONGEST])
    if said:
        return Reason("C", True, f"its description speaks of '{said[0].lower()}'")
    mode = next((one for one in arguments.modes), None)
    if mode is not None:
        return Reason("C", True, f"its argument {visible(mode.pointer)} chooses what it does")
    free = arguments.targets.get("query", arguments.texts if name.act is Act.SEARCH else ())
    if free:
        at = visible(free[0])
        return Reason("C", True, f"its argument {at} is free text that leaves; not C if it searches your own data only")
    if arguments.cut:
        return Reason("C", True, "its arguments are not known, or too many or too odd to be looked through")
    return Reason("C", False, f"'{name.verb}' reads, and no argument names where to")


def _is_of_the_web(name: Named, arguments: Argued) -> str:
    if name.act is Act.FETCH and "url" in arguments.targets:
        return f"'{name.verb}' with a URL"
    return f"'{name.outside}'" if name.act is Act.SEARCH and name.outside else ""


def _reaching(arguments: Argued) -> str:
    return next((visible(at[0]) for kind, at in arguments.targets.items() if kind in _REACHES), "")


def _notes(tool: OfferedTool, arguments: Argued) -> Sequence[str]:
    previews = "may ask for a preview only: once you know that it does, a rule can say so"
    notes = [f"{visible(place.pointer)} {previews}" for place in arguments.dry]
    for place in arguments.modes:
        if not place.values:
            continue
        some = ", ".join(visible(str(value))[:40] for value in place.values[:6])
        notes.append(f"{visible(place.pointer)} chooses among several acts ({some}): rules can tell them apart")
    annotations = tool.annotations
    if isinstance(annotations, Mapping) and annotations.get("readOnlyHint") is True:
        notes.append("its hint says read-only: the server's own word, which takes nothing off")
    return notes


def as_text(labels: Labels) -> str:
    """``[A, C]``, as a manifest writes it."""
    return f"[{', '.join(label for label in ORDER if label in labels)}]"
