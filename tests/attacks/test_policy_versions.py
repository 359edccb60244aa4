"""Files of the state say which policies were in force; whoever can write there puts nothing into force by them."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.harness import House
from tests.policies import BLOCK_NOTHING, BLOCK_READS, events, own, until

HOSTILE = """
@id("own.x") @message("\\u{1b}[2J\\u{202e}")
forbid (principal, action, resource) when { context.frozen }; // \x1b[2J
"""
Forge = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder in which a version was in force and is no more, and that version; to be copied, not to be changed."""
    house = House(tmp_path_factory.mktemp("past"))
    return house.folder, asyncio.run(_old_version(house))


@pytest.fixture
def version(past: tuple[Path, str], house: House) -> str:
    """The old version, in the house of a test."""
    folder, version = past
    shutil.copytree(folder, house.folder, dirs_exist_ok=True)
    own(house, BLOCK_READS)
    return version


async def _old_version(house: House) -> str:
    file = own(house)
    async with house.gateway():
        file.write_text(BLOCK_READS)
        await until(house, "in_force", 2)
    version: str = events(house, "in_force")[0]["content"]
    return version


def _other_text(stored: dict[str, Any]) -> None:
    stored["own"][0]["files"]["own.cedar"] = '@id("own.all") @message("All.") permit (principal, action, resource);'


def _other_version(stored: dict[str, Any]) -> None:
    stored["version"] = "0" * 64


def _no_invariant(stored: dict[str, Any]) -> None:
    stored["shipped"]["invariant/policies.cedar"] = ""


def _more_lenient_invariant(stored: dict[str, Any]) -> None:
    text = stored["shipped"]["invariant/policies.cedar"]
    stored["shipped"]["invariant/policies.cedar"] = text.replace("forbid", "permit")


def _climbs(stored: dict[str, Any]) -> None:
    stored["own"][0]["files"]["../../evil.cedar"] = "permit (principal, action, resource);"


def _absolute(stored: dict[str, Any]) -> None:
    stored["own"].append({"reference": "/etc", "kind": "policies", "files": {"passwd.cedar": ""}, "signature": None})


def _other_kind(stored: dict[str, Any]) -> None:
    stored["own"][0]["files"]["run.sh"] = "#!/bin/sh"


def _unknown_key(stored: dict[str, Any]) -> None:
    stored["more"] = 1


def _deep(stored: dict[str, Any]) -> None:
    stored["own"][0]["files"]["own.cedar"] = f"permit (principal, action, resource) when {{ {'(' * 10_000} }};"


@pytest.mark.parametrize(
    "forge",
    [
        _other_text,
        _other_version,
        _no_invariant,
        _more_lenient_invariant,
        _climbs,
        _absolute,
        _other_kind,
        _unknown_key,
        _deep,
    ],
)
def test_a_version_that_was_changed_is_refused_by_name_everywhere(house: House, version: str, forge: Forge) -> None:
    file = house.state / "policies" / f"{version}.json"
    stored = json.loads(file.read_text())
    forge(stored)
    file.write_text(json.dumps(stored))
    assert str(file) in house.run("policy", "history", code=1)
    for command in (("diff", version), ("rollback", version, "--yes")):
        assert str(file) in house.run("policy", *command, code=2)
    assert (house.folder / "own" / "own.cedar").read_text() == BLOCK_READS
    assert not list(house.folder.parent.glob("evil.cedar"))


def test_a_rollback_writes_through_no_link(house: House, version: str) -> None:
    elsewhere = house.folder / "elsewhere.txt"
    elsewhere.write_text("mine")
    file = house.folder / "own" / "own.cedar"
    file.unlink()
    file.symlink_to(elsewhere)
    assert "is a link" in house.run("policy", "rollback", version, "--yes", code=2)
    assert elsewhere.read_text() == "mine"


def test_a_version_of_other_sets_is_not_put_back_over_these(house: House, version: str) -> None:
    house.settings["policies"] = ["default", "four-eyes", "./own"]
    said = house.run("policy", "rollback", version, "--yes", code=2)
    assert "put `policies: [default, ./own]`" in said
    assert (house.folder / "own" / "own.cedar").read_text() == BLOCK_READS


async def test_a_hostile_id_is_shown_as_text(house: House) -> None:
    file = own(house, BLOCK_NOTHING)
    async with house.gateway():
        file.write_text(HOSTILE)
        await until(house, "in_force", 2)
    first = events(house, "in_force")[0]["content"]
    assert "\x1b" not in house.run("policy", "diff", first)
    assert "\x1b" not in house.run("policy", "history")
