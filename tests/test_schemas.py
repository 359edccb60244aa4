"""The shipped JSON Schemas say what the models check."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from rule_of_two.shipped import shipped
from scripts.schemas import FOLDER, MODELS, schema_text


@pytest.mark.parametrize("name", MODELS)
def test_a_shipped_schema_is_the_models(name: str) -> None:
    assert (FOLDER / f"{name}.schema.json").read_text() == schema_text(MODELS[name]), "run python scripts/schemas.py"


@pytest.mark.parametrize("path", sorted(shipped("tool_manifests").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_manifest_fits_the_schema(path: Path) -> None:
    validator = Draft202012Validator(json.loads((FOLDER / "manifest.schema.json").read_text()))
    document = json.loads(json.dumps(YAML(typ="safe", pure=True).load(path)))
    assert [error.message for error in validator.iter_errors(document)] == []


def test_the_schema_of_the_configuration_refuses_an_unknown_key() -> None:
    validator = Draft202012Validator(json.loads((FOLDER / "configuration.schema.json").read_text()))
    assert validator.is_valid({"version": 1, "mcpServers": {"a": {"command": "x"}}, "approvals": {"wait": "45s"}})
    assert not validator.is_valid({"version": 1, "mcpServers": {}, "mood": 1})


@pytest.mark.parametrize("name", MODELS)
def test_every_key_says_what_it_is(name: str) -> None:
    schema = json.loads(schema_text(MODELS[name]))
    models = {"": schema, **schema["$defs"]}
    keys = [(where, key, each) for where, one in models.items() for key, each in one.get("properties", {}).items()]
    assert len(keys) > 30
    assert [f"{where}.{key}" for where, key, each in keys if not each.get("description")] == []
