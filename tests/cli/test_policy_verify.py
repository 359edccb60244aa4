"""``rule-of-two policy verify`` and ``check``: exit codes, JSON, and what is said without the solver."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from rule_of_two.cli.policy import policy
from rule_of_two.policy.proof import solver, verification
from rule_of_two.policy.references import shipped_sets

PERMIT = '@id("own.permit")\npermit (principal, action, resource);\n'
PROPERTY = """@id("my.p")
@message("After [A], nothing acts.")
forbid (principal, action, resource)
when { context.held has A && context.labels.C };
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "own.cedar").write_text(PERMIT, encoding="utf-8")
    (tmp_path / "rule-of-two.yaml").write_text("version: 1\nmcpServers: {}\npolicies: [default, ./own]\n", "utf-8")
    return tmp_path


def run(*arguments: str, config: Path | None = None, as_json: bool = False) -> Result:
    return CliRunner().invoke(policy, arguments, obj=SimpleNamespace(config=config, json=as_json))


def test_a_set_that_is_proved_is_good(folder: Path) -> None:
    result = run("verify", "default")
    assert result.exit_code == 0, result.output
    assert "proved          No call that completes A+B+C runs unless a person says yes." in result.output
    assert "Proved means:" in result.output


def test_the_configurations_policies_and_the_properties_beside_them_are_verified(folder: Path) -> None:
    config = folder / "rule-of-two.yaml"
    assert run("verify", config=config).exit_code == 0
    (folder / "own" / "properties.cedar").write_text(PROPERTY, encoding="utf-8")
    result = run("verify", config=config)
    assert result.exit_code == 1
    assert "refuted         After [A], nothing acts.  (my.p, " in result.output
    assert "own.permit (" in result.output


def test_facts_for_scripts(folder: Path) -> None:
    (folder / "own" / "properties.cedar").write_text(PROPERTY, encoding="utf-8")
    facts = json.loads(run("verify", "default", "./own", as_json=True).output)
    assert facts["good"] is False
    assert facts["enumeration"]["differences"] == []
    (one,) = [claim for claim in facts["claims"] if claim["status"] == "refuted"]
    assert one["claim"] == "my.p"
    assert one["counterexample"]["request"]["context"]["held"] == {"A": 1}


def test_every_combination_of_the_shipped_sets(folder: Path) -> None:
    result = run("verify", "--combinations")
    assert result.exit_code == 0, result.output
    count = len(shipped_sets())
    assert f"Each of the {2**count} combinations of these {count} sets, with the invariant." in result.output
    assert re.search(r"It took [0-9]+\.[0-9] s\.$", result.output.rstrip())


def test_without_the_solver_it_enumerates_and_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "can_prove", lambda: False)
    result = run("verify", "default")
    assert result.exit_code == 2
    assert "enumerated" in result.output
    assert "proved" not in result.stdout
    assert "proofs need cvc5; install it with `pip install 'mcp-rule-of-two[prove]'`" in result.output
    assert json.loads(run("verify", "default", as_json=True).stdout)["claims"] is None


def test_the_solver_is_looked_for_and_nothing_else() -> None:
    assert solver.can_prove()


def test_what_does_not_load_is_a_matter_of_configuration(folder: Path) -> None:
    for arguments in (["verify", "nonsense"], ["verify", "./own/own.cedar", "./own/own.cedar"]):
        done = subprocess.run(
            [sys.executable, "-m", "rule_of_two", "policy", *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert done.stderr.startswith("rule-of-two: ")


def test_without_a_configuration_it_says_what_to_name(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rule_of_two", "policy", "verify"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "none"), "RULE_OF_TWO_CONFIG": ""},
    )
    assert done.returncode == 2
    assert "name sets, files or folders, such as `default`" in done.stderr


def test_progress_is_shown_where_stderr_is_a_terminal_and_nowhere_else(folder: Path) -> None:
    arguments = [sys.executable, "-m", "rule_of_two", "policy", "verify", "default"]
    ours, theirs = pty.openpty()
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=theirs, check=False)
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "the invariant on the engine …" in shown
    assert shown.endswith("\r\x1b[K")
    assert subprocess.run(arguments, capture_output=True, check=False).stderr == b""


def test_check_is_good_or_says_what_is_wrong(folder: Path) -> None:
    assert run("check", "default").exit_code == 0
    (folder / "own" / "own.cedar").write_text(PERMIT.replace("own.permit", "Own"), encoding="utf-8")
    result = run("check", "./own")
    assert result.exit_code == 1
    assert "own.cedar:1: @id 'Own': an @id is kebab-case" in result.output
    assert "1 error, 0 warnings" in result.output
    facts = json.loads(run("check", "./own", as_json=True).output)
    assert (facts["good"], facts["findings"][0]["level"], facts["findings"][0]["line"]) == (False, "error", 1)


def test_check_fixes_the_format(folder: Path) -> None:
    file = folder / "own" / "own.cedar"
    file.write_text(PERMIT.replace("permit (", "permit("), encoding="utf-8")
    assert run("check", "./own").exit_code == 1
    result = run("check", "--fix", "./own")
    assert (result.exit_code, file.read_text(encoding="utf-8")) == (0, PERMIT)
    assert f"formatted {file}" in result.output


def test_checks_findings_stand_in_the_order_of_what_has_to_be_done(folder: Path) -> None:
    twice = PERMIT + "\n" + PERMIT.replace("own.permit", "own.again").replace(";", "\nwhen { context.frozen };")
    (folder / "own" / "own.cedar").write_text(twice, encoding="utf-8")
    result = run("check", "./own")
    assert [line.split(":")[0] for line in result.output.splitlines()[:-1]] == ["warning"]


MAIL = """@id("own.mail")
@message("This mail goes to a stranger.")
forbid (principal, action in Gateway::Action::"use", resource)
unless
{
  principal has agent &&
  principal.agent has recipients &&
  principal.agent.recipients.containsAll(context.target.recipients)
};
"""
NAMES_SOMEBODY = """@id("my.somebody")
@message("Every call names somebody.")
forbid (principal, action in Gateway::Action::"use", resource)
when { context.target.recipients.isEmpty() };
"""


def test_a_counterexample_says_that_a_set_is_empty_and_where_policies_stand_in_words_of_the_operator(
    folder: Path,
) -> None:
    (folder / "own" / "own.cedar").write_text(MAIL, encoding="utf-8")
    (folder / "own" / "properties.cedar").write_text(NAMES_SOMEBODY, encoding="utf-8")
    result = run("verify", "default", "./own")
    assert "(my.somebody, own/properties.cedar:1)" in result.output
    told = result.output.partition("Every call names somebody.")[2]
    assert "the call brings no label; " in told
    assert "context.target.recipients is empty; principal.agent.recipients is empty" in told
    assert "by default.permit-use (policies/default/policies.cedar:3)." in told
    assert str(folder) not in result.output


@pytest.mark.parametrize(("providers", "errors"), [("", 1), ("providers: {device: {id: d, managed: true}}\n", 0)])
def test_check_knows_from_the_configuration_what_is_supplied(folder: Path, providers: str, errors: int) -> None:
    needs = PERMIT.replace(";", "\nwhen { context has device && context.device.managed };")
    (folder / "own" / "own.cedar").write_text(needs, encoding="utf-8")
    config = folder / "rule-of-two.yaml"
    config.write_text(f"version: 1\nmcpServers: {{}}\npolicies: [./own]\n{providers}", encoding="utf-8")
    result = run("check", config=config)
    assert result.exit_code == errors, result.output
    assert ("needs `context.device`, and no provider supplies that" in result.output) is bool(errors)
