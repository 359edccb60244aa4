"""In which clients the gateway is installed, and what these reach without it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from rule_of_two.doctor.fact import Fact
from rule_of_two.doctor.registered import registered
from rule_of_two.doctor.setup import facts
from rule_of_two.gateway.config import load_config
from tests.doctor.samples import Patient


def _facts(home: Path, client: str, servers: Any, **more: Any) -> list[Fact]:
    (home / ".cursor").mkdir(exist_ok=True)
    (home / ".cursor" / "mcp.json").write_text(
        servers if isinstance(servers, str) else json.dumps({"mcpServers": servers})
    )
    return registered(home / "r2.yaml", client, home, {}, **more)


def _entry(home: Path, command: str = sys.executable, config: str = "r2.yaml") -> dict[str, Any]:
    return {"command": command, "args": ["-m", "rule_of_two", "--config", str(home / config), "serve"]}


def test_a_client_that_starts_the_gateway_alone_is_in_order(tmp_path: Path) -> None:
    for client in ("cursor", "generic"):
        (fact,) = _facts(tmp_path, client, {"rule-of-two": _entry(tmp_path)})
        assert (fact.what, fact.good) == ("client cursor", True)


@pytest.mark.parametrize(
    ("others", "says"),
    [
        ({"mail": {"command": "x"}}, "it reaches mail without the gateway"),
        ({"w": {"command": "rule-of-two", "args": ["wrap", "--", "x"]}}, "all its servers are behind the gateway"),
    ],
)
def test_servers_beside_the_gateway_are_named(tmp_path: Path, others: dict[str, Any], says: str) -> None:
    (fact,) = _facts(tmp_path, "cursor", {"rule-of-two": _entry(tmp_path), **others})
    assert says in fact.says


def test_an_entry_that_starts_something_that_is_gone_or_another_configuration_is_named(tmp_path: Path) -> None:
    gone = {"command": "/gone/rule-of-two", "args": ["--config", str(tmp_path / "r2.yaml"), "serve"]}
    (fact,) = _facts(tmp_path, "cursor", {"us": gone})
    assert (fact.good, "/gone/rule-of-two, not this program" in fact.says) == (False, True)
    (fact,) = _facts(tmp_path, "cursor", {"us": _entry(tmp_path, config="other.yaml")})
    assert (fact.good, "other.yaml" in fact.says) == (False, True)


def test_only_the_clients_of_the_configuration_and_those_that_have_it_are_told_of(tmp_path: Path) -> None:
    (fact,) = _facts(tmp_path, "cursor", {"mail": {"command": "x"}})
    assert (fact.good, "rule-of-two install cursor" in fact.next) == (False, True)
    assert _facts(tmp_path, "generic", {"mail": {"command": "x"}}) == []
    (fact,) = _facts(tmp_path, "cursor", "{")
    assert (fact.good, "is not valid JSON" in fact.says) == (False, True)
    assert _facts(tmp_path, "generic", "{") == []


def test_a_server_that_its_client_hands_values_is_not_said_to_fail(patient: Patient) -> None:
    patient.configure(mcpServers={"a": {"command": "x", "args": ["${env:RULE_OF_TWO_GIVEN_WORKSPACEFOLDER_52D1A6}"]}})
    found = {fact.what: fact for fact in facts(load_config(patient.file), patient.file, patient.state, start=False)}
    assert found["server a"].good
    assert "a gateway" not in found
