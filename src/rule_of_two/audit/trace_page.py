"""A trace as one HTML page that loads nothing and runs nothing: it can be mailed, kept, and opened anywhere.

# INVARIANT: every text of others is escaped, controls included, and the page's own policy forbids scripts and loading;
# tests/audit/test_trace_page.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Final

from rule_of_two.audit.trace import Step, Trace
from rule_of_two.escape import visible
from rule_of_two.model import ORDER, Label, Outcome
from rule_of_two.wording import counted

_LANES: Final = {"A": "untrusted input", "B": "private data, sensitive systems", "C": "changes, communication"}
_WIDTH, _LANE, _LEFT, _TOP = 1000, 34, 250, 16
_STYLE: Final = """
:root{color-scheme:light dark;--a:#b04c12;--b:#2f6fb4;--c:#8a3fa0;--ok:#2a7347;--ask:#8a6000;--no:#b3261e;--dim:#686868}
@media(prefers-color-scheme:dark){
:root{--a:#f0935a;--b:#7fb3ea;--c:#d39be6;--ok:#6cc48f;--ask:#e0b04a;--no:#f28b82;--dim:#9c9c9c}}
body{font:15px/1.45 system-ui,sans-serif;max-width:66rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;margin:2rem 0 .5rem}
code,.m{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.9em}
table{border-collapse:collapse;width:100%}td{overflow-wrap:anywhere}.n{white-space:nowrap}
td,th{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0;border-bottom:1px solid #8884}
th{font-weight:600;color:var(--dim)}.dim{color:var(--dim)}
.allow{color:var(--ok)}.ask{color:var(--ask)}.deny{color:var(--no)}
.A{color:var(--a)}.B{color:var(--b)}.C{color:var(--c)}.new{font-weight:700;text-decoration:underline}
summary{cursor:pointer}details>div{margin:.3rem 0 .3rem 1rem}
.p{overflow-x:auto}svg{width:100%;min-width:48rem;height:auto}svg text{fill:currentColor;font-size:13px}
@media(max-width:48rem){
tr{display:flex;flex-wrap:wrap;column-gap:.6rem;border-bottom:1px solid #8884}
td,th{border:0;min-width:0}tr>:last-child{flex-basis:100%}}
"""
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_COLOURS: Final = {Outcome.ALLOW: "var(--ok)", Outcome.ASK: "var(--ask)", Outcome.DENY: "var(--no)"}


def page(trace: Trace, *, made_at: str, version: str) -> str:
    """The page. ``made_at`` and ``version`` say when, and by which version of this package, it was made."""
    title = f"Session {_text(trace.session)}"
    first, last = (trace.steps[0].at, trace.steps[-1].at) if trace.steps else ("", "")
    more = f" {trace.more:,} more are not shown." if trace.more else ""
    who = f"{_text(trace.client)}, {_text(trace.user)}, {_clock(first)} to {_clock(last)}"
    made = f"Made {_clock(made_at)} by rule-of-two {_text(version)} from the journal."
    return "\n".join(
        [
            "<!doctype html>",
            f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
            f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f"<style>{_STYLE}</style></head><body>",
            f"<h1>{title} <span>{_places(trace.held)}</span></h1>",
            f"<p class=dim>{who}; {counted(len(trace.steps), 'step')}.{more}</p>",
            *_picture(trace),
            "<h2>What happened</h2>",
            *_timeline(trace.steps),
            "<h2>What went in</h2>",
            _table(
                ("decision", "call", "document"), _incoming(trace.incoming), "Nothing untrusted or private went in."
            ),
            "<h2>Where data went</h2>",
            _table(("decision", "call", "to"), _outgoing(trace.outgoing), "Nothing went out."),
            f"<p class=dim>{made} <code>rule-of-two audit verify</code> tells whether that is whole.</p>",
            "</body></html>",
            "",
        ]
    )


def _picture(trace: Trace) -> Iterator[str]:
    """A lane for each label, from the step that brought it on; below them, what became of each call."""
    count = max(len(trace.steps), 1)
    height = _TOP + _LANE * 4 + 8
    yield '<div class="p">'
    yield f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="what the session held, step by step">'
    for place, label in enumerate(ORDER):
        y = _TOP + place * _LANE
        yield f'<text x="0" y="{y + 18}" class="{label}">[{label}] {_LANES[label]}</text>'
        yield f'<line x1="{_LEFT}" y1="{y + 13}" x2="{_WIDTH}" y2="{y + 13}" stroke="#8884"/>'
        yield from _bar(trace, label, y, count)
    y = _TOP + 3 * _LANE
    yield f'<text x="0" y="{y + 18}" class="dim">calls</text>'
    for place, step in enumerate(trace.steps):
        x = _x(place, count)
        if step.call is None or step.outcome is None:
            square = f'<rect x="{x - 5:.1f}" y="{y + 8}" width="10" height="10" fill="currentColor">'
            yield f"{square}<title>{escape(step.deed)}</title></rect>"
            continue
        told = f"d{step.number} {step.outcome} {_text(step.call.qualified)} {_text(step.targets)}"
        yield f'<circle cx="{x:.1f}" cy="{y + 13}" r="5" fill="{_COLOURS[step.outcome]}"><title>{told}</title></circle>'
    yield "</svg></div>"


def _bar(trace: Trace, label: Label, y: int, count: int) -> Iterator[str]:
    held = [place for place, step in enumerate(trace.steps) if label in step.held]
    if held:
        x = _x(held[0], count)
        yield (
            f'<rect x="{x - 5:.1f}" y="{y + 7}" width="{_WIDTH - x + 5:.1f}" height="12" rx="3" '
            f'fill="var(--{label.lower()})" opacity=".35"/>'
        )
    for place, step in enumerate(trace.steps):
        if step.call is not None and label in step.call.labels:
            filled = f"var(--{label.lower()})" if step.passed else "none"
            yield (
                f'<circle cx="{_x(place, count):.1f}" cy="{y + 13}" r="4.5" fill="{filled}" '
                f'stroke="var(--{label.lower()})" stroke-width="1.5"/>'
            )


def _x(place: int, count: int) -> float:
    return _LEFT + 12 + place * (_WIDTH - _LEFT - 24) / max(count - 1, 1)


def _timeline(steps: Iterable[Step]) -> Iterator[str]:
    yield "<table><tr><th>time<th>decision<th>session<th>outcome<th>call</tr>"
    for step in steps:
        yield f"<tr><td class='n m'>{_clock(step.at)[11:19]}<td class=m>{f'd{step.number}' if step.call else ''}"
        yield f"<td class='m n'>{_places(step.held, step.adds)}"
        if step.call is None:
            yield f"<td><td>{escape(step.deed)}</tr>"
            continue
        outcome = f"{step.outcome}{', let pass' if step.observed else ''}"
        yield f"<td class='{step.outcome}'>{outcome}<td>{''.join(_details(step))}</tr>"
    yield "</table>"


def _details(step: Step) -> Iterator[str]:
    call = step.call
    if call is None:
        return
    where = f" <span class=dim>{_text(step.targets)}</span>" if step.targets else ""
    yield f"<details><summary><span class=m>{_text(call.qualified)}</span> {_labels(call.labels)}{where}</summary>"
    why = " ".join(map(_text, step.messages))
    yield f"<div>Because <code>{_text(', '.join(step.policies)) or 'no policy'}</code>{f': {why}' if why else ''}</div>"
    for sentence in step.people:
        yield f"<div>{escape(sentence[:1].upper() + sentence[1:])}.</div>"
    if step.became:
        withheld = f", {counted(step.withheld, 'item')} withheld or dropped" if step.withheld else ""
        yield f"<div>What came of it: {escape(step.became)}{withheld}.</div>"
    yield f"<div class=dim>{_clock(step.at)}, <code>rule-of-two why d{step.number}</code></div></details>"


def _incoming(steps: Iterable[Step]) -> Iterator[Sequence[str]]:
    for step in steps:
        named = _call(step)
        for one in step.documents:
            yield (*named, escape(one.text))
        if not step.documents:
            yield (*named, f"the whole result{f' of {_text(step.targets)}' if step.targets else ''}")


def _outgoing(steps: Iterable[Step]) -> Iterator[Sequence[str]]:
    for step in steps:
        yield (*_call(step), _text(step.targets) or "<span class=dim>not named by the call</span>")


def _call(step: Step) -> tuple[str, str]:
    return f"<span class=m>d{step.number}</span>", "" if step.call is None else _text(step.call.qualified)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], nothing: str) -> str:
    """Cells are markup already."""
    lines = "".join(f"<tr>{''.join(f'<td>{cell}' for cell in row)}</tr>" for row in rows)
    heads = "".join(f"<th>{heading}" for heading in headings)
    return f"<table><tr>{heads}</tr>{lines}</table>" if lines else f"<p>{nothing}</p>"


def _places(held: Iterable[Label], adds: Iterable[Label] = ()) -> str:
    """All three places, those that are free too."""
    have, new = frozenset(held), frozenset(adds)
    parts = []
    for label in ORDER:
        classes = f"{label} new" if label in new else label
        parts.append(f'<span class="{classes}">[{label}]</span>' if label in have else "<span class=dim>[ ]</span>")
    return "".join(parts)


def _labels(labels: Iterable[Label]) -> str:
    have = frozenset(labels)
    return "".join(f'<span class="{label}">[{label}]</span>' for label in ORDER if label in have)


def _text(text: str) -> str:
    return escape(visible(text))


def _clock(at: str) -> str:
    return _text(f"{at[:19].replace('T', ' ')}Z") if at else ""
