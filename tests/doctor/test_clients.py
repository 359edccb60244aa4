"""What an agent can do beside the gateway, by its client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rule_of_two.clients.profiles import PROFILES
from rule_of_two.doctor import clients
from rule_of_two.doctor.finding import Area, Result
from rule_of_two.gateway.config import Config


def _config(**settings: Any) -> Config:
    return Config.model_validate({"version": 1, "mcpServers": {}, **settings})


def test_every_profile_has_its_gap_named() -> None:
    assert set(clients.BESIDE) == set(PROFILES)
    for name in PROFILES:
        found = clients.own_tools(_config(client=name))
        assert (found.result, found.area) == (Result.SUCCEEDED, Area.GAP)
        assert name in found.evidence
        assert "ambient" in found.close


def test_an_operator_who_says_what_they_bring_has_closed_the_gap() -> None:
    found = clients.own_tools(_config(sessions={"ambient": ["A", "B"]}))
    assert found.result is Result.FAILED
    assert "[A][B]" in found.evidence


@pytest.mark.parametrize(
    ("channels", "taken", "result"),
    [
        (["console"], True, Result.FAILED),
        (["console", "elicitation"], False, Result.FAILED),
        (["console", "elicitation"], True, Result.SUCCEEDED),
    ],
)
def test_an_elicitation_approves_where_it_is_turned_on_and_policy_takes_it(
    channels: list[str], taken: bool, result: Result
) -> None:
    found = clients.elicitation(_config(approvals={"channels": channels}), taken=taken)
    assert (found.result, found.area) == (result, Area.APPROVE)
    assert bool(found.close) is (result is Result.SUCCEEDED)


def test_the_registration_is_looked_for_at_home(tmp_path: Path) -> None:
    config = _config(client="cursor")
    assert clients.registration(config, tmp_path) is None
    file = tmp_path / ".cursor" / "mcp.json"
    file.parent.mkdir()
    file.write_text("{}")
    found = clients.registration(config, tmp_path)
    assert found is not None
    assert (found.paths, found.area) == ((str(file),), Area.GAP)
    assert clients.registration(_config(), tmp_path) is None
