"""docs/policy-versions.md and docs/providers.md: what they show runs, and what they say of numbers is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rule_of_two.gateway.config import Config, load_config
from rule_of_two.gateway.providers import risk
from rule_of_two.gateway.providers.host import GROUP
from rule_of_two.gateway.providers.settings import DeviceSettings, ProviderSettings
from tests.guide import run

DOCS = Path(__file__).parent.parent / "docs"
PROVIDERS = DOCS / "providers.md"
_NOT_RUN = re.compile(r"^```(?:sh|toml|python|yaml)\n.*?^```$", re.DOTALL | re.MULTILINE)


def _runnable(guide: Path, folder: Path) -> Path:
    """The guide without what only a person, or an installed package, can run."""
    copy = folder / guide.name
    copy.write_text(_NOT_RUN.sub("", guide.read_text()))
    return copy


@pytest.mark.timeout(180)
def test_the_guide_to_versions_runs(tmp_path: Path) -> None:
    assert run(_runnable(DOCS / "policy-versions.md", tmp_path), tmp_path) == 5
    assert len(list((tmp_path / "state" / "policies").iterdir())) == 2


@pytest.mark.timeout(180)
def test_the_guide_to_providers_runs(tmp_path: Path) -> None:
    assert run(_runnable(PROVIDERS, tmp_path), tmp_path) == 1


def test_what_the_guide_says_of_providers_is_so(tmp_path: Path) -> None:
    text = " ".join(PROVIDERS.read_text().split())
    assert [key for key in ProviderSettings.model_fields if f"| `{key}` |" not in text] == []
    assert f"adds {risk.DENIAL} for each denial, {risk.NO} for each *no*" in text
    assert f"{risk.ERROR} for each call that an upstream failed" in text
    assert f"beyond {risk.FREE_CALLS} in the last minute" in text
    assert GROUP in text
    (block,) = re.findall(r"```yaml\n(.*?)```", PROVIDERS.read_text(), re.DOTALL)
    file = tmp_path / "rule-of-two.yaml"
    file.write_text(f"version: 1\nmcpServers: {{}}\n{block}")
    shown, defaults = load_config(file).providers.device, DeviceSettings.model_fields
    assert shown is not None
    assert (shown.timeout, shown.every, shown.keep) == tuple(
        defaults[name].default for name in ("timeout", "every", "keep")
    )
    assert Config.model_fields["providers"].default == ProviderSettings()
