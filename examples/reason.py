"""Why a gateway held something back, in one line: what its journal says, as `rule-of-two audit tail` prints it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from examples.stage import House


async def reason(house: House) -> str:
    """The first decision that stopped or withheld something, or set an argument; empty if there is none."""
    entries = map(json.loads, (await house.run("--json", "audit", "tail")).splitlines())
    decided = ((entry["number"], told(entry["body"])) for entry in entries if entry["kind"] == "decision")
    return next((f"d{number} {text}" for number, text in decided if text), "")


def told(body: Mapping[str, Any]) -> str:
    """What a decision held back and by which policies; empty if it held nothing back."""
    if body["outcome"] != "allow":
        return f"{', '.join(body['policies'])}: {body['messages'][0]}"
    if withheld := body.get("dropped_items"):
        policies = dict.fromkeys(policy for document in withheld for policy in document["policies"])
        return f"{', '.join(policies)}: {len(withheld)} withheld"
    return "; ".join(f"{one['pointer']} is set to {one['value']} by {one['by']}" for one in body.get("forced", ()))
