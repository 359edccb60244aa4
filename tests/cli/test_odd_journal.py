"""An entry that no gateway wrote is told of in one sentence, and hides nothing else."""

from __future__ import annotations

import json
import subprocess

import pytest

from rule_of_two.store.journal import JournalStore, Line
from tests.harness import House


def _written(house: House, *bodies: dict[str, object]) -> None:
    store = JournalStore(house.state)
    for body in bodies:
        store.append_now(Line("2026-11-28T10:00:00+00:00", "decision", "s", None, body))
    store.close()


def _run(house: House, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(house.command(*arguments), capture_output=True, text=True, check=False)


@pytest.mark.parametrize("body", [{}, {"outcome": "allow"}, {"held": [], "reserved": None}], ids=json.dumps)
def test_a_decision_that_no_gateway_wrote_is_unreadable(house: House, body: dict[str, object]) -> None:
    _written(house, body, body)
    why = _run(house, "why", "d1")
    assert why.returncode == 2
    assert "entry 1 of the journal cannot be read" in why.stderr
    assert "Traceback" not in why.stderr
    tail = _run(house, "audit", "tail")
    assert tail.returncode == 0
    assert [line.split()[2] for line in tail.stdout.splitlines()] == ["unreadable", "unreadable"]
