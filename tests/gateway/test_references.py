"""References in the configuration: to the environment and to the keyring."""

from __future__ import annotations

from pathlib import Path

import pytest
from keyring.errors import KeyringError

from rule_of_two.errors import ConfigurationError
from rule_of_two.gateway.references import expand, expand_text


def test_secrets_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_TOKEN", "s3cret-value")
    values = expand({"Authorization": "Bearer ${env:CRM_TOKEN}", "X": "plain $HOME"}, where="headers", file=None)
    assert {key: one.text for key, one in values.items()} == {
        "Authorization": "Bearer s3cret-value",
        "X": "plain $HOME",
    }
    assert values["Authorization"].filled_in == ("Bearer s3cret-value", "s3cret-value")
    assert values["X"].filled_in == ()


def test_in_an_argument_only_our_own_references_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACE", "s3cret-value")
    text = "${PLACE:-x} ${vault:y} ${env:PLACE} $PLACE"
    found = expand_text(text, where="args", file=None)
    assert found.text == "${PLACE:-x} ${vault:y} s3cret-value $PLACE"
    assert found.filled_in == ("s3cret-value",)
    with pytest.raises(ConfigurationError, match=r"'args': \$\{env:NOT_SET_ANYWHERE\} has no value"):
        expand_text("${env:NOT_SET_ANYWHERE}", where="args", file=None)


def test_a_locked_keyring_has_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(service: str, user: str) -> str:
        raise KeyringError("locked")

    monkeypatch.setattr("keyring.get_password", locked)
    with pytest.raises(ConfigurationError, match="has no value"):
        expand({"A": "${keyring:crm/token}"}, where="x", file=None)


@pytest.mark.parametrize("reference", ["${env:NOT_SET_ANYWHERE}", "${vault:x}"])
def test_a_secret_without_a_value_names_itself_and_not_a_value(reference: str) -> None:
    with pytest.raises(ConfigurationError, match="has no value"):
        expand({"Authorization": f"Bearer {reference}"}, where="mcpServers.crm.headers", file=Path("x.yaml"))


def test_a_secret_comes_from_the_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keyring.get_password", lambda service, user: f"{service}+{user}")
    assert expand({"A": "${keyring:crm/token}"}, where="x", file=None)["A"].text == "crm+token"
