"""``rule-of-two ledger``: what is shown, to whom, and what endorsing says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from rule_of_two.cli.main import cli
from rule_of_two.model import StoredResource, labels_in
from rule_of_two.sessions.ledger import Due, Ledger
from rule_of_two.sessions.memory import Memory
from rule_of_two.store.state import open_state

Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command on a state with three stamps: two of ours, one of another tenant's."""
    monkeypatch.setenv("RULE_OF_TWO_CONFIG", str(tmp_path / "none.yaml"))
    state = open_state(tmp_path / "state")
    rows = [
        ("local", StoredResource("notes", "path", "/n/x"), "AB"),
        ("other", StoredResource("notes", "path", "/n/\x1b[2Jsecret"), "A"),
    ]
    for tenant, resource, labels in rows:
        ledger = Ledger(state, Memory(), tenant=tenant, stores={}, clock=lambda: "2026-11-28T10:00:00.000000+00:00")
        due = [Due(resource, labels_in(labels))]
        state.write_now(lambda db, ledger=ledger, due=due: ledger.stamp(db, 12, "s-1", "notes__add", due))  # type: ignore[misc]
    state.close()

    def invoke(*arguments: str, code: int = 0, **more: Any) -> str:
        result = CliRunner().invoke(
            cli, ["--state", str(tmp_path / "state"), *arguments], standalone_mode=False, **more
        )
        found = result.exit_code if result.exception is None else getattr(result.exception, "code", 2)
        assert found == code, (result.output, result.exception)
        usage = result.exception is not None and not isinstance(result.exception, SystemExit)
        return str(result.exception) if usage else result.output

    return invoke


def test_the_list_names_what_wrote_it_and_hides_other_tenants(run: Run) -> None:
    shown = run("ledger", "list")
    assert "notes:path:/n/x" in shown
    assert "notes__add" in shown
    assert "another tenant's session" in shown
    assert shown.count("s-1") == 2
    assert "\x1b" not in shown
    facts = json.loads(run("--json", "ledger", "list"))
    assert facts[0] == {
        "stamp": 1,
        "resource": "notes:path:/n/x",
        "label": "A",
        "written_by": "notes__add",
        "decision": "d12",
        "session": "s-1",
        "at": "2026-11-28T10:00:00.000000+00:00",
        "endorsed": False,
    }
    assert [one["session"] for one in facts] == ["s-1", "s-1", None]
    theirs = json.loads(run("--json", "ledger", "list", "--tenant", "other"))
    assert [one["session"] for one in theirs] == [None, None, "s-1"]
    assert run("ledger", "list", "--store", "elsewhere").strip() == "Nothing that is stored brings a label."


def test_show_says_what_reading_brings_and_names_nothing_of_another_tenants(run: Run) -> None:
    facts = json.loads(run("--json", "ledger", "show", "notes", "path", "/n"))
    assert [(one["label"], one["resource"]) for one in facts] == [
        ("A", "notes:path:/n/x"),
        ("B", "notes:path:/n/x"),
        ("A", "notes:path:/n"),
    ]
    assert "secret" not in run("ledger", "show", "notes", "path", "/n")
    assert run("ledger", "show", "notes", "path", "/o").strip() == "Reading it brings nothing."
    assert len(json.loads(run("--json", "ledger", "show", "notes"))) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ledger", "show", "notes", "path"), "say which path is meant"),
        (("ledger", "show", "notes", "path", "n/../x"), "cannot be read as a path"),
        (("ledger", "endorse", "notes"), "elsewhere say --yes"),
    ],
)
def test_what_cannot_be_meant_is_a_wrong_use(run: Run, arguments: tuple[str, ...], said: str) -> None:
    assert said in run(*arguments, code=2)


def test_endorsing_covers_our_stamps_and_not_another_tenants(run: Run) -> None:
    said = json.loads(run("--json", "ledger", "endorse", "notes", "--yes"))
    assert (said["endorsed"], said["labels"], said["up_to"]) == ("notes:store:*", ["A", "B"], 3)
    assert [one["endorsed"] for one in json.loads(run("--json", "ledger", "list"))] == [True, True, False]
    assert "endorsed notes:store:* for [A][B] up to stamp 3 (unsigned, advisory)" in run("audit", "tail")
    assert json.loads(run("--json", "audit", "verify"))["checked"]["endorsements"] == 1


def test_one_label_alone_can_be_endorsed(run: Run) -> None:
    said = run("ledger", "endorse", "notes", "path", "/n/x", "--label", "A", "--yes")
    assert said.strip() == "notes:path:/n/x: [A] no longer counts up to stamp 3"
    facts = json.loads(run("--json", "ledger", "show", "notes", "path", "/n/x"))
    assert [(one["label"], one["endorsed"]) for one in facts] == [("A", True), ("B", False)]
    assert "nothing to endorse" in run("ledger", "endorse", "notes", "path", "/n/x", "--label", "A", "--yes", code=1)
    assert "nothing to endorse" in run("ledger", "endorse", "notes", "path", "/o", "--yes", code=1)
