"""In which clients the gateway is installed, and which servers these reach without it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rule_of_two.clients.entries import configuration_of, is_gateway, is_wrapped, own_command
from rule_of_two.clients.hosts import HOSTS, Host, user_file
from rule_of_two.clients.jsonc import JsonTables
from rule_of_two.clients.tables import contents, matching
from rule_of_two.clients.toml_tables import TomlTables
from rule_of_two.doctor.fact import Fact
from rule_of_two.errors import RuleOfTwoError
from rule_of_two.replacing import read_regular


def registered(config: Path, client: str, home: Path, environment: Mapping[str, str] = os.environ) -> list[Fact]:
    """One fact for each client of this user that starts the gateway, and for the one of the configuration."""
    facts: list[Fact] = []
    for host in HOSTS.values():
        file = Path(user_file(host, sys.platform, environment, str(home)))
        try:
            members = _members(host, file)
        except RuleOfTwoError as error:
            if host.name == client:
                facts.append(Fact(f"client {host.name}", False, str(error), f"correct that in {file}"))
            continue
        if (fact := _fact(host, members, config, named=host.name == client)) is not None:
            facts.append(fact)
    return facts


def _fact(host: Host, members: Mapping[str, Any], config: Path, *, named: bool) -> Fact | None:
    ours = [raw for raw in members.values() if is_gateway(raw)]
    beside = [name for name, raw in members.items() if not is_gateway(raw) and not is_wrapped(raw)]
    what, again = f"client {host.name}", f"put that right: `rule-of-two install {host.name}`"
    if not ours:
        step = f"put it in front of its servers: `rule-of-two install {host.name}`"
        return Fact(what, False, "the gateway is not installed in it", step) if named else None
    others = [text for raw in ours if (text := configuration_of(raw)) is not None]
    if other := next((text for text in others if Path(text).resolve() != config.resolve()), None):
        says = f"its entry starts a gateway with another configuration, {other}"
        return Fact(what, False, says, f"look at it: `rule-of-two --config {other} doctor`")
    own = {*own_command()[:1], sys.executable}
    if foreign := next(
        (raw["command"] for raw in ours if os.sep in raw["command"] and raw["command"] not in own), None
    ):
        return Fact(what, False, f"its entry starts {foreign}, not this program", again)
    if beside:
        return Fact(what, False, f"it reaches {', '.join(beside)} without the gateway", again)
    return Fact(what, True, "all its servers are behind the gateway")


def _members(host: Host, file: Path) -> dict[str, Any]:
    text = (read_regular(file) or b"").decode(errors="replace")
    document = TomlTables(text, file) if host.format == "toml" else JsonTables(text, file)
    found: dict[str, Any] = {}
    for pattern in host.tables:
        for path, key in matching(document.value, pattern):
            for name, raw in (contents(document.value, path, file) or {}).items():
                found[name if key is None else f"{name} ({key})"] = raw
    return found
