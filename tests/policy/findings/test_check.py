"""`policy check` finds everything at once, and puts right what it can."""

from __future__ import annotations

from pathlib import Path

import cedarpy
import pytest

from rule_of_two.errors import PolicyError
from rule_of_two.policy.findings import check as check_module
from rule_of_two.policy.findings.check import check, fix_format
from rule_of_two.policy.load import load_policies

GOOD = """@id("own.permit")
permit (principal, action, resource);
"""
BAD = """// mine
@id("own.a") permit (principal, action, resource) when { context.frosen };
permit (principal, action, resource);
@id("own.b") forbid (principal, action, resource);
@id("own.b") @message("x") forbid (principal, action, resource) when { context.labels.A };
@id("own.b") @message("x") forbid (principal, action, resource) when { context.labels.B };
@id("own.c") @message("x") forbid (principal, action, resource) when { context. };
@id("r2.mine") permit (principal, action, resource);
"""


def texts(folder: Path, *names: str) -> list[str]:
    found = check(names, relative_to=folder)
    return [one.text().replace(f"{folder}/", "") for one in found.findings]


def test_everything_that_the_loader_refuses_is_said_and_what_is_good_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "bad.cedar").write_text(BAD, encoding="utf-8")
    (tmp_path / "other.cedar").write_text("@id(", encoding="utf-8")
    said = texts(tmp_path, "bad.cedar", "other.cedar", "missing.cedar", "defalt", "invariant", "default")
    starts = [
        "error: bad.cedar:2: @id 'own.a': attribute `frosen`",
        "error: bad.cedar:3: statement 2: has no @id",
        "error: bad.cedar:4: @id 'own.b': a forbid needs a @message",
        "error: bad.cedar:6: @id 'own.b': this @id stands already in bad.cedar:5",
        "error: bad.cedar:7: @id 'own.c': is not valid Cedar",
        "error: bad.cedar:8: @id 'r2.mine': starts with 'r2.'",
        "error: other.cedar:1: statement 1: is not valid Cedar",
        "error: missing.cedar: there is no such policy file",
        "error: unknown policy set 'defalt'; did you mean 'default'?",
        "error: the set 'invariant' is always loaded",
    ]
    for number, start in enumerate(starts):
        assert said[number].startswith(start), said
    assert len(said) == len(starts)
    with pytest.raises(PolicyError, match=r"bad\.cedar:2"):
        load_policies(["bad.cedar"], relative_to=tmp_path)


def test_a_good_set_has_no_findings(tmp_path: Path) -> None:
    (tmp_path / "own.cedar").write_text(GOOD, encoding="utf-8")
    found = check(["own.cedar"], relative_to=tmp_path)
    assert (found.good, list(found.findings), found.policies) == (True, [], 5)


def test_warnings_do_not_make_a_set_bad(tmp_path: Path) -> None:
    (tmp_path / "own.cedar").write_text(GOOD + GOOD.replace("own.permit", "own.again"), encoding="utf-8")
    fix_format(["own.cedar"], relative_to=tmp_path)
    found = check(["own.cedar"], relative_to=tmp_path)
    assert found.good
    assert [(one.kind, one.policy, one.line) for one in found.findings] == [("redundant", "own.again", 4)]


def test_a_file_that_is_not_formatted_is_said_with_its_first_line_and_can_be_fixed(tmp_path: Path) -> None:
    text = f'{GOOD}\n// why\n@id("own.x") @message("m") forbid(principal,action,resource) when {{context.frozen}};\n'
    (tmp_path / "own.cedar").write_text(text, encoding="utf-8")
    (tmp_path / "properties.cedar").write_text(text.replace("own.permit", "a.b").replace("own.x", "a.c"), "utf-8")
    formats = [one for one in texts(tmp_path, "own.cedar") if "formatted" in one]
    assert formats[0].startswith("error: own.cedar:5: is not formatted as Cedar's formatter does from here on")
    before = load_policies(["own.cedar"], relative_to=tmp_path).version
    changed = fix_format(["own.cedar", "default"], relative_to=tmp_path)
    assert [file.name for file in changed] == ["own.cedar", "properties.cedar"]
    assert "// why" in (tmp_path / "own.cedar").read_text(encoding="utf-8")
    assert load_policies(["own.cedar"], relative_to=tmp_path).version == before
    assert [one for one in texts(tmp_path, "own.cedar") if "formatted" in one] == []
    assert fix_format(["own.cedar"], relative_to=tmp_path) == []


def test_a_formatter_that_would_change_a_policy_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.cedar").write_text(GOOD.replace("(p", "( p"), encoding="utf-8")
    monkeypatch.setattr(cedarpy, "format_policies", lambda text: text.replace("permit (", "forbid ("))
    assert fix_format(["own.cedar"], relative_to=tmp_path) == []


def test_a_file_that_is_no_policy_is_left_alone_by_the_formatter(tmp_path: Path) -> None:
    for content in (b"@id(", b"\xff\xfe"):
        (tmp_path / "own.cedar").write_bytes(content)
        assert fix_format(["own.cedar", "missing.cedar"], relative_to=tmp_path) == []
        assert (tmp_path / "own.cedar").read_bytes() == content
        assert not check(["own.cedar"], relative_to=tmp_path).good


def test_properties_are_checked_too(tmp_path: Path) -> None:
    (tmp_path / "own.cedar").write_text(GOOD, encoding="utf-8")
    (tmp_path / "properties.cedar").write_text('@id("a.b")\npermit (principal, action, resource);\n', encoding="utf-8")
    assert texts(tmp_path, "own.cedar") == [
        "error: properties.cedar:1: @id 'a.b': a property needs a @message, the sentence that a report says of it"
    ]


def test_without_the_solver_the_rest_is_still_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_module, "can_prove", lambda: False)
    (tmp_path / "own.cedar").write_text(GOOD + GOOD, encoding="utf-8")
    found = check(["own.cedar"], relative_to=tmp_path)
    assert not found.semantic
    assert {one.kind for one in found.findings} == {"refused", "format"}
