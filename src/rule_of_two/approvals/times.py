"""Times and how long ago they were, as screens say them."""

from __future__ import annotations

from datetime import datetime, timedelta


def clock(time: datetime, now: datetime) -> str:
    """The time of day where the reader is, with the date if it was another day."""
    local = time.astimezone(now.tzinfo)
    return local.strftime("%H:%M:%S" if local.date() == now.date() else "%Y-%m-%d %H:%M:%S")


def ago(delta: timedelta) -> str:
    """How long ago; never in the future."""
    return span_of(max(delta, timedelta(0)))


def span_of(delta: timedelta) -> str:
    """``42 s``, ``3 min``, ``2 h``, ``5 d``. Rounded down, so that time left is never overstated."""
    seconds = int(delta.total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (120, "min")):
        if seconds >= size:
            return f"{seconds // (60 if unit == 'min' else size)} {unit}"
    return f"{seconds} s"
