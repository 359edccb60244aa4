"""Long lists in pages. A cursor is good only for the list that it was given for."""

from __future__ import annotations

import base64
import hashlib
from typing import Any, Final

from rule_of_two.wire.codes import INVALID_PARAMS
from rule_of_two.wire.frames import dump
from rule_of_two.wire.peer import RemoteError

PAGE: Final = 1000
"""Clients that do not turn pages should still see what most configurations hold."""


def page_of(member: str, items: list[dict[str, Any]], cursor: object) -> dict[str, Any]:
    """One page of the merged list of all upstreams (server/utilities/pagination).

    :raises RemoteError: the cursor is none of ours, or the list has changed since: begin anew.
    """
    start = 0
    if cursor is not None:
        start = _start(cursor, items)
    page: dict[str, Any] = {member: items[start : start + PAGE]}
    if start + PAGE < len(items):
        page["nextCursor"] = base64.urlsafe_b64encode(f"{start + PAGE}.{_digest(items)}".encode()).decode()
    return page


def _start(cursor: object, items: list[dict[str, Any]]) -> int:
    try:
        number, _, digest = base64.urlsafe_b64decode(str(cursor)).decode("ascii").partition(".")
    except ValueError:
        number, digest = "", ""
    if not number.isdecimal() or len(number) > 9 or digest != _digest(items):
        text = "Invalid params: the cursor is not valid, or the list has changed since"
        raise RemoteError(INVALID_PARAMS, text, None)
    return int(number)


def _digest(items: list[dict[str, Any]]) -> str:
    return hashlib.sha256(dump(items)).hexdigest()[:16]
