"""The clock of the shell; the core is given times."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache


def utc_now() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


def timestamp() -> str:
    """Now, as the journal writes it: ISO 8601 UTC with microseconds."""
    seconds, microseconds = divmod(time.time_ns() // 1000, 1_000_000)
    return f"{_to_the_second(seconds)}.{microseconds:06}+00:00"


@lru_cache(maxsize=1)  # a hot path: isoformat is a hundredth of a call
def _to_the_second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"
