"""A context provider that misbehaves costs its own attribute, and nothing else."""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path

import pytest

from rule_of_two.gateway.providers.asking import ask
from rule_of_two.gateway.providers.settings import Asked, ProviderError
from tests.gateway.providers.test_surroundings import CLEARED, MANAGED
from tests.harness import SECONDS, House, outcome
from tests.policies import events, installed, own, until


@pytest.fixture(autouse=True)
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = installed(tmp_path / "site")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH")))))


@pytest.mark.parametrize(
    ("use", "said"),
    [
        ("hang", "no answer within 2 s"),
        ("hang-in-threads", "no answer within 2 s"),
        ("flood", "no answer within 2 s"),
        ("crash", "ended without an answer"),
        ("leave", "ended without an answer"),
        ("fail", "ValueError: the inventory says no"),
        ("long", "its answer is longer than 16 MiB"),
        ("no-json", "TypeError"),
        ("nobody", "0 installed packages offer"),
    ],
)
async def test_whatever_a_provider_does_its_attribute_is_absent_and_the_gateway_serves(
    house: House, use: str, said: str
) -> None:
    own(house, MANAGED)
    house.settings["providers"] = {"device": {"use": f"acme-{use}", "timeout": "2s", "every": "1s"}}
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("rec__read_private"))[0] == "deny"
        assert outcome(await gateway.call("rec__read_untrusted"))[0] == "allow"
    (failed,) = events(house, "failed", "provider")
    assert said in failed["error"]
    assert [one.get("environment") for one in house.journal("decision")] == [None, None]
    assert _left_in(house.folder) == []


@pytest.mark.parametrize("settings", [{"big": 2**70}, {"ports": {8080: "http"}}])
async def test_settings_that_are_no_json_are_a_failure_of_the_provider(settings: dict[str, object]) -> None:
    with pytest.raises(ProviderError, match="its settings cannot be written as JSON"):
        await ask(Asked(use="acme-loud", settings=settings))


async def test_what_a_provider_prints_is_not_its_answer(house: House) -> None:
    own(house, MANAGED)
    house.settings["providers"] = {"device": {"use": "acme-loud"}}
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("rec__read_private"))[0] == "deny"
    (decision,) = house.journal("decision")
    assert decision["environment"] == {"device": {"id": "laptop-7", "managed": False}}


async def test_a_provider_is_not_imported_from_the_agents_folder(house: House, tmp_path: Path) -> None:
    own(house, MANAGED)
    (house.folder / "json.py").write_text("import pathlib; pathlib.Path('imported').touch()")
    (house.folder / "acme_providers.py").write_text("def by_file(settings): return {'id': 'x', 'managed': True}")
    answer = tmp_path / "answer.json"
    answer.write_text('{"id": "laptop-7", "managed": false}')
    house.settings["providers"] = {"device": {"use": "acme-by-file", "settings": {"file": str(answer)}}}
    command = house.command("serve")
    command.insert(1, "-P")  # as the installed command starts
    async with house.gateway(command=command) as gateway:
        assert outcome(await gateway.call("rec__read_private"))[0] == "deny"
    assert house.journal("decision")[0]["environment"]["device"]["id"] == "laptop-7"
    assert not (house.folder / "imported").exists()


DENIED_ENTITIES = [
    [{"uid": {"type": "Gateway::Session", "id": "s"}, "attrs": {}, "parents": []}],
    [{"uid": {"type": "Gateway::User", "id": "local"}, "attrs": {"clearance": "9"}, "parents": []}],
    [{"uid": {"type": "Gateway::User", "id": "local"}, "attrs": {"clearence": 9}, "parents": []}],
    [{"uid": {"type": "Gateway::User", "id": "ann"}, "attrs": {"clearance": 9}, "parents": []}],
    [17],
    {"uid": "x"},
]


@pytest.mark.parametrize("said", DENIED_ENTITIES)
async def test_a_directory_is_checked_as_entity_files_are_and_cannot_redefine_them(
    house: House, tmp_path: Path, said: object
) -> None:
    own(house, CLEARED)
    (house.folder / "entities.json").write_text(
        json.dumps([{"uid": {"type": "Gateway::User", "id": "ann"}, "attrs": {"clearance": 1}, "parents": []}])
    )
    answer = tmp_path / "answer.json"
    answer.write_text(json.dumps(said))
    house.settings |= {
        "principal": {"user": "ann"},
        "entities": ["./entities.json"],
        "providers": {"directory": {"use": "acme-by-file", "settings": {"file": str(answer)}}},
    }
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("rec__read_private"))[0] == "deny"
        await until(house, "failed", kind="provider")


async def test_a_provider_that_hangs_does_not_outlive_a_gateway_that_was_killed(house: House) -> None:
    house.settings["providers"] = {"device": {"use": "acme-hang", "timeout": "60s"}}
    async with house.gateway(initialize=False) as gateway:
        while len(_left_in(house.folder)) < 2:
            assert gateway.process.returncode is None
        await gateway.kill()
        ends = time.monotonic() + SECONDS
        while _left_in(house.folder):
            assert time.monotonic() < ends


def _left_in(folder: Path) -> list[str]:
    """The processes that work in a folder, as all do that its gateway started."""
    found = []
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdecimal() and (process / "cwd").readlink() == folder:
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return [one for one in found if one]
