"""The fixture passes the whole suite with nothing in between, so that a gateway in front can be held to the same."""

from __future__ import annotations

import pytest

from tests.conformance.suite import Checks, count, other_than_passed

pytestmark = [pytest.mark.real, pytest.mark.timeout(200)]


def test_the_fixture_passes_every_check_of_the_legacy_era(direct_legacy: Checks) -> None:
    assert other_than_passed(direct_legacy) == []
    assert count(direct_legacy)["SUCCESS"] >= 84
    assert len(direct_legacy) == 33


def test_the_fixture_passes_every_check_of_the_modern_era(direct_modern: Checks) -> None:
    assert other_than_passed(direct_modern) == []
    assert count(direct_modern)["SUCCESS"] >= 152
    assert len(direct_modern) == 40
