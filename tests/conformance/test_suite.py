"""Reading what the suite wrote, and comparing two runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conformance import suite
from tests.conformance.suite import Check, Status, compare, count, other_than_passed, read_results, run_suite


def check(status: Status, message: str = "", *, name: str = "one") -> Check:
    return Check(name, name.title(), status, message)


def test_results_are_read_by_scenario(tmp_path: Path) -> None:
    folder = tmp_path / "server-tools-call-error-2026-11-27T22-07-07-830Z"
    folder.mkdir()
    written = [
        {"id": "a", "name": "A", "status": "SUCCESS", "details": {}},
        {"id": "b", "name": "B", "status": "FAILURE", "errorMessage": "no answer"},
    ]
    (folder / "checks.json").write_text(json.dumps(written))
    results = read_results(tmp_path)
    assert results == {"tools-call-error": [Check("a", "A", "SUCCESS"), Check("b", "B", "FAILURE", "no answer")]}
    assert count(results) == {"SUCCESS": 1, "FAILURE": 1}
    assert other_than_passed(results) == ["tools-call-error: B (b): FAILURE no answer"]


def test_equal_runs_do_not_differ_however_much_they_logged() -> None:
    direct = {"s": [check("SUCCESS"), check("INFO", name="log")]}
    assert compare(direct, {"s": [check("INFO", name="log"), check("INFO", name="log"), check("SUCCESS")]}) == []


def test_each_probe_of_one_check_is_compared() -> None:
    direct = {"s": [check("SUCCESS"), check("SUCCESS")]}
    assert compare(direct, {"s": [check("SUCCESS"), check("FAILURE", "why")]}) == [
        "s: One (one): SUCCESS -> FAILURE why"
    ]
    assert compare(direct, {"s": [check("SUCCESS")]}) == ["s: One (one): SUCCESS -> not made"]


@pytest.mark.parametrize("status", ["WARNING", "SKIPPED", "INFO"])
def test_a_check_that_no_longer_passes_differs(status: Status) -> None:
    assert compare({"s": [check("SUCCESS")]}, {"s": [check(status)]}) == [f"s: One (one): SUCCESS -> {status}"]


def test_a_scenario_that_only_one_run_has_differs() -> None:
    one = {"s": [check("SUCCESS")]}
    assert compare(one, {}) == ["s: One (one): SUCCESS -> not made"]
    assert compare({}, one) == ["s: One (one): not made -> SUCCESS"]


def test_a_suite_that_is_not_installed_fails_a_test_with_the_way_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(suite, "installed", lambda _name: None)
    with pytest.raises(AssertionError, match=r"run `python scripts/servers\.py --conformance`"):
        run_suite("http://127.0.0.1:9/mcp", "2026-07-28", tmp_path)
