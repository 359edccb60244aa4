"""YAML with positions: any text is a document or one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from rule_of_two.errors import ConfigurationError
from rule_of_two.yaml_source import nearest, parse_yaml


class _Leaf(BaseModel):
    model_config = ConfigDict(extra="forbid")
    colour: str = "red"


class _Named(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str


class _Tree(BaseModel):
    model_config = ConfigDict(extra="forbid")
    leaves: list[_Leaf] = []
    flag: str = ""


PATH = Path("tree.yaml")


@given(st.text(max_size=60))
def test_any_text_is_a_document_or_a_configuration_error(text: str) -> None:
    said = ""
    try:
        parse_yaml(text, _Tree, PATH)
    except ConfigurationError as error:
        said = str(error)
    assert said == "" or said.startswith("tree.yaml")


def test_the_line_is_that_of_the_deepest_part() -> None:
    said = r"tree\.yaml:3: unknown key 'leaves\.1\.color'; did you mean 'colour'"
    with pytest.raises(ConfigurationError, match=said):
        parse_yaml("leaves:\n- colour: red\n- color: blue\n", _Tree, PATH)


def test_no_is_a_string_as_in_yaml_1_2() -> None:
    assert parse_yaml("flag: no", _Tree, PATH).flag == "no"


def test_a_tag_executes_nothing() -> None:
    with pytest.raises(ConfigurationError):
        parse_yaml("flag: !!python/object/apply:os.system [true]", _Tree, PATH)


def test_a_far_word_suggests_nothing() -> None:
    assert nearest("zebra", ["colour", "flag"]) == ""


def test_a_misspelt_key_is_told_rather_than_that_the_right_one_is_missing() -> None:
    with pytest.raises(ConfigurationError, match=r"x.yaml:1: unknown key 'nmae'; did you mean 'name'\?"):
        parse_yaml("nmae: x", _Named, Path("x.yaml"))


def test_an_error_of_the_parsers_is_one_line() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_yaml("\0", _Named, Path("x.yaml"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("word", "said"), [("frosen", "; did you mean 'frozen'?"), ("frozen", ""), ("zzz", "")])
def test_a_near_miss_is_suggested_and_a_known_word_is_not(word: str, said: str) -> None:
    assert nearest(word, ["frozen", "held"]) == said
