"""Write the JSON Schemas of the configuration and of manifests anew, from the models that check them.

python scripts/schemas.py
"""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from rule_of_two.gateway.config import Config
from rule_of_two.manifests.document import ManifestDocument

FOLDER = Path(__file__).resolve().parent.parent / "src" / "rule_of_two" / "schemas"
MODELS: dict[str, type[BaseModel]] = {"configuration": Config, "manifest": ManifestDocument}


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of a model, each key with what stands below it in the source.

    Pydantic could read that by itself, but at every start of the gateway.
    """
    schema = model.model_json_schema(by_alias=True)
    _describe(schema, model)
    for below in _models_in(model):
        if below.__name__ in schema.get("$defs", {}):
            _describe(schema["$defs"][below.__name__], below)
    return schema


def _describe(schema: dict[str, Any], model: type[BaseModel]) -> None:
    words = dict(_words_of(model))
    for name, field in model.model_fields.items():
        shown = schema.get("properties", {}).get(field.alias or name)
        if shown is not None and name in words:
            shown["description"] = words[name]


def _words_of(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """The sentences below a class's attributes, those of its bases first."""
    for one in reversed(model.__mro__):
        if not issubclass(one, BaseModel) or one is BaseModel:
            continue
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(one))).body
        assert isinstance(definition, ast.ClassDef)  # noqa: S101  # the source of a class
        for statement, after in zip(definition.body, definition.body[1:], strict=False):
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                match after:
                    case ast.Expr(value=ast.Constant(value=str(text))):
                        yield statement.target.id, " ".join(text.split())


def _models_in(model: type[BaseModel]) -> set[type[BaseModel]]:
    """Every model that fields of this one hold, at any depth."""
    found: set[type[BaseModel]] = set()
    waiting: list[Any] = [model]
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            if kind in found:
                continue
            found.add(kind)
            waiting += [field.annotation for field in kind.model_fields.values()]
        waiting += get_args(kind)
    return found


def schema_text(model: type[BaseModel]) -> str:
    """The schema of a model as it is shipped."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema_of(model)}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name, model in MODELS.items():
        (FOLDER / f"{name}.schema.json").write_text(schema_text(model), encoding="utf-8")
