"""Times as the journal writes them."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from rule_of_two.gateway.timing import timestamp, utc_now


@pytest.mark.parametrize("seconds", [0, 1_795_873_919, 4_102_444_800])
@pytest.mark.parametrize("nanoseconds", [0, 1_999, 999_999_999])
def test_a_timestamp_is_iso_8601_with_microseconds(
    monkeypatch: pytest.MonkeyPatch, seconds: int, nanoseconds: int
) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: seconds * 10**9 + nanoseconds)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=nanoseconds // 1000)
    assert timestamp() == moment.isoformat(timespec="microseconds")


def test_timestamps_come_one_after_the_other() -> None:
    before, text, after = utc_now(), timestamp(), utc_now()
    assert before <= datetime.fromisoformat(text) <= after
