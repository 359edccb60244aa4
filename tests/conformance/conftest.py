"""The fixture server, and what the suite says of it directly: once for all tests of a run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conformance.suite import Checks, SpecVersion, run_suite

ROOT = Path(__file__).resolve().parents[2]
FIXTURE = (sys.executable, "-m", "tests.conformance.fixture")
"""The command of the fixture server; it needs the repository as its working directory."""


@contextmanager
def fixture_server(*arguments: str) -> Iterator[str]:
    """The URL of a fixture server that runs as long as the block."""
    command = [*FIXTURE, *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert url.startswith("http://"), f"the fixture did not start: {process.poll()}"
            yield url
        finally:
            process.kill()


@pytest.fixture(scope="session")
def fixture_url() -> Iterator[str]:
    """One fixture server of both eras."""
    with fixture_server() as url:
        yield url


@pytest.fixture(scope="session")
def direct_legacy(fixture_url: str, tmp_path_factory: pytest.TempPathFactory) -> Checks:
    """What the suite says of the fixture itself on 2025-11-25."""
    return _direct(fixture_url, "2025-11-25", tmp_path_factory)


@pytest.fixture(scope="session")
def direct_modern(fixture_url: str, tmp_path_factory: pytest.TempPathFactory) -> Checks:
    """What the suite says of the fixture itself on 2026-07-28."""
    return _direct(fixture_url, "2026-07-28", tmp_path_factory)


def _direct(url: str, version: SpecVersion, folders: pytest.TempPathFactory) -> Checks:
    return run_suite(url, version, folders.mktemp(f"direct-{version}"))
