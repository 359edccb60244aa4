"""The sentence says what happens, to whom and after what, in words that fit the call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.approvals.headline import headline
from rule_of_two.approvals.masks import MASK, Masks
from rule_of_two.approvals.question import Origin
from rule_of_two.approvals.spans import Style, line_text
from rule_of_two.model import Action, Label, Target, TargetKind
from rule_of_two.records import replace
from tests.approvals.samples import HELD, LETTER, MALLORY, PAGE, SALARIES, a_question
from tests.test_escape import is_dangerous

AFTER = ' after reading untrusted "127.0.0.1:8000" and private "/srv/private/salaries.csv".'


def sentence(**members: Any) -> str:
    return line_text(headline(a_question(**members), Masks({}, ())))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("recipient", 'send something to "x"'),
        ("url", 'send a request to "x"'),
        ("host", 'send a request to "x"'),
        ("account", 'act on the account "x"'),
        ("path", 'change "x"'),
        ("command", 'run the command "x"'),
        ("query", 'send out the query "x"'),
    ],
)
def test_each_kind_of_target_has_its_words(kind: TargetKind, words: str) -> None:
    assert sentence(targets=(Target(kind, "x", "X"),)) == f"The agent wants to {words}{AFTER}"


def test_without_a_target_it_says_so() -> None:
    assert "change something or send something out, no target named, after" in sentence(targets=())


def test_the_farthest_reaching_target_is_named_and_the_amount_with_it() -> None:
    targets = (Target("path", "/a", "/a"), Target("amount", "500", "500"), MALLORY)
    assert 'send something to "mallory@evil.example", amount "500" after' in sentence(targets=targets)


def test_more_targets_than_fit_are_counted() -> None:
    targets = tuple(Target("recipient", f"{name}@x", name) for name in "abcd")
    assert 'to "a@x" and "b@x" and 2 more after' in sentence(targets=targets)


def test_a_target_that_could_not_be_parsed_is_shown_as_written_and_flagged() -> None:
    assert 'to "ht!tp:/x" (unreadable)' in sentence(targets=(Target("url", None, "ht!tp:/x"),))


def test_a_read_that_completes_the_set_is_called_a_read() -> None:
    held = {"A": PAGE, "C": replace(SALARIES, call=9, shown="bob@example.com")}
    target = Target("path", "/srv/private/x", "x")
    words = sentence(labels=frozenset(("B",)), held=held, targets=(target,))
    assert words == (
        'The agent wants to read private data: "/srv/private/x" after reading untrusted "127.0.0.1:8000" '
        'and acting on "bob@example.com".'
    )


def test_a_resource_without_a_target_is_named() -> None:
    words = sentence(labels=frozenset(("A", "B")), action=Action.READ_RESOURCE, name="memo://1", targets=())
    assert 'read untrusted and private data: "memo://1"' in words


def test_a_tool_that_reads_without_a_target_has_a_plain_sentence() -> None:
    assert "wants to read private data after" in sentence(labels=frozenset(("B",)), held={"A": PAGE}, targets=())


def test_one_call_that_brought_both_labels_is_named_once() -> None:
    words = sentence(held={"A": PAGE, "B": PAGE})
    assert words.endswith('after reading untrusted and private "127.0.0.1:8000".')


def test_a_call_that_completes_the_set_alone_has_no_cause() -> None:
    assert sentence(held={}) == 'The agent wants to send something to "mallory@evil.example".'


def test_an_origin_that_named_nothing_is_shown_by_its_call() -> None:
    assert 'untrusted "fetch__fetch"' in sentence(held={**HELD, "A": replace(PAGE, shown="")})


def test_secrets_are_hidden_in_the_sentence() -> None:
    question = a_question(targets=(Target("url", "x.test/?t=sesame-open", ""),))
    assert MASK in line_text(headline(question, Masks({"t": "sesame-open"}, ["/t"])))


@given(st.text(st.characters()), st.text(st.characters()))
def test_what_is_not_ours_is_quoted_and_safe(target: str, shown: str) -> None:
    held: Mapping[Label, Origin] = {"A": replace(PAGE, shown=shown)}
    spans = headline(a_question(arguments=LETTER, targets=(Target("path", target, ""),), held=held), Masks({}, ()))
    assert not any(is_dangerous(character) for character in line_text(spans))
    for span in spans:
        if span.style is Style.QUOTED:
            assert '"' not in span.text[1:-1].replace('\\"', "")
    assert sum(span.style is Style.QUOTED for span in spans) == 2
