"""Keys: equal exactly when all parts are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.sessions.key import SessionKey

KEYS = st.builds(SessionKey, st.text(), st.text(), st.text(), st.text(), st.text())


@given(KEYS, KEYS)
def test_two_keys_have_one_text_only_when_they_are_equal(one: SessionKey, other: SessionKey) -> None:
    assert (one.text == other.text) is (one == other)


def test_a_digest_fits_a_file_name() -> None:
    digest = SessionKey("a", "b", "c", "/d/../e").digest
    assert len(digest) == 16
    assert digest.isalnum()


@given(KEYS)
def test_a_key_can_be_read_back_and_its_base_differs_in_the_conversation_alone(key: SessionKey) -> None:
    assert SessionKey.read(key.text) == key
    assert key.base == SessionKey(key.user, key.tenant, key.client, key.workspace)
