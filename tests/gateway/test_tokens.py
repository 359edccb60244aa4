"""Bearer tokens of HTTP clients."""

from __future__ import annotations

import stat
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend

from rule_of_two.errors import ConfigurationError, StoreError
from rule_of_two.gateway.tokens import Tokens


class Ring(KeyringBackend):
    """A keyring in memory."""

    priority = 1

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


def test_a_token_names_its_client_and_no_other_does(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    one, two = tokens.new("laptop"), tokens.new("desk")
    again = Tokens(tmp_path)
    again.load()
    assert (again.client_of(one), again.client_of(two)) == ("laptop", "desk")
    assert again.names() == ["desk", "laptop"]
    for wrong in ("", one[:-1], one + "x", "é", "\ud800"):
        assert again.client_of(wrong) is None


def test_only_this_user_may_read_a_token(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    tokens.new("laptop")
    path = tokens.path("laptop")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o644)
    with pytest.raises(StoreError, match="others may read this secret"):
        tokens.load()


def test_a_new_token_replaces_the_old_one_and_a_revoked_one_is_nobodys(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    old = tokens.new("laptop")
    new = tokens.new("laptop")
    assert (tokens.client_of(old), tokens.client_of(new)) == (None, "laptop")
    assert tokens.revoke("laptop")
    assert not tokens.revoke("laptop")
    assert tokens.client_of(new) is None


def test_a_token_that_was_revoked_is_nobodys_for_as_long_as_another_one_cannot_be_read(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    gone, _ = tokens.new("laptop"), tokens.new("desk")
    tokens.load()
    other = Tokens(tmp_path)
    other.path("desk").write_text("short")
    other.revoke("laptop")
    for _ in range(3):
        with pytest.raises(StoreError, match="this is no token"):
            tokens.client_of(gone)
    other.new("desk")
    assert tokens.client_of(gone) is None


def test_a_token_in_the_keyring_is_not_in_the_file(tmp_path: Path) -> None:
    before = keyring.get_keyring()
    keyring.set_keyring(Ring())
    try:
        tokens = Tokens(tmp_path)
        token = tokens.new("laptop", in_keyring=True)
        assert token not in tokens.path("laptop").read_text()
        again = Tokens(tmp_path)
        again.load()
        assert again.client_of(token) == "laptop"
    finally:
        keyring.set_keyring(before)


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a b", "-x", "x" * 65, "é"])
def test_a_name_that_could_be_a_path_is_refused(tmp_path: Path, name: str) -> None:
    for use in (Tokens(tmp_path).new, Tokens(tmp_path).revoke):
        with pytest.raises(ConfigurationError, match="cannot be a client's name"):
            use(name)


def test_a_file_that_holds_no_token_is_said(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    tokens.new("laptop")
    tokens.path("laptop").write_text("short")
    with pytest.raises(StoreError, match="rule-of-two token new laptop"):
        tokens.load()
