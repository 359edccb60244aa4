"""The page of a trace: it loads nothing and runs nothing, whatever the texts of others say."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from rule_of_two.audit.journal import Journal
from rule_of_two.audit.trace import trace
from rule_of_two.audit.trace_page import page
from rule_of_two.model import Action, Facts, Item, Outcome, Principal, SessionView, Target, Verdict, labels_in
from rule_of_two.store.journal import JournalStore

HOSTILE = "</title></td></svg><script>alert(1)</script><img src=x onerror=alert(1)> & \"'\x1b[2J\u202e"
TAGS = {
    "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "span", "code", "svg", "text", "line", "rect",
    "circle", "table", "tr", "th", "td", "details", "summary", "div",
}  # fmt: skip


class Seen(HTMLParser):
    """Every tag and attribute of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def trace_page(folder: Path, *, user: str = "local") -> str:
    """The page of two calls in which everything that others can write is hostile, and whose user is ``user``."""
    store = JournalStore(folder)
    times = (f"2026-11-22T10:00:{second:02}.000000+00:00" for second in range(60))
    journal = Journal(store, lambda: next(times), policy_version=lambda: "p", principal=Principal(user), client=HOSTILE)
    facts = Facts(
        Action.CALL_TOOL, HOSTILE, HOSTILE, labels_in("ABC"), targets=(Target("recipient", HOSTILE, HOSTILE),)
    )
    verdict = Verdict(Outcome.ALLOW, None, (HOSTILE,), (HOSTILE,))
    number = journal.decision_now(facts, SessionView("s-1"), verdict)
    item = Item(HOSTILE, "/x", labels_in("A"), HOSTILE, 1, authors=(HOSTILE,))
    journal.outcome(number, "s-1", "result", items=[item])
    journal.decision_now(facts, SessionView("s-1", {"A": number, "B": number, "C": number}), verdict)
    found = trace(store, "s-1")
    store.close()
    assert found is not None
    return page(found, made_at="2026-11-22T10:01:00.000000+00:00", version=HOSTILE)


def test_nothing_that_others_wrote_becomes_markup(tmp_path: Path) -> None:
    text = trace_page(tmp_path, user=HOSTILE)
    seen = Seen()
    seen.feed(text)
    assert seen.tags <= TAGS, seen.tags - TAGS
    assert not {name for name in seen.attributes if name.startswith("on") or name in {"src", "href", "srcdoc"}}
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "alert(1)" in seen.text


def test_it_loads_nothing_and_forbids_scripts(tmp_path: Path) -> None:
    text = trace_page(tmp_path)
    assert "default-src &#x27;none&#x27;; style-src &#x27;unsafe-inline&#x27;" in text
    assert re.findall(r"https?://|url\(|@import|<script|<link", text.replace("&lt;", "")) == []


def test_the_picture_has_a_lane_for_each_label_and_a_mark_for_each_call(tmp_path: Path) -> None:
    text = trace_page(tmp_path)
    assert all(f">[{label}] " in text for label in "ABC")
    assert text.count('r="5"') == 2
    assert text.count('rx="3"') == 3
