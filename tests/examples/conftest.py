"""One document server for the tests of all examples."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from examples import stage as stages


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stages.Stage]:
    with stages.stage(tmp_path_factory.mktemp("stage")) as stage:
        yield stage
