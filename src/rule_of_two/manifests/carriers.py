"""Where a result of MCP carries documents: structured content, JSON in text blocks, embedded resources, ``_meta``.

A carrier opens a result into documents and seals what is left of them into a result again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import orjson
from msgspec import Struct

from rule_of_two.manifests.layout import GONE, Unfit, is_plain
from rule_of_two.manifests.metadata import as_json
from rule_of_two.manifests.result_spec import Source

_KNOWN: Final = frozenset(("content", "contents", "structuredContent", "isError", "_meta"))
_RESULT_TYPE: Final = "resultType"
_COMPLETE: Final = "complete"
MOST_VALUES: Final = 500_000
"""Containers, members and elements in all JSON texts of a result, at most; commas in strings count too."""
_ESCAPED_COLON: Final = re.compile(r"\\u003a", re.IGNORECASE)
_LONG_NUMBER: Final = re.compile(r"\d{19}")


class Document(Struct, frozen=True):
    """A JSON value in a result. ``place`` points at it; ``content`` is what is handed over of it, if that is more."""

    place: str
    value: Any
    content: Any = None


class Opened(Struct, frozen=True):
    """The documents of a result. ``stray``: there is something beside them that could hold any text. ``seal`` makes the
    result of what is left of each document, ``GONE`` being nothing, and of nothing else."""

    documents: Sequence[Document]
    stray: bool
    seal: Callable[[Sequence[Any]], dict[str, Any]]


def _structured(result: Mapping[str, Any]) -> Opened:
    content = _blocks(result)
    if "structuredContent" not in result:
        if len(content) != 1:
            raise Unfit("it is not one text")
        return _text(result)
    stray = _stray(result) or any(block.get("type") != "text" for block in content)

    def seal(left: Sequence[Any]) -> dict[str, Any]:
        (kept,) = left
        if kept is GONE:
            return _sealed(result, content=[])
        return _sealed(result, content=[_written(kept)] if content else [], structuredContent=kept)

    return Opened([Document("/structuredContent", result["structuredContent"])], stray, seal)


def _text(result: Mapping[str, Any]) -> Opened:
    content = _blocks(result)
    if "structuredContent" in result or any(block.get("type") != "text" for block in content):
        raise Unfit("it is not only text")
    _must_be_readable(block.get("text") for block in content)
    documents = [Document(f"/content/{place}/text", parsed(block.get("text"))) for place, block in enumerate(content)]

    def seal(left: Sequence[Any]) -> dict[str, Any]:
        return _sealed(result, content=[_written(kept) for kept in left if kept is not GONE])

    return Opened(documents, _stray(result), seal)


def _resources(result: Mapping[str, Any]) -> Opened:
    key = "contents" if "contents" in result else "content"
    blocks = _blocks(result, key)
    if "structuredContent" in result or ("content" in result and "contents" in result):
        raise Unfit("it is not only resources")
    placed = {
        place: block if key == "contents" else block.get("resource")
        for place, block in enumerate(blocks)
        if key == "contents" or block.get("type") == "resource"
    }
    _must_be_readable(resource.get("text") for resource in placed.values() if isinstance(resource, dict))
    documents = [
        Document(f"/{key}/{place}", _metadata_of(resource), blocks[place]) for place, resource in placed.items()
    ]

    def seal(left: Sequence[Any]) -> dict[str, Any]:
        kept = zip(documents, left, strict=True)
        return _sealed(result, **{key: [document.content for document, one in kept if one is not GONE]})

    return Opened(documents, _stray(result) or len(placed) < len(blocks), seal)


def _meta(result: Mapping[str, Any]) -> Opened:
    def seal(left: Sequence[Any]) -> dict[str, Any]:
        kept = left[0] is not GONE
        return (
            dict(result) if kept else _sealed(result, **{key: [] for key in ("content", "contents") if key in result})
        )

    return Opened([Document("", result.get("_meta", {}), result)], stray=False, seal=seal)


OPEN: Final[Mapping[Source, Callable[[Mapping[str, Any]], Opened]]] = {
    "structured": _structured,
    "text": _text,
    "resources": _resources,
    "meta": _meta,
}
"""How a result is opened, by the manifest's ``from``."""


def parsed(text: Any) -> Any:
    """The value of a JSON text that every parser reads alike.

    :raises Unfit: there is none: it does not parse, a member stands twice, or a colon is escaped.
    """
    try:
        value = orjson.loads(text)
        # orjson keeps the last of two members of one name. Every member has one colon, and all others stand in texts,
        # as themselves: an escaped one could make up for a member that was lost.
        if _ESCAPED_COLON.search(text.replace("\\\\", "")) or text.count(":") != as_json(value).decode().count(":"):
            raise Unfit("a member stands twice")
        return json.loads(text) if _LONG_NUMBER.search(text) else value  # orjson makes large integers inexact
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise Unfit("it is no JSON") from error


def _must_be_readable(texts: Iterable[Any]) -> None:
    """Hold JSON texts, which no frame's limits know, against :data:`MOST_VALUES` before they are parsed.

    :raises Unfit: they hold more.
    """
    marks = sum(text.count(mark) for text in texts if isinstance(text, str) for mark in "{[,")
    if marks > MOST_VALUES:
        raise Unfit("there is too much in it")


def _metadata_of(resource: Any) -> Any:
    """What pointers into a resource's text find; an object without members where it is no JSON."""
    try:
        return parsed(resource.get("text"))
    except (Unfit, AttributeError):
        return {}


def _blocks(result: Mapping[str, Any], key: str = "content") -> list[dict[str, Any]]:
    blocks = result.get(key, [])
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise Unfit("its content is no list of blocks")
    return blocks


def _stray(result: Mapping[str, Any]) -> bool:
    return not all(
        key in _KNOWN or (key == _RESULT_TYPE and value == _COMPLETE) or is_plain(value, key)
        for key, value in result.items()
    )


def _sealed(result: Mapping[str, Any], **parts: Any) -> dict[str, Any]:
    """A result of these parts, and of what else of the old one holds no text."""
    kept = {
        key: value
        for key, value in result.items()
        if key == "isError"
        or (key not in _KNOWN and is_plain(value, key))
        or (key == _RESULT_TYPE and value == _COMPLETE)
    }
    return {**kept, **parts}


def _written(value: Any) -> dict[str, Any]:
    try:
        text = orjson.dumps(value).decode()
    except TypeError:
        text = json.dumps(value, separators=(",", ":"))
    return {"type": "text", "text": text}
