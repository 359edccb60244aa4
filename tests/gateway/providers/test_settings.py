"""What the configuration takes as providers, and which shapes their answers may have."""

from __future__ import annotations

from pathlib import Path

import pytest

from rule_of_two.errors import ConfigurationError
from rule_of_two.gateway.config import load_config
from rule_of_two.gateway.providers.settings import ProviderError, ProviderSettings, checked


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("{tme: {}}", "did you mean 'time'?"),
        ("{time: {zone: Mars/Olympus}}", "'Mars/Olympus' is no time zone such as Europe/Zurich"),
        ("{device: {}}", "give either use, or id and managed"),
        ("{device: {id: x}}", "give either use, or id and managed"),
        ("{device: {use: acme, managed: true}}", "give either use, or id and managed"),
        ("{device: {id: x, managed: true, timeout: 1s}}", "timeout belongs to a provider that is named with use"),
        ("{device: {use: acme, tiemout: 1s}}", "did you mean 'timeout'?"),
        ("{device: {use: acme, timeout: soon}}", "'soon' is not a duration such as 45s"),
        ("{device: {use: acme, timeout: 2m}}", "less than or equal to 60"),
        ("{device: {use: acme, every: 10ms}}", "greater than or equal to 1"),
        ("{network: {}}", "give either use or zone"),
        ("{directory: {}}", "name the provider with use"),
        ("{risk: {every: 5s}}", "every belongs to a provider that is named with use"),
    ],
)
def test_what_is_no_provider_is_refused_with_its_line(tmp_path: Path, block: str, said: str) -> None:
    file = tmp_path / "rule-of-two.yaml"
    file.write_text(f"version: 1\nmcpServers: {{}}\nproviders: {block}\n")
    with pytest.raises(ConfigurationError) as caught:
        load_config(file)
    assert said in str(caught.value)
    assert f"{file}:3" in str(caught.value)


def test_which_attributes_are_supplied_can_be_asked_without_asking_any_provider() -> None:
    assert ProviderSettings().supplied == frozenset()
    settings = ProviderSettings.model_validate(
        {"time": {}, "risk": {}, "device": {"use": "a"}, "network": {"zone": "vpn"}, "directory": {"use": "b"}}
    )
    assert settings.supplied == {"local", "risk", "device", "network"}
    assert sorted(settings.asked) == ["device", "directory"]


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("device", None),
        ("device", {"id": "x"}),
        ("device", {"id": "x", "managed": "yes"}),
        ("device", {"id": "x", "managed": 1}),
        ("device", {"id": "x", "managed": True, "approved": True}),
        ("device", {"id": "x" * 201, "managed": True}),
        ("network", {"zone": ["vpn"]}),
        ("risk", "50"),
        ("risk", 101),
        ("risk", -1),
        ("risk", 1.0),
        ("risk", True),
        ("directory", {"uid": "x"}),
        ("local", {"hour": 24, "weekday": 1}),
        ("local", {"hour": 0, "weekday": 0}),
    ],
)
def test_an_answer_of_another_shape_is_none(name: str, answer: object) -> None:
    with pytest.raises(ProviderError, match="wrong shape"):
        checked(name, answer)
