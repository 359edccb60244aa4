"""Client profiles: no profile lets a conversation end where its host does not."""

from __future__ import annotations

from rule_of_two.clients.profiles import PROFILES


def test_only_where_one_connection_is_one_conversation_does_a_connection_end_a_session() -> None:
    assert {name for name, profile in PROFILES.items() if profile.boundary == "connection"} == {"generic"}


def test_every_named_client_is_known_and_waits_less_than_it_gives_up() -> None:
    gives_up = {"claude-desktop": 240, "claude-code": 300, "cursor": 300, "generic": 60, "vscode": 60, "codex": 60}
    gives_up["gemini-cli"] = 600
    assert PROFILES.keys() == gives_up.keys()
    assert all(profile.wait < gives_up[name] for name, profile in PROFILES.items())
