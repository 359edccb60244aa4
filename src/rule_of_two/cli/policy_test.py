"""``rule-of-two policy test``: cases in YAML, run on the real engine."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import click

from rule_of_two.cli.main import Context
from rule_of_two.cli.names import policy_sets
from rule_of_two.cli.output import print_json
from rule_of_two.escape import visible
from rule_of_two.gateway.acceptance import pinned_tools
from rule_of_two.gateway.config import found_config
from rule_of_two.policy.cases.run import Result, Runner, coverage
from rule_of_two.policy.cases.suite import Suite, suite_at, suites_of_sets
from rule_of_two.policy.references import told_path
from rule_of_two.policy.syntax import Policy
from rule_of_two.wording import counted

_MANY: Final = 200
"""Cases from which on a person is shown how far it is."""


@click.command()
@click.argument("paths", nargs=-1, shell_complete=policy_sets)
@click.option("--require-coverage", is_flag=True, help="Exit 1, too, when a policy decided none of the cases.")
@click.pass_obj
def test(context: Context, paths: tuple[str, ...], require_coverage: bool) -> None:
    """Run cases: those beside the sets of your configuration, or those of PATHS.

    A path is a file of cases, the folder of a set, or the name of a shipped set. Exit 1: a case did not come out as
    expected.

    \b
    Examples:
      rule-of-two policy test
      rule-of-two policy test ./policies/cases.yaml default
    """
    suites = _suites(context, paths)
    run: list[tuple[Suite, list[Result]]] = []
    for suite in suites:
        runner = Runner(suite.policies)
        runner.check(suite.cases.cases)
        run.append((suite, list(_shown(runner.run(suite.cases.cases), len(suite.cases.cases)))))
    uncovered = _uncovered(run)
    results = [result for _, several in run for result in several]
    failed = [result for result in results if not result.passed]
    if context.json:
        print_json(_as_facts(results, failed, uncovered))
    else:
        click.echo("\n".join(_lines(results, failed, uncovered, len(suites))))
    if failed or (require_coverage and uncovered):
        sys.exit(1)


def _suites(context: Context, paths: Sequence[str]) -> list[Suite]:
    config, path = found_config(context.config)
    tools = pinned_tools(config, context.state) if config is not None and config.typed_arguments else None
    if paths:
        return [suite_at(path, relative_to=Path.cwd(), tools=tools) for path in paths]
    return suites_of_sets(config.policies if config else ("default",), relative_to=path.parent, tools=tools)


def _shown(results: Iterator[Result], count: int) -> Iterator[Result]:
    """The results, with a bar on a terminal where they are many."""
    if count < _MANY or not sys.stderr.isatty():
        yield from results
        return
    with click.progressbar(results, length=count, label="cases", file=sys.stderr) as bar:
        yield from bar


def _uncovered(run: Sequence[tuple[Suite, list[Result]]]) -> list[Policy]:
    """What no case of any suite made decide; a policy of several suites need decide in one of them only."""
    covered = {name for suite, results in run for name in coverage(suite.policies, results)}
    found = {policy.id: policy for suite, _ in run for policy in suite.uncovered(covered)}
    return sorted(found.values(), key=lambda policy: (str(policy.file), policy.line))


def _lines(results: list[Result], failed: list[Result], uncovered: list[Policy], suites: int) -> Iterator[str]:
    """For people. Names come from files that somebody else may have written: each stays in its line."""
    for result in failed:
        case, came = result.case, result.verdict
        by = f" by {', '.join(came.policies)}" if came.policies else ""
        said = "".join(f" {visible(text)}" for text in (*came.messages, *came.errors))
        problems = "; ".join(result.problems)
        yield f"{case.place}: {visible(case.name)}: {visible(problems)}; it was {came.outcome}{by}.{said}"
    for policy in uncovered:
        yield f"{told_path(policy.file)}:{policy.line}: no case made {policy.id} decide"
    if not results:
        yield "There are no cases: write them into cases.yaml beside your policies, see docs/simulate.md."
        return
    told = f"{len(failed)} not as expected" if failed else "all as expected"
    without = counted(len(uncovered), "policy")
    yield f"{counted(len(results), 'case')} in {counted(suites, 'file')}, {told}; {without} without a case."


def _as_facts(results: list[Result], failed: list[Result], uncovered: list[Policy]) -> dict[str, Any]:
    return {
        "cases": len(results),
        "failed": len(failed),
        "results": [result.as_facts() for result in results],
        "uncovered": [{"id": one.id, "file": str(one.file), "line": one.line} for one in uncovered],
    }
