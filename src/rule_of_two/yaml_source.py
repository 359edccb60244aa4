"""YAML with positions: parse a file once, and say file, line and nearest key when a model refuses it.

Configuration and manifests share it. YAML 1.2 (``no`` is a string), duplicate keys are errors, nothing is executed.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from msgspec import Struct
from pydantic import BaseModel, RootModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedBase
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from rule_of_two.errors import ConfigurationError

ModelT = TypeVar("ModelT", bound=BaseModel)


class Located(Struct, Generic[ModelT], frozen=True):
    """What a YAML text says, and on which lines."""

    value: ModelT
    _document: Any

    def line(self, *where: str | int) -> int | None:
        """The line of the deepest part of a place that exists in the text, counted from 1."""
        return _line(self._document, where)


def load_yaml(path: Path, model: type[ModelT]) -> ModelT:
    """Read ``path`` into ``model``: a mapping, or a list where it is a `RootModel`.

    :raises ConfigurationError: unreadable, not YAML, or refused by the model; one sentence with file and line.
    """
    return parse_yaml(read_yaml(path), model, path)


def read_yaml(path: Path) -> str:
    """The text of a file.

    :raises ConfigurationError: unreadable, or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"cannot be read ({error.strerror}); check the path", file=path) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError("is not UTF-8 text", file=path) from error


def parse_yaml(text: str, model: type[ModelT], path: Path) -> ModelT:
    """Like :func:`load_yaml` for text that is already in memory; ``path`` is named in errors."""
    return locate_yaml(text, model, path).value


def locate_yaml(text: str, model: type[ModelT], path: Path) -> Located[ModelT]:
    """Like :func:`parse_yaml`, and keeps where everything stands."""
    try:
        document = YAML(typ="rt", pure=True).load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise ConfigurationError(f"is not valid YAML: {error.problem}", file=path, line=line) from error
    except (YAMLError, ValueError, RecursionError) as error:
        problem = " ".join(str(error).split())
        raise ConfigurationError(f"is not valid YAML: {problem}", file=path) from error
    shape, name = (list, "list") if issubclass(model, RootModel) else (dict, "mapping")
    if not isinstance(document, shape):
        raise ConfigurationError(f"must be a YAML {name}", file=path)
    try:
        return Located(model.model_validate(document), document)
    except ValidationError as error:
        first = _first(error.errors())
        location = first["loc"]
        raise ConfigurationError(
            _sentence(first["type"], first["msg"], location, model), file=path, line=_line(document, location)
        ) from error


def nearest(word: str, known: Sequence[str]) -> str:
    """``; did you mean 'x'?`` when a known word is close but not the same, else the empty string."""
    match = [] if word in known else difflib.get_close_matches(word, known, n=1)
    return f"; did you mean '{match[0]}'?" if match else ""


def _first(errors: Sequence[ErrorDetails]) -> ErrorDetails:
    """The error to tell: where a key is missing, rather the unknown one that was meant to be it."""
    unknown = [one for one in errors if one["type"] == "extra_forbidden"]
    return unknown[0] if unknown and errors[0]["type"] == "missing" else errors[0]


def _sentence(kind: str, message: str, location: tuple[int | str, ...], model: type[BaseModel]) -> str:
    where = ".".join(str(part) for part in location)
    if kind == "extra_forbidden":
        return f"unknown key '{where}'{nearest(str(location[-1]), _known_keys(model))}"
    if kind == "missing":
        return f"key '{where}' is missing"
    return f"'{where}': {message.removeprefix('Value error, ')}"


def _known_keys(model: type[BaseModel]) -> list[str]:
    """Every key of the schema: near misses are looked for in the whole document, as a key may stand too deep."""
    schema = model.model_json_schema()
    shapes = [schema, *schema.get("$defs", {}).values()]
    return sorted({key for shape in shapes for key in shape.get("properties", {})})


def _line(document: Any, location: tuple[int | str, ...]) -> int | None:
    """The line of the deepest part of ``location`` that exists in the file."""
    line: int | None = None
    node = document
    for part in location:
        if not isinstance(node, CommentedBase):
            break
        try:
            line = node.lc.key(part)[0] + 1 if isinstance(node, dict) else node.lc.item(part)[0] + 1
            node = node[part]  # type: ignore[index]  # CommentedMap and CommentedSeq both index; their base is untyped
        except (KeyError, IndexError, TypeError):
            break
    return line
