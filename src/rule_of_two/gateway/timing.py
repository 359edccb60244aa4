"""The clock of the shell; the core is given times."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


def timestamp() -> str:
    """Now, as the journal writes it: ISO 8601 UTC with microseconds."""
    return utc_now().isoformat(timespec="microseconds")
