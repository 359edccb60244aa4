"""Why a gateway held something back, in one line: what its journal says, as `rule-of-two audit tail` prints it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from examples.stage import House
from rule_of_two.policy.load import load_policies


async def reason(house: House) -> str:
    """The first decision that stopped or withheld something, or set an argument; empty if there is none."""
    entries = map(json.loads, (await house.run("--json", "audit", "tail")).splitlines())
    policies = load_policies(json.loads(house.config.read_text())["policies"], relative_to=Path()).by_id
    said = {name: policy.message or "" for name, policy in policies.items()}
    decided = ((one["number"], told(one["body"], said)) for one in entries if one["kind"] == "decision")
    return next((f"d{number} {text}" for number, text in decided if text), "")


def told(body: Mapping[str, Any], said: Mapping[str, str]) -> str:
    """The last policy by which a decision held something back, and what it ``said``; empty if it held nothing back."""
    withheld = body.get("dropped_items", ()) if body["outcome"] == "allow" else (body,)
    if withheld:
        policy = withheld[0]["policies"][-1]
        return f"{policy}: {said[policy]}"
    return "; ".join(f"{one['by']} sets {one['pointer']} to {one['value']}" for one in body.get("forced", ()))
