"""How connections fall into sessions: what the operator says, what the profile documents, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from rule_of_two.clients.profiles import PROFILES, Profile
from rule_of_two.gateway.config import SessionSettings
from rule_of_two.gateway.splitting import Splitting, splitting

ENVIRON = {"CLAUDE_CODE_SESSION_ID": "one"}
DOCUMENTED = Profile("made-up", "conversation", 45, 45, conversation_pointer="/thread", forks_keep_key=True)


def _split(client: str | Profile, **settings: Any) -> Splitting:
    profile = client if isinstance(client, Profile) else PROFILES[client]
    return splitting(SessionSettings.model_validate(settings), profile, ENVIRON)


def test_the_operators_boundary_comes_before_the_profiles() -> None:
    assert _split("generic") == Splitting("connection")
    assert _split("generic", boundary="human") == Splitting("human")
    assert _split("claude-desktop") == Splitting("human")
    assert _split("claude-desktop", boundary="connection") == Splitting("connection")


@pytest.mark.parametrize("client", sorted(PROFILES))
def test_no_shipped_profile_splits_by_itself_nor_unless_someone_vouches_for_forks(client: str) -> None:
    for split in (_split(client), _split(client, boundary="conversation")):
        assert (split.pointer, split.conversation) == (None, "")
        assert split.boundary != "conversation"
    assert "one session until a person starts a new one" in _split(client, boundary="conversation").notes[0]


def test_a_profile_that_documents_its_forks_splits_but_does_not_vouch_for_another_key() -> None:
    split = _split(DOCUMENTED)
    assert (split.boundary, split.notes) == ("conversation", ())
    assert split.conversation_of({"_meta": {"thread": "a"}}) == "a"
    assert _split(DOCUMENTED, boundary="conversation", conversation_key="/other").boundary == "human"


def test_the_environment_names_the_conversation_of_a_process_once_vouched_for() -> None:
    split = _split("claude-code", boundary="conversation", forks_keep_key=True)
    assert (split.boundary, split.conversation, split.notes) == ("conversation", "one", ())
    own = _split("claude-code", boundary="conversation", conversation_key="/mine", forks_keep_key=True)
    assert (own.conversation, own.conversation_of({"_meta": {"mine": "x"}})) == ("", "x")


@pytest.mark.parametrize("named", ["", "x" * 201, "a\x1bb"])
def test_a_key_in_the_environment_that_cannot_be_used_is_a_missing_one(named: str) -> None:
    settings = SessionSettings(boundary="conversation", forks_keep_key=True)
    split = splitting(settings, PROFILES["claude-code"], {"CLAUDE_CODE_SESSION_ID": named})
    assert (split.boundary, split.conversation) == ("conversation", "")
    assert split.notes[0].startswith("CLAUDE_CODE_SESSION_ID is not set")


@pytest.mark.parametrize(
    ("meta", "key"),
    [
        ({"a": {"b/c": "x"}}, "x"),
        ({"a": {"b/c": "x" * 200}}, "x" * 200),
        ({"a": {"b/c": "x" * 201}}, None),
        ({"a": {"b/c": "\ud800"}}, None),
        ({"a": {"b/c": ""}}, None),
        ({"a": {"b/c": 1}}, None),
        ({"a": ["x"]}, None),
        ({"a": "x"}, None),
        ({}, None),
        (None, None),
        ("a", None),
    ],
)
def test_a_key_is_a_short_printable_text_at_exactly_that_place(meta: object, key: str | None) -> None:
    split = _split("generic", boundary="conversation", conversation_key="/a/b~1c", forks_keep_key=True)
    assert split.conversation_of({"_meta": meta}) == key
    assert split.conversation_of({"a": {"b/c": "x"}}) is None
