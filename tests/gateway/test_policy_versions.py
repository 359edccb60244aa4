"""The versions of policies that were in force: kept, listed, compared and put back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.harness import House, outcome
from tests.policies import BLOCK_NOTHING, BLOCK_READS, events, own, until


async def _two_versions(house: House) -> tuple[Path, list[str]]:
    """A set of the operator's own that was changed under a running gateway; both versions, the first one first."""
    file = own(house)
    async with house.gateway() as gateway:
        await gateway.call("rec__read_private")
        file.write_text(BLOCK_READS)
        await until(house, "in_force", 2)
        await gateway.call("rec__read_private")
        await gateway.call("rec__read_private")
    return file, [one["content"] for one in events(house, "in_force")]


def _history(house: House, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(house.run("--json", "policy", "history", code=code))
    return found


async def test_the_history_lists_what_was_in_force_with_its_decisions_and_what_changed(house: House) -> None:
    _, (first, second) = await _two_versions(house)
    newest, oldest = _history(house)["versions"]
    assert [(one["version"], one["decisions"]) for one in (newest, oldest)] == [(second, 2), (first, 1)]
    assert newest["summary"] == "+1 -1 policies"
    assert [(one["name"], one["change"]) for one in newest["changed"]["policies"]] == [
        ("policy own.no-private", "added"),
        ("policy own.nothing", "removed"),
    ]
    lines = house.run("policy", "history").splitlines()
    assert [line.split()[0] for line in lines] == [second[:12], first[:12]]
    assert "2 decisions  +1 -1 policies" in lines[0]


async def test_versions_are_private_files(house: House) -> None:
    await _two_versions(house)
    files = list((house.state / "policies").iterdir())
    assert len(files) == 2
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


async def test_a_difference_is_one_of_meaning_by_id_and_a_version_is_also_named_as_decisions_do(house: House) -> None:
    file, (first, second) = await _two_versions(house)
    decided = house.journal("decision")[0]["policy_version"]
    assert decided not in {first, second}
    told = house.run("policy", "diff", decided[:10], second[:8])
    assert "policy own.no-private: added" in told
    assert '  +@id("own.no-private")' in told
    assert "policy own.nothing: removed" in told
    file.write_text(f"// Another layout.\n\n{BLOCK_READS}")
    assert house.run("policy", "diff", second[:8]) == "They are the same version.\n"


async def test_a_rollback_writes_the_files_back_and_a_running_gateway_takes_them(house: House) -> None:
    file, (first, _) = await _two_versions(house)
    extra = file.parent / "extra.cedar"
    extra.write_text('@id("own.extra") @message("More.") forbid (principal, action, resource) when { context.frozen };')
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("rec__read_private"))[0] == "deny"
        told = house.run("policy", "rollback", first[:8], "--dry-run")
        assert f"would be written: {file}" in told
        assert f"would be removed: {extra}" in told
        assert (file.read_text(), extra.exists()) == (BLOCK_READS, True)
        house.run("policy", "rollback", first[:8], "--yes")
        await until(house, "in_force", 4)
        assert outcome(await gateway.call("rec__read_private"))[0] == "allow"
    assert (file.read_text(), extra.exists()) == (BLOCK_NOTHING, False)
    assert "already" in house.run("policy", "rollback", first[:8], "--yes")
    kept = [one for one in _history(house)["versions"] if one["changed"] and "own.extra" in json.dumps(one["changed"])]
    assert kept


async def test_what_is_wrong_now_is_kept_before_it_is_written_over(house: House) -> None:
    file, (first, _) = await _two_versions(house)
    file.write_text("permit (")
    house.run("policy", "rollback", first[:8], "--yes")
    assert file.read_text() == BLOCK_NOTHING
    (kept,) = (house.state / "policies").glob("unusable-*.json")
    assert json.loads(kept.read_text())[str(file)] == "permit ("


async def test_a_rollback_asks_first(house: House) -> None:
    file, (first, _) = await _two_versions(house)
    house.run("policy", "rollback", first[:8], code=130)
    assert file.read_text() == BLOCK_READS


async def test_a_store_that_cannot_be_written_stops_nothing(house: House) -> None:
    file = own(house)
    house.state.mkdir()
    (house.state / "policies").write_text("in the way")
    async with house.gateway() as gateway:
        file.write_text(BLOCK_READS)
        await until(house, "in_force", 2)
        assert outcome(await gateway.call("rec__read_private"))[0] == "deny"
    assert gateway.stderr.count("cannot be kept for later") == 2


@pytest.mark.parametrize(("name", "said"), [("123", "too short"), ("1234567", "no version is called")])
async def test_what_names_no_version_is_said(house: House, name: str, said: str) -> None:
    await _two_versions(house)
    assert said in house.run("policy", "diff", name, code=2)


def test_where_no_gateway_ran_yet_there_is_no_version_and_it_says_so(house: House) -> None:
    assert house.run("policy", "history").startswith("No version was in force yet:")
    assert json.loads(house.run("--json", "policy", "history")) == {"versions": [], "refused": []}
