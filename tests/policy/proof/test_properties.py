"""Properties stand beside policies, decide nothing, and say what they mean or are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from rule_of_two.errors import PolicyError
from rule_of_two.policy.load import load_policies
from rule_of_two.policy.proof.properties import load_properties, properties_beside
from rule_of_two.policy.references import PROPERTIES, find_files

PERMIT = '@id("own.permit") permit (principal, action, resource);'
PROPERTY = '@id("my.p") @message("Mine.") forbid (principal, action, resource) when { context.frozen };'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own.cedar").write_text(PERMIT, encoding="utf-8")
    (tmp_path / PROPERTIES).write_text(PROPERTY, encoding="utf-8")
    return tmp_path


def load(folder: Path, text: str) -> str:
    (folder / PROPERTIES).write_text(text, encoding="utf-8")
    schema = load_policies(["own.cedar"], relative_to=folder).schema_text
    with pytest.raises(PolicyError) as caught:
        load_properties([folder / PROPERTIES], schema)
    return str(caught.value).replace(f"{folder}/", "")


def test_properties_are_found_beside_policies_and_never_decide(folder: Path) -> None:
    for reference in ("./", "own.cedar"):
        policies = load_policies([reference], relative_to=folder)
        assert "my.p" not in policies.by_id
        files = find_files(reference, relative_to=folder)
        (found,) = properties_beside(files)
        (one,) = load_properties([found], policies.schema_text)
        assert (one.id, one.message, one.line) == ("my.p", "Mine.", 1)


def test_naming_properties_as_policies_is_refused(folder: Path) -> None:
    with pytest.raises(PolicyError, match=r"properties\.cedar: holds properties to prove, which decide nothing"):
        load_policies(["own.cedar", "./properties.cedar"], relative_to=folder)


def test_a_folder_of_properties_alone_holds_no_policies(folder: Path) -> None:
    (folder / "own.cedar").unlink()
    with pytest.raises(PolicyError, match="holds no policies"):
        load_policies(["./"], relative_to=folder)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PROPERTY.replace("frozen", "frosen"), "properties.cedar:1: @id 'my.p': attribute `frosen`"),
        (f"{PROPERTY}\n{PROPERTY}", "properties.cedar:2: @id 'my.p': this @id stands already in properties.cedar:1"),
        (PERMIT, "properties.cedar:1: @id 'own.permit': a property needs a @message"),
        (f'@even("asked") {PROPERTY}', "properties.cedar:1: @id 'my.p': a forbid can say @even(\"approved\")"),
        (f"@even {PROPERTY}", "properties.cedar:1: @id 'my.p': a forbid can say @even(\"approved\")"),
        (
            f'@even("approved") {PROPERTY}'.replace("forbid", "permit"),
            "properties.cedar:1: @id 'my.p': a permit can say @even(\"asked\")",
        ),
        (PROPERTY.replace("frozen", "approved"), "properties.cedar:1: @id 'my.p': a property is about requests"),
        (
            PROPERTY.replace("context.frozen", "{a: context} == {a: context}"),
            "properties.cedar:1: @id 'my.p': a property is about requests",
        ),
        ("nonsense", "properties.cedar:1: statement 1: is not valid Cedar"),
    ],
)
def test_a_property_that_says_nothing_is_refused_with_file_and_line(folder: Path, text: str, said: str) -> None:
    assert load(folder, text).startswith(said)
