"""Long lists in pages."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.gateway import pages
from rule_of_two.gateway.pages import page_of
from rule_of_two.wire.peer import RemoteError


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PAGE", 3)


def _items(count: int) -> list[dict[str, Any]]:
    return [{"name": f"t{number}"} for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 6, 10])
def test_all_pages_together_are_the_list(count: int) -> None:
    items, found, cursor = _items(count), [], None
    while True:
        page = page_of("tools", items, cursor)
        found += page["tools"]
        cursor = page.get("nextCursor")
        if cursor is None:
            break
    assert found == items


def test_a_cursor_of_a_list_that_has_changed_is_refused() -> None:
    cursor = page_of("tools", _items(5), None)["nextCursor"]
    with pytest.raises(RemoteError, match="has changed since") as caught:
        page_of("tools", _items(6), cursor)
    assert caught.value.code == -32602


@given(cursor=st.one_of(st.text(), st.integers(), st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode())))
def test_any_other_cursor_is_refused(cursor: object) -> None:
    with pytest.raises(RemoteError):
        page_of("tools", _items(5), cursor)
