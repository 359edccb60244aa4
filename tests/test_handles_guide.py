"""docs/handles.md: its policy and its manifest do what it says, and its numbers are those of the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from rule_of_two.gateway.config import HandleSettings
from rule_of_two.gateway.handles import MOST_BYTES, MOST_HELD
from rule_of_two.manifests.document import ManifestDocument
from rule_of_two.model import Action, Facts, Outcome, Principal, SessionView, labels_in
from rule_of_two.policy.authorizer import Authorizer
from rule_of_two.policy.load import load_policies
from rule_of_two.yaml_source import parse_yaml
from tests.policy.test_documents import NOW

GUIDE: Final = (Path(__file__).parent.parent / "docs" / "handles.md").read_text(encoding="utf-8")


def test_the_policy_keeps_what_it_names(tmp_path: Path) -> None:
    (text,) = re.findall(r"```cedar\n(.*?)```", GUIDE, re.DOTALL)
    (tmp_path / "own.cedar").write_text(text, encoding="utf-8")
    authorizer = Authorizer(load_policies(["default", "./own.cedar"], relative_to=tmp_path), Principal(), "generic")
    for name, expected in (("salaries", Outcome.ALLOW), ("holidays", Outcome.DENY)):
        facts = Facts(Action.CALL_TOOL, "hr", name, labels_in("B"))
        assert authorizer.judge_holding(facts, SessionView("s"), now=NOW).outcome is expected


def test_the_manifest_is_one() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    document = parse_yaml(f"version: 1\nserver: mail\n{text}", ManifestDocument, Path("mail.yaml"))
    assert document.tools["send"].opaque == ("/body",)


def test_the_numbers_are_those_of_the_code() -> None:
    settings = HandleSettings()
    assert f"(`handles.life`, {settings.life / 60:g} minutes)" in GUIDE
    assert f"(`handles.uses`, {settings.uses} sendings" in GUIDE
    assert f"at most {MOST_HELD} and {MOST_BYTES >> 20} MiB" in GUIDE
