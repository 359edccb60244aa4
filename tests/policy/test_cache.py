"""A bounded memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.policy.cache import MAX_KEY_BYTES, RecentlyUsed


def test_what_was_used_longest_ago_is_forgotten_first() -> None:
    cache: RecentlyUsed[int] = RecentlyUsed(2)
    cache.put(b"a", 1)
    cache.put(b"b", 2)
    assert cache.get(b"a") == 1
    cache.put(b"c", 3)
    assert [cache.get(key) for key in (b"a", b"b", b"c")] == [1, None, 3]


def test_long_keys_are_not_kept() -> None:
    cache: RecentlyUsed[int] = RecentlyUsed(2)
    cache.put(b"x" * MAX_KEY_BYTES, 1)
    cache.put(b"x" * (MAX_KEY_BYTES + 1), 2)
    assert (cache.get(b"x" * MAX_KEY_BYTES), cache.get(b"x" * (MAX_KEY_BYTES + 1))) == (1, None)


@given(st.lists(st.tuples(st.binary(max_size=1), st.integers())))
def test_it_never_answers_with_another_keys_value_and_never_grows_beyond_its_capacity(
    entries: list[tuple[bytes, int]],
) -> None:
    cache: RecentlyUsed[int] = RecentlyUsed(3)
    latest: dict[bytes, int] = {}
    for key, value in entries:
        if cache.get(key) is None:
            cache.put(key, value)
            latest[key] = value
        assert cache.get(key) == latest[key]
        assert len(cache) <= 3
