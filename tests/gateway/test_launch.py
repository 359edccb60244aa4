"""What an upstream process inherits: the bare minimum, and what its block names."""

from __future__ import annotations

import pytest

from rule_of_two.gateway.launch import environment


def test_secrets_of_our_environment_are_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not for you")
    monkeypatch.setenv("PATH", "/bin")
    passed = environment({"TOKEN": "for you", "HOME": "/elsewhere"})
    assert "AWS_SECRET_ACCESS_KEY" not in passed
    assert (passed["PATH"], passed["TOKEN"], passed["HOME"]) == ("/bin", "for you", "/elsewhere")


def test_on_windows_a_block_wins_however_it_spells_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two spellings of one name would both stand in the block that Windows is given."""
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("PATH", "C:\\")
    passed = environment({"Path": "C:\\own"})
    assert [value for name, value in passed.items() if name.upper() == "PATH"] == ["C:\\own"]
