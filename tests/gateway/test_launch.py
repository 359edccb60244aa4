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
