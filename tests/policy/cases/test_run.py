"""Cases on the real engine: what passes, what fails and how it is told, and what they cover."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rule_of_two.errors import ConfigurationError
from rule_of_two.policy.cases.case import load_cases
from rule_of_two.policy.cases.run import Result, Runner, coverage

from ..conftest import GENEROUS, LoadText

OWN = """
@id("own.book") @message("Books are confirmed.")
forbid (principal, action, resource == Gateway::Tool::"web__book") unless { context.approved };
@id("own.rarely") @message("Never on a Monday.")
forbid (principal, action, resource) when { context.now < datetime("2000-01-01T00:00:00Z") };
"""

Try = Callable[..., list[Result]]


@pytest.fixture
def attempt(load_text: LoadText, tmp_path: Path) -> Try:
    """The results of cases, one text each, under the most generous permit and the policies above."""

    def run(*cases: str, sets: tuple[str, ...] = (), head: str = "") -> list[Result]:
        file = tmp_path / "cases.yaml"
        file.write_text(f"version: 1\n{head}cases:\n" + "".join(f"  - {{name: x, {case}}}\n" for case in cases))
        runner = Runner(load_text(OWN if sets else f"{GENEROUS}{OWN}", *sets))
        cases_of_file = load_cases(file).cases
        runner.check(cases_of_file)
        return list(runner.run(cases_of_file))

    return run


@pytest.mark.parametrize(
    ("case", "problem"),
    [
        ("call: {tool: web__read}, expect: allow, by: [test.permit-all]", None),
        ("call: {tool: web__book}, expect: ask, by: [own.book], needs: 1", None),
        ("call: {tool: web__book}, expect: allow, approvals: 1", None),
        ("call: {tool: web__book}, now: 1999-01-01T00:00:00Z, expect: deny, by: [own.rarely]", None),
        ("session: {held: [A, B]}, call: {tool: a__b, labels: [C]}, expect: ask, by: [r2.ask-third-label]", None),
        ("session: {dropped: true}, call: {tool: a__b, labels: [C]}, expect: deny, code: dropped_capability", None),
        ("session: {frozen: true}, call: {tool: a__b}, expect: deny, code: session_frozen", None),
        ("call: {tool: web__book}, expect: allow", "expected allow, came ask"),
        ("call: {tool: web__book}, expect: ask, by: [own.rarely]", "expected by own.rarely"),
        ("call: {tool: web__book}, expect: ask, needs: 2", "expected that 2 people have to say yes, came 1"),
        (
            "session: {frozen: true}, call: {tool: a__b}, expect: deny, code: withheld",
            "the code withheld, came session_",
        ),
    ],
)
def test_a_case_says_what_did_not_come_as_expected(attempt: Try, case: str, problem: str | None) -> None:
    (result,) = attempt(case)
    assert result.passed is (problem is None)
    assert (problem or "") in "; ".join(result.problems)


@pytest.mark.parametrize(
    ("case", "passes"),
    [
        ("call: {tool: a__b}, approver: {name: b}, choice: yes, expect: allow, by: [default.permit-approval]", True),
        ("call: {tool: a__b}, approver: {name: b, tenant: t}, choice: yes, expect: deny, by: [default.deny]", True),
        ("call: {tool: a__b}, session: {held: [A]}, approver: {name: b}, choice: grant, expect: deny", True),
        ("call: {tool: a__b}, approver: {name: b}, choice: yes, channel: elicitation, expect: deny", True),
        ("approver: {name: b}, choice: drop, expect: allow, by: [default.permit-session-management]", True),
        ("approver: {name: b, tenant: t}, choice: freeze, expect: allow", False),
    ],
)
def test_cases_of_who_may_answer(attempt: Try, case: str, passes: bool) -> None:
    sets = ("default", "four-eyes") if "elicitation" in case else ("default",)
    (result,) = attempt(case, sets=sets)
    assert result.passed is passes, result


def test_an_error_in_a_policy_is_a_denial_that_a_case_shows(load_text: LoadText, tmp_path: Path) -> None:
    policies = load_text(f'{GENEROUS}@id("own.e") @message("x") forbid (principal, action, resource) when '
                         "{ 9223372036854775807 + context.approvals + 1 > 0 };")  # fmt: skip
    file = tmp_path / "cases.yaml"
    file.write_text("version: 1\ncases:\n  - {name: x, call: {tool: a__b}, expect: deny, code: policy_error}\n")
    (result,) = Runner(policies).run(load_cases(file).cases)
    assert result.passed
    assert "own.e" in result.verdict.errors[0]


def test_a_mistyped_id_is_told_with_the_nearest(attempt: Try) -> None:
    with pytest.raises(ConfigurationError, match=r"cases.yaml:3: no policy has the @id 'own.bok'; did you mean 'own.b"):
        attempt("call: {tool: web__book}, expect: ask, by: [own.bok]")
    with pytest.raises(
        ConfigurationError, match=r"no policy has the @id 'zzz'; loaded are own.cedar and the invariant"
    ):
        attempt("call: {tool: web__book}, expect: ask, by: [zzz]")


def test_a_failing_case_with_a_mistyped_tool_is_told_the_nearest(attempt: Try) -> None:
    (result,) = attempt("call: {tool: web__bok}, expect: ask")
    assert "did you mean 'web__book'?" in result.problems[0]
    (other,) = attempt("call: {tool: mail__send}, expect: ask")
    assert "did you mean" not in other.problems[0]


def test_coverage_is_what_decided(attempt: Try, load_text: LoadText) -> None:
    results = attempt("call: {tool: web__book}, expect: ask", "call: {tool: a__b}, expect: allow")
    assert coverage(load_text(f"{GENEROUS}{OWN}"), results) == {"own.book", "test.permit-all"}


def test_what_a_case_says_of_its_principal_is_laid_over_the_files(attempt: Try) -> None:
    sets = ("default",)
    head = "principal: {interactive: false, user: alice}\n"
    asking = "call: {tool: a__b, labels: [A, B, C]}"
    results = attempt(
        f"{asking}, expect: deny, by: [default.deny-nobody-to-ask]",
        f"{asking}, principal: {{interactive: true}}, expect: ask",
        sets=sets,
        head=head,
    )
    assert [result.passed for result in results] == [True, True]
    assert results[1].case.principal.user == "alice"


def test_a_thousand_cases_run(attempt: Try) -> None:
    cases = [
        f"session: {{held: {{A: {n}}}}}, call: {{tool: web__t{n}, labels: [C]}}, expect: allow" for n in range(1000)
    ]
    assert all(result.passed for result in attempt(*cases))
