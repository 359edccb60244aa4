"""What a result comes to when it is passed on in one argument: text, or the JSON that it is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from rule_of_two.manifests.metadata import as_json

Kind = Literal["text", "JSON", "image", "audio", "binary"]
"""Words of ours: a media type is a text of the server's."""

_MEDIA: Final[Mapping[str, Kind]] = {"image": "image", "audio": "audio"}


@dataclass(frozen=True, slots=True)
class HeldValue:
    """A value that nobody has seen. ``text`` is what stands in an argument that takes text: images, audio and other
    bytes as base64, and JSON as it is written. ``size`` is the bytes of the text (UTF-8), ``sha256`` their digest."""

    kind: Kind
    text: str = field(repr=False)
    size: int
    sha256: str

    @property
    def about(self) -> int:
        """The size as it is told to a client: rounded up to a power of two, so that it says next to nothing."""
        return 1 << (self.size - 1).bit_length() if self.size else 0


def value_of(result: Mapping[str, Any]) -> HeldValue:
    """The value of a result of ``tools/call``, ``resources/read`` or ``prompts/get``.

    Structured content is JSON. Else texts alone are one text, a line feed between them; a single image, audio or blob
    is its base64; everything else is JSON of what came.

    :raises ValueError: it is no JSON, or nested too deep.
    """
    if result.get("structuredContent") is not None:
        return _json(result["structuredContent"])
    for member in ("content", "contents", "messages"):
        parts = result.get(member)
        if isinstance(parts, list):
            return _of_parts([_inner(part) for part in parts], parts)
    return _json(dict(result))


def _inner(part: Any) -> Any:
    """What carries the text or data: the content of a message, the resource that a block embeds."""
    for member in ("content", "resource"):
        if isinstance(part, Mapping) and isinstance(part.get(member), Mapping):
            return _inner(part[member])
    return part


def _of_parts(inner: Sequence[Any], parts: Sequence[Any]) -> HeldValue:
    texts = [part.get("text") if isinstance(part, Mapping) else None for part in inner]
    if all(isinstance(text, str) for text in texts):
        return _made("text", "\n".join(str(text) for text in texts))
    if len(inner) == 1 and isinstance(inner[0], Mapping):
        data = inner[0].get("data", inner[0].get("blob"))
        if isinstance(data, str):
            return _made(_MEDIA.get(str(inner[0].get("type")), "binary"), data)
    return _json(list(parts))


def _json(document: Any) -> HeldValue:
    try:
        return _made("JSON", as_json(document).decode())
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def _made(kind: Kind, text: str) -> HeldValue:
    data = text.encode()  # half a surrogate is a ValueError
    return HeldValue(kind, text, len(data), hashlib.sha256(data).hexdigest())
