"""Write the JSON Schemas of the configuration and of manifests anew, from the models that check them.

python scripts/schemas.py
"""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel

from rule_of_two.gateway.config import Config
from rule_of_two.manifests.document import ManifestDocument

FOLDER = Path(__file__).resolve().parent.parent / "src" / "rule_of_two" / "schemas"
MODELS: dict[str, type[BaseModel]] = {"configuration": Config, "manifest": ManifestDocument}


def schema_text(model: type[BaseModel]) -> str:
    """The schema of a model as it is shipped."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema(by_alias=True)}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name, model in MODELS.items():
        (FOLDER / f"{name}.schema.json").write_text(schema_text(model), encoding="utf-8")
