"""Shipped manifests are found by what a launch names, without parsing the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from rule_of_two.manifests.load import list_manifests
from rule_of_two.manifests.recognise import Launch, names_of, recognise
from rule_of_two.shipped import shipped
from tests.manifests.bound import shipped_document

NAMES = sorted(file.stem for file in shipped("tool_manifests").iterdir())


def launches(name: str) -> Iterator[Launch]:
    """One for each name that a manifest matches, as people start it."""
    match = shipped_document(name).match
    yield from (Launch("npx", ("-y", one)) for one in match.npm)
    yield from (Launch("uvx", (one,)) for one in match.pypi)
    yield from (Launch("docker", ("run", "-i", "--rm", one)) for one in match.image)
    yield from (Launch(one) for one in match.command)
    yield from (Launch(url=one) for one in match.url)


def test_no_two_shipped_manifests_match_the_same_thing() -> None:
    claimed: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in NAMES:
        for kind, matched in shipped_document(name).match.model_dump().items():
            for one in matched:
                claimed[kind, one.lower()].append(name)
    assert {place: names for place, names in claimed.items() if len(names) > 1} == {}


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_manifest_is_among_those_that_name_what_it_matches_in_the_same_letters(name: str) -> None:
    for launch in launches(name):
        found = recognise(launch, list_manifests((), naming=names_of([launch])))
        assert found is shipped_document(name) or (found is not None and found.server == name), launch


def test_what_no_launch_names_is_not_parsed() -> None:
    launch = Launch("uvx", ("mcp-server-fetch",))
    assert [one.server for one in list_manifests((), naming=names_of([launch]))] == ["fetch"]
    assert list_manifests((), naming=names_of([Launch("./own-server")])) == []
    assert names_of([Launch("npx", ("--odd", "x"))]) == frozenset()


def test_what_the_operator_keeps_is_always_read(tmp_path: Path) -> None:
    (tmp_path / "fetch.yaml").write_text("version: 1\nserver: mine\nmatch: {pypi: mcp-server-fetch}\n")
    (tmp_path / "other.yaml").write_text('version: 1\nserver: other\nmatch: {command: "\\x6fther"}\n')
    launches_ = [Launch("uvx", ("mcp-server-fetch",)), Launch("other")]
    documents = list_manifests([tmp_path], naming=names_of(launches_))
    assert [one.server for one in documents][:2] == ["mine", "other"]
    assert [getattr(recognise(launch, documents), "server", None) for launch in launches_] == ["mine", "other"]


def test_a_shipped_manifest_is_parsed_once() -> None:
    (first,) = list_manifests((), naming={"mcp-server-fetch"})
    (again,) = list_manifests((), naming={"mcp-server-fetch"})
    assert first is again
