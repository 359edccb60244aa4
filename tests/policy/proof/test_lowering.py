"""What is proved of leaving C out of account: by policies that name the action, never after a drop."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from rule_of_two.errors import PolicyError
from rule_of_two.policy import references
from rule_of_two.policy.findings.check import check
from rule_of_two.policy.load import load_policies
from rule_of_two.policy.proof.properties import load_properties
from rule_of_two.policy.proof.verify import Prover, Result
from rule_of_two.policy.references import shipped_policies
from tests.policy.conftest import LoadText

ALL = '@id("own.permit-all") permit (principal, action, resource);'
LOWER = '@id("own.lower") permit (principal, action == Gateway::Action::"lower_c", resource) when {{ {} }};'
NEVER = (
    '@id("my.never") @message("C counts where a target is not known.") '
    'forbid (principal, action == Gateway::Action::"lower_c", resource) when { !context.target.known };'
)


def prove(load_text: LoadText, tmp_path: Path, text: str, properties: str = NEVER) -> Mapping[str, Result]:
    policies = load_text(text)
    file = tmp_path / "properties.cedar"
    file.write_text(properties, encoding="utf-8")
    found = Prover(policies, load_properties([file], policies.schema_text)).results()
    return {one.claim.name: one for one in found}


def test_a_permit_for_everything_leaves_nothing_out(load_text: LoadText, tmp_path: Path) -> None:
    found = prove(load_text, tmp_path, ALL)
    assert found["my.never"].status == "proved"
    assert "dropped-counts" not in found


def test_one_that_names_the_action_is_proved_or_refuted_on_the_engine(load_text: LoadText, tmp_path: Path) -> None:
    known = prove(load_text, tmp_path, f"{ALL}\n{LOWER.format('context.target.known')}")
    assert {known["my.never"].status, known["dropped-counts"].status} == {"proved"}
    other = prove(load_text, tmp_path, f"{ALL}\n{LOWER.format('context.target.complete')}")["my.never"]
    assert other.status == "refuted"
    assert other.counterexample is not None
    assert other.counterexample.request.action["id"] == "lower_c"
    assert other.counterexample.answers[0].policies == ("own.lower",)


def test_a_permit_says_what_is_always_left_out(load_text: LoadText, tmp_path: Path) -> None:
    always = NEVER.replace("forbid", "permit").replace("!context.target.known", "context.target.known && {}")
    text = f"{ALL}\n{LOWER.format('context.target.known')}"
    kept = always.replace("{}", "!context.dropped")
    assert prove(load_text, tmp_path, text, kept)["my.never"].status == "proved"
    assert prove(load_text, tmp_path, text, always.replace("{}", "true"))["my.never"].status == "refuted"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('action == Gateway::Action::"lower_c",\n  resource\n)\nwhen { context.dropped }', None),
        ("{ context.dropped };", "{ context.dropped && context.labels.C };"),
        ("{ context.dropped };", "{ context.dropped && context.frozen };"),
    ],
)
def test_the_other_half_of_the_switch_is_needed(
    load_text: LoadText, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str | None
) -> None:
    shutil.copytree(shipped_policies(), tmp_path / "shipped")
    mutant = tmp_path / "shipped" / "invariant" / "policies.cedar"
    text = mutant.read_text(encoding="utf-8")
    assert old in text
    changed = old.replace("lower_c", "receive") if new is None else new
    mutant.write_text(text.replace(old, changed), encoding="utf-8")
    monkeypatch.setattr(references, "shipped", lambda _: tmp_path / "shipped")
    found = prove(load_text, tmp_path, f"{ALL}\n{LOWER.format('true')}")
    assert found["dropped-counts"].status == "refuted"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            NEVER.replace("== Gateway", "in [Gateway").replace('"lower_c"', '"lower_c", Gateway::Action::"use"]'),
            "about lower_c alone or not at all",
        ),
        (f'@even("approved") {NEVER}', "nobody is asked about lower_c"),
    ],
)
def test_a_property_that_mixes_the_two_questions_is_refused(
    load_text: LoadText, tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(PolicyError, match=said):
        prove(load_text, tmp_path, ALL, text)


def test_a_set_that_only_leaves_c_out_is_in_order(tmp_path: Path) -> None:
    lower = LOWER.format("context.target.known")
    (tmp_path / "own.cedar").write_text(lower)
    found = check(["default", "own.cedar"], relative_to=tmp_path)
    assert [one.kind for one in found.findings if one.kind != "format"] == []
    both = check(["own.cedar", "default", "trusted-targets"], relative_to=tmp_path)
    assert {one.kind for one in both.findings} <= {"format"}


def test_only_a_head_that_names_the_action_can_lower(load_text: LoadText) -> None:
    assert not load_text(ALL).lowers
    forbid = LOWER.format("true").replace("permit", '@message("m") forbid', 1)
    assert not load_text(f"{ALL}\n{forbid}").lowers
    assert load_text(LOWER.format("true")).lowers
    assert not load_policies(["default"], relative_to=Path()).lowers
