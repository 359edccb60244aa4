"""A file of cases: what it may say, and what it is told when it says something else."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rule_of_two.errors import ConfigurationError
from rule_of_two.model import Action, Approver, Facts, Outcome, Principal, SessionView, Target
from rule_of_two.policy.cases.case import Case, load_cases
from rule_of_two.policy.context import context_of
from tests.audit.test_recorded import ANYTHING

KEYS = (
    *(
        "session",
        "principal",
        "environment",
        "document",
        "approver",
        "choice",
        "approvals",
        "now",
        "by",
        "needs",
        "code",
    ),
    *("call", "expect", "name", "client", "channel"),
)
CALL = ("tool", "resource", "server", "action", "labels", "targets", "communicates")
HEAD = "version: 1\ncases:\n"


def load(tmp_path: Path, text: str) -> list[Case]:
    file = tmp_path / "cases.yaml"
    file.write_text(text, encoding="utf-8")
    return list(load_cases(file).cases)


def refused(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text)
    return str(caught.value).replace(f"{tmp_path}/", "")


def test_a_whole_case(tmp_path: Path) -> None:
    (case,) = load(
        tmp_path,
        """
version: 1
principal: {user: alice, tenant: acme, purpose: travel}
client: claude-code
now: 2026-03-02T09:00:00+01:00
cases:
  - name: a booking
    principal: {purpose: research}
    session: {id: s1, held: {A: 3, B: 5}, reserved: [C], dropped: true, frozen: true}
    call:
      tool: web__book__now
      labels: [B, C]
      targets: {hosts: [a.example], paths: [/srv/x], recipients: [b@a.example], amount: 12.5, complete: false}
    approvals: 2
    expect: ask
    by: [r2.ask-third-label]
    code: denied_by_policy
    needs: 2
""",
    )
    targets = [("host", "a.example"), ("path", "/srv/x"), ("recipient", "b@a.example"), ("amount", "12.5")]
    expected = tuple(Target(kind, value, value) for kind, value in targets)  # type: ignore[arg-type]  # kinds as text
    assert case.place.endswith("cases.yaml:7")
    assert case.principal == Principal("alice", "acme", (), "research", interactive=True)
    assert case.client == "claude-code"
    assert case.view == SessionView("s1", {"A": 3, "B": 5}, {"C": 1}, dropped=True, frozen=True)
    assert case.facts == Facts(
        Action.CALL_TOOL,
        "web",
        "book__now",
        frozenset(("B", "C")),
        (*expected, Target("host", None, "", exact=False)),
    )
    assert (case.approvals, case.needs, case.expect) == (2, 2, Outcome.ASK)
    assert case.now == datetime(2026, 3, 2, 8, tzinfo=UTC)


@pytest.mark.parametrize("given", [False, True])
def test_a_case_can_name_whole_addresses_and_say_that_they_were_given(tmp_path: Path, *, given: bool) -> None:
    targets = f"{{urls: ['https://a.example:8443/x?y=Z', 'http://b.example/'], given: {str(given).lower()}}}"
    (case,) = load(tmp_path, f"{HEAD}  - {{name: x, call: {{tool: web__x, targets: {targets}}}, expect: allow}}\n")
    assert case.facts is not None
    context = context_of(case.facts, case.view)["target"]
    assert context["urls"] == ["http://b.example/", "https://a.example:8443/x?y=Z"]
    assert context["hosts"] == ["a.example:8443", "b.example"]
    assert (context["complete"], context["known"], context["given"]) == (True, True, given)


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example",
        "https://A.example/",
        "HTTPS://a.example/",
        "https://u@a.example/",
        "https://a.example/#f",
        "/x",
    ],
)
def test_an_address_that_policies_never_see_so_is_refused(tmp_path: Path, url: str) -> None:
    case = f"{HEAD}  - {{name: x, call: {{tool: web__x, targets: {{urls: ['{url}']}}}}, expect: allow}}\n"
    assert "urls" in refused(tmp_path, case)


@pytest.mark.parametrize(
    ("call", "action", "name"),
    [
        ("{tool: web__x}", Action.CALL_TOOL, "x"),
        ("{resource: 'web__file:///a__b'}", Action.READ_RESOURCE, "file:///a__b"),
        ("{resource: 'web__file:///a', action: subscribe}", Action.SUBSCRIBE, "file:///a"),
        ("{prompt: web__sum}", Action.GET_PROMPT, "sum"),
        ("{server: web, action: sample}", Action.SAMPLE, "sample"),
        ("{server: web, action: receive}", Action.RECEIVE, "receive"),
    ],
)
def test_every_kind_of_request(tmp_path: Path, call: str, action: Action, name: str) -> None:
    (case,) = load(tmp_path, f"{HEAD}  - {{name: x, call: {call}, expect: allow}}\n")
    assert case.facts == Facts(action, "web", name, frozenset())


def test_a_person_has_the_sessions_tenant_and_their_own_name_unless_said(tmp_path: Path) -> None:
    more = "call: {tool: a__b}, choice: yes, expect: allow"
    both = load(
        tmp_path,
        f"version: 1\nprincipal: {{tenant: acme}}\ncases:\n  - {{name: x, approver: {{name: bob}}, {more}}}\n"
        f"  - {{name: y, approver: {{name: bob, user: b, tenant: t, roles: [r], signed: false}}, {more}}}\n",
    )
    assert [case.approver for case in both] == [
        Approver("bob", "bob", "acme", (), signed=True),
        Approver("bob", "b", "t", ("r",), signed=False),
    ]


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ("{name: x, call: {tool: a__b}, expects: allow}", "cases.yaml:3: unknown key 'cases.0.expects'; did you mean"),
        ("{name: x, call: {tools: a__b}, expect: allow}", "did you mean 'tool'?"),
        ("{name: x, call: {tool: a__b, targets: {host: [a]}}, expect: allow}", "did you mean 'hosts'?"),
        ("{name: x, call: {tool: a__b, resource: a__b}, expect: allow}", "name one of tool, resource, prompt"),
        ("{name: x, call: {tool: book}, expect: allow}", "a tool is named <server>__<name>, not 'book'"),
        ("{name: x, call: {server: a}, expect: allow}", "a server needs an action"),
        ("{name: x, call: {tool: a__b, action: sample}, expect: allow}", "a tool is not what sample is about"),
        ("{name: x, call: {tool: a__b, labels: [D]}, expect: allow}", "'A', 'B' or 'C'"),
        ("{name: x, call: {tool: a__b, targets: {hosts: [A.example]}}, expect: allow}", "write 'a.example'"),
        ("{name: x, call: {tool: a__b, targets: {paths: [x]}}, expect: allow}", "pattern"),
        ("{name: x, call: {tool: a__b, targets: {urls: [a.example/x]}}, expect: allow}", "write it as they do, such as https://a.example/"),
        ("{name: x, call: {tool: a__b, targets: {urls: ['https://A.example/']}}, expect: allow}", "write 'https://a.example/'"),
        ("{name: x, call: {tool: a__b, targets: {urls: ['https://a.example:443/']}}, expect: allow}", "write 'https://a.example/'"),
        ("{name: x, call: {tool: a__b, targets: {urls: ['https://a.example/#x']}}, expect: allow}", "write 'https://a.example/'"),
        ("{name: x, call: {tool: a__b, targets: {urls: ['https://u@a.example/']}}, expect: allow}", "it as they do"),
        ("{name: x, call: {tool: a__b}, expect: maybe}", "'allow', 'ask' or 'deny'"),
        ("{name: x, call: {tool: a__b}, expect: allow, code: nope}", "code"),
        ("{name: x, expect: allow}", "a case needs a call or a document"),
        ("{name: x, call: {tool: a__b}, choice: yes, expect: allow}", "a choice needs an approver"),
        ("{name: x, call: {tool: a__b}, approver: {name: b}, expect: allow}", "an approver needs a choice"),
        ("{name: x, approver: {name: b}, choice: yes, expect: allow}", "answers a call, and there is none"),
        ("{name: x, call: {tool: a__b}, approver: {name: b}, choice: freeze, expect: allow}", "needs no right"),
        ("{name: x, call: {tool: a__b}, approver: {name: b}, choice: yes, expect: ask}", "allow or deny"),
        ("{name: x, call: {tool: a__b}, now: 2026-03-02T09:00:00, expect: allow}", "should have timezone info"),
        ("{name: x, call: {tool: a__b}, session: {held: {A: -1}}, expect: allow}", "greater than or equal to 0"),
        ("{name: x, call: {tool: a__b}, session: {held: [[A]]}, expect: allow}", "held"),
        ("{name: x, call: {tool: a__b}, session: {held: [A, A]}, expect: allow}", "a label is held once"),
        ("{name: x, call: {tool: a__b}, now: 0001-01-01T00:00:00+23:00, expect: allow}", "beyond the years 1 to 9999"),
        ("{name: x, document: {server: m, expires: '9999-12-31T23:59:59-23:00'}, expect: deny}", "beyond the years"),
        ("{name: '', call: {tool: a__b}, expect: allow}", "at least 1 character"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, case: str, told: str) -> None:
    message = refused(tmp_path, f"{HEAD}  - {case}\n")
    assert message.startswith("cases.yaml:3: ")
    assert told in message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a",
        "version: 2\ncases: []",
        "version: 1\ncases: []",
        "version: 1\ncases: {}",
        "a: [" * 2000,
        "\0",
        HEAD.strip() + " &a [*a]",
    ],
)
def test_what_is_no_file_of_cases_is_refused(tmp_path: Path, text: str) -> None:
    assert refused(tmp_path, text).startswith("cases.yaml:")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=5), st.dictionaries(st.sampled_from(CALL), ANYTHING))
def test_any_case_is_one_or_an_error_of_one_sentence(
    tmp_path: Path, case: dict[str, Any], call: dict[str, Any]
) -> None:
    written = {"name": "x", "expect": "allow", "call": {"tool": "a__b", **call}, **case}
    file = tmp_path / "cases.yaml"
    file.write_text(json.dumps({"version": 1, "cases": [written]}))
    with contextlib.suppress(ConfigurationError):
        load_cases(file)
