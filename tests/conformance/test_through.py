"""The suite says the same of the fixture behind the gateway as of the fixture itself, check by check, in both eras."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conformance.conftest import FIXTURE, ROOT
from tests.conformance.renaming_proxy import renaming
from tests.conformance.suite import Checks, SpecVersion, compare, run_suite
from tests.e2e.through import Serving, serving, wrapped
from tests.harness import UPSTREAMS, House

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
MANIFEST = "./tests/conformance/fixture.yaml"
SETS = ("default", "sampling", "roots")
VERSIONS: tuple[SpecVersion, ...] = ("2025-11-25", "2026-07-28")
POLLING = "server-sse-polling: ServerDisconnectResume"
"""Over stdio an upstream has no stream that it could close in mid-call, so that its client comes back for the reply."""


def _suite(gateway: Serving, version: SpecVersion, folder: Path) -> Checks:
    return run_suite(gateway.url, version, folder, headers=gateway.headers)


@pytest.fixture
def direct(request: pytest.FixtureRequest) -> Checks:
    name = {"2025-11-25": "direct_legacy", "2026-07-28": "direct_modern"}[request.getfixturevalue("version")]
    checks: Checks = request.getfixturevalue(name)
    return checks


@pytest.mark.parametrize("version", VERSIONS)
def test_behind_wrap_over_http(fixture_url: str, direct: Checks, version: SpecVersion, tmp_path: Path) -> None:
    with serving(tmp_path / "state", *wrapped([fixture_url], MANIFEST, *SETS), cwd=ROOT) as gateway:
        assert compare(direct, _suite(gateway, version, tmp_path / "results")) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_behind_wrap_over_stdio(direct: Checks, version: SpecVersion, tmp_path: Path) -> None:
    with serving(tmp_path / "state", *wrapped([*FIXTURE, "--stdio"], MANIFEST, *SETS), cwd=ROOT) as gateway:
        lines = compare(direct, _suite(gateway, version, tmp_path / "results"))
    assert [line for line in lines if not line.startswith(POLLING)] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_behind_serve_with_two_upstreams_names_aside(
    fixture_url: str, direct: Checks, version: SpecVersion, tmp_path: Path
) -> None:
    house = House(tmp_path, settings={"policies": list(SETS)})
    house.servers = {
        "fix": {"url": fixture_url, "manifest": str(ROOT / MANIFEST)},
        "other": {**house.asker("other"), "manifest": str(_unlabelled(tmp_path))},
    }
    arguments = ["--config", str(house.config), "serve", "--http", "127.0.0.1:0"]
    with serving(house.state, *arguments, cwd=tmp_path) as gateway, renaming("fix__", gateway.url) as url:
        through = run_suite(url, version, tmp_path / "results", headers=gateway.headers)
    assert compare(direct, through) == []


def _unlabelled(folder: Path) -> Path:
    """A manifest of the other upstream under which nothing brings a label, so that nothing is asked."""
    text = (UPSTREAMS / "asker.yaml").read_text().replace("[A]", "[]").replace("[B]", "[]").replace("[C]", "[]")
    path = folder / "other.yaml"
    path.write_text(text)
    assert not re.search(r"(labels|texts): \[[^\]]", text)
    return path
