"""What is said of the items of a result, in every session that the request can belong to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rule_of_two.gateway.protected import ProtectedPaths
from rule_of_two.gateway.rulebook import Rulebook
from rule_of_two.gateway.verdicts import Verdicts
from rule_of_two.model import Item, Outcome, Principal, SessionView, labels_in
from rule_of_two.policy.load import load_policies
from rule_of_two.sessions.ledger import Ledger
from rule_of_two.sessions.memory import Memory
from rule_of_two.store.state import open_state

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
ITEMS = [Item(f"i{text}", f"/{text}", labels_in(text), "0", 1) for text in ("", "A", "B")]
FRESH, ACTED = SessionView("fresh"), SessionView("acted", {"B": 1, "C": 2})


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Verdicts]:
    rules = Rulebook(load_policies(["default"], relative_to=Path()), Principal(), "generic")
    with closing(open_state(tmp_path_factory.mktemp("state"))) as state:
        ledger = Ledger(state, Memory(), tenant="local", stores={}, clock=NOW.isoformat)
        yield Verdicts(rules, ProtectedPaths(()), lambda: NOW, None, ledger)


def outcomes(verdicts: Verdicts, view: SessionView, approvals: int = 0) -> list[Outcome]:
    return [one.outcome for one in verdicts.of_documents(ITEMS, "up", view, approvals=approvals)]


def test_each_item_is_judged_by_its_own_labels(verdicts: Verdicts) -> None:
    assert outcomes(verdicts, FRESH) == [Outcome.ALLOW] * 3
    assert outcomes(verdicts, ACTED) == [Outcome.ALLOW, Outcome.ASK, Outcome.ALLOW]
    assert outcomes(verdicts, ACTED, approvals=1) == [Outcome.ALLOW] * 3


def test_what_can_belong_to_several_sessions_must_be_fine_in_each(verdicts: Verdicts) -> None:
    for beside in ((FRESH, ACTED), (ACTED, FRESH)):
        assert outcomes(verdicts, SessionView("any", beside=beside)) == [Outcome.ALLOW, Outcome.ASK, Outcome.ALLOW]


def test_a_result_without_items_has_no_verdicts(verdicts: Verdicts) -> None:
    assert verdicts.of_documents([], "up", ACTED) == []
