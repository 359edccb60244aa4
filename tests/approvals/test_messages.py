"""Lines of the channel: round trips, and nothing but whole, known messages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.approvals.answer import Refusal, Unanswered
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.messages import (
    MAX_LINE,
    PROTOCOL,
    Answered,
    Asked,
    ConsoleHello,
    Ended,
    GatewayHello,
    Refused,
    Sessions,
    SessionStatus,
    ToConsole,
    ToGateway,
    decode_to_console,
    decode_to_gateway,
    encode_to_console,
    encode_to_gateway,
)
from rule_of_two.approvals.question import Origin
from rule_of_two.errors import BadRequest, LimitExceeded
from rule_of_two.model import Label, Target
from tests.approvals.samples import a_question, an_answer
from tests.approvals.test_canonical import json_values

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
times = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1)).map(lambda time: time.replace(tzinfo=UTC))
origins = st.builds(Origin, call=st.integers(1, 2**40), name=texts, shown=texts, at=times)
helds: st.SearchStrategy[Mapping[Label, Origin]] = st.dictionaries(st.sampled_from(("A", "B", "C")), origins)
questions = st.builds(
    a_question,
    arguments=st.dictionaries(texts, json_values, max_size=4),
    forwarded=st.dictionaries(texts, json_values, max_size=2),
    held=helds,
    labels=st.frozensets(st.sampled_from(("A", "B", "C"))),
    targets=st.lists(st.builds(Target, st.just("url"), st.none() | texts, texts), max_size=3).map(tuple),
    name=texts,
    pin=st.none() | texts,
    now=times,
    wait=st.timedeltas(timedelta(seconds=1), timedelta(days=1)),
)

TO_CONSOLE: list[ToConsole] = [
    GatewayHello(protocol=PROTOCOL, gateway="g1"),
    Sessions(sessions=(SessionStatus(id="s", client="c", held=frozenset(("A", "B")), frozen=True),)),
    Asked(question=a_question()),
    Ended(question_id="q", verdict=Choice.YES, approver="alice"),
    Ended(question_id="q", unanswered=Unanswered.EXPIRED),
    Refused(question_id="q", reason=Refusal.DIGEST_MISMATCH),
]
TO_GATEWAY: list[ToGateway] = [
    ConsoleHello(protocol=PROTOCOL),
    ConsoleHello(protocol=PROTOCOL, token="00"),  # noqa: S106  # an example
    Answered(answer=an_answer(a_question())),
]


@pytest.mark.parametrize("message", TO_CONSOLE, ids=lambda message: type(message).__name__)
def test_what_a_gateway_says_comes_back_the_same(message: ToConsole) -> None:
    line = encode_to_console(message)
    assert line.count(b"\n") == 1
    assert decode_to_console(line) == message


@pytest.mark.parametrize("message", TO_GATEWAY, ids=lambda message: type(message).__name__)
def test_what_a_console_says_comes_back_the_same(message: ToGateway) -> None:
    assert decode_to_gateway(encode_to_gateway(message)) == message


@given(questions)
def test_a_question_comes_back_the_same_with_the_same_digest(question: Any) -> None:
    received = decode_to_console(encode_to_console(Asked(question=question)))
    assert isinstance(received, Asked)
    assert received.question == question
    assert received.question.digest == question.digest


GARBAGE = st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass"))


# Whole messages stand in this package as literals, and Hypothesis tries those.
@given(GARBAGE.filter(lambda line: b'"type"' not in line))
def test_garbage_is_refused(line: bytes) -> None:
    with pytest.raises(BadRequest, match="malformed"):
        decode_to_console(line)
    with pytest.raises(BadRequest, match="malformed"):
        decode_to_gateway(line)


@given(st.data())
def test_a_damaged_line_is_refused_or_is_another_whole_message(data: st.DataObject) -> None:
    line = bytearray(encode_to_console(data.draw(st.sampled_from(TO_CONSOLE))))
    for _ in range(data.draw(st.integers(1, 4))):
        line[data.draw(st.integers(0, len(line) - 1))] = data.draw(st.integers(0, 255))
    try:
        message = decode_to_console(bytes(line))
    except BadRequest:
        return
    assert decode_to_console(encode_to_console(message)) == message


def mutated(**changes: Any) -> bytes:
    document = json.loads(encode_to_console(Asked(question=a_question())))
    document["question"].update(changes)
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"arguments_json": '{"to": "x"}'},
        {"arguments_json": '{"to":"shown","to":"sent"}'},
        {"arguments_json": {"to": "x"}},
        {"labels": ["D"]},
        {"held": {"A": {"call": "3", "name": "n", "shown": "s", "at": "2026-11-22T14:00:00Z"}}},
        {"held": {"A": {"call": 3, "name": "n", "shown": "s", "at": "2026-11-22T14:00:00+01:00"}}},
        {"targets": [{"kind": "planet", "value": None, "shown": ""}]},
        {"targets": [{"kind": "url", "value": None, "shown": "", "note": "extra"}]},
        {"created_at": "2026-11-22T14:02:55"},
        {"expires_at": "2026-11-22T14:02:55Z"},
        {"extra": 1},
        {"id": None},
    ],
    ids=str,
)
def test_a_malformed_question_is_refused(changes: dict[str, Any]) -> None:
    decode_to_console(mutated())
    with pytest.raises(BadRequest):
        decode_to_console(mutated(**changes))


def test_a_gateway_that_shows_other_arguments_than_it_binds_is_refused() -> None:
    with pytest.raises(BadRequest, match="canonical"):
        decode_to_console(mutated(arguments_json='{"to":"alice@example.com","to":"mallory@evil.example"}'))


def test_text_that_is_not_unicode_is_refused_before_it_is_sent() -> None:
    with pytest.raises(BadRequest, match="not Unicode"):
        encode_to_console(Asked(question=a_question(name="\ud800")))
    with pytest.raises(BadRequest, match="not Unicode"):
        encode_to_gateway(Answered(answer=an_answer(a_question(), digest="\ud800")))


def test_a_line_that_no_console_would_take_is_refused() -> None:
    origin = Origin(call=1, name="n", shown="x" * MAX_LINE, at=a_question().created_at)
    with pytest.raises(LimitExceeded):
        encode_to_console(Asked(question=a_question(held={"A": origin})))


def test_an_answer_with_an_unprintable_approver_is_refused() -> None:
    line = encode_to_gateway(Answered(answer=an_answer(a_question()))).replace(b'"alice"', b'"\\u001b[2J"')
    with pytest.raises(BadRequest):
        decode_to_gateway(line)
