"""Of all shipped manifests at most one belongs to a server."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from rule_of_two.shipped import shipped
from tests.manifests.bound import shipped_document


def test_no_two_shipped_manifests_match_the_same_thing() -> None:
    claimed: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in sorted(Path(file.name).stem for file in shipped("tool_manifests").iterdir()):
        for kind, names in shipped_document(name).match.model_dump().items():
            for one in names:
                claimed[kind, one.lower()].append(name)
    assert {place: names for place, names in claimed.items() if len(names) > 1} == {}
