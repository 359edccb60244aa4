"""What a server offers, as it lists it: what drafts are made of and manifests held against. None of it is believed.

Everything is the server's own text, so it is bounded here, and escaped wherever it is shown or written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Self

from msgspec import Struct, field

MOST: Final = 2000
"""Tools, and as many prompts, resources and templates, that are looked at; the rest is left out and counted."""
_NO_LIST: Final = "holds no list of tools; save the answer to tools/list, with its member `tools`"
LONGEST_NAME: Final = 2048
"""Characters of a name or URI; a longer one is left out."""


class OfferedTool(Struct, frozen=True):
    """One tool of ``tools/list``. ``schema`` is ``None`` where it is not known: a list that was published by names."""

    name: str
    description: str = ""
    schema: Mapping[str, Any] | None = field(default_factory=dict)
    annotations: Any = None


class OfferedPrompt(Struct, frozen=True):
    """One prompt of ``prompts/list``, with the names of its arguments."""

    name: str
    description: str = ""
    arguments: tuple[str, ...] = ()


class Offer(Struct, frozen=True):
    """Everything that a server lists. ``left_out`` counts what has no usable name, or was too much.

    ``complete`` is false where only tools are known: nothing was said of resources and prompts.
    ``server``, ``version`` and ``protocol`` are what it says of itself, where that is known.
    """

    tools: tuple[OfferedTool, ...] = ()
    prompts: tuple[OfferedPrompt, ...] = ()
    resources: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    server: str = ""
    version: str = ""
    protocol: str = ""
    left_out: int = 0
    complete: bool = True
    note: str = ""
    """What was said when it was listed: that not everything was taken, for one. It may quote the server."""

    @classmethod
    def read(cls, value: Any) -> Self:
        """Read a saved ``tools/list``: the list, a result with ``tools``, or a whole JSON-RPC answer; other lists may
        stand beside it under ``prompts``, ``resources`` and ``resourceTemplates``.

        :raises ValueError: there is no list of tools in it; one sentence.
        """
        if isinstance(value, Mapping) and isinstance(value.get("result"), Mapping):
            value = value["result"]
        if isinstance(value, list):
            value = {"tools": value}
        if not isinstance(value, Mapping) or not isinstance(value.get("tools"), list):
            raise ValueError(_NO_LIST)  # noqa: TRY004  # it is the text of a file, and no type of ours
        told = value.get("serverInfo")
        info = told if isinstance(told, Mapping) else {}
        return cls.of(
            tools=value["tools"],
            prompts=_list(value.get("prompts")),
            resources=_list(value.get("resources")),
            templates=_list(value.get("resourceTemplates")),
            server=_text(info.get("name")),
            version=_text(info.get("version")),
            protocol=_text(value.get("protocolVersion")),
            complete=bool({"prompts", "resources", "obtained", "serverInfo"} & value.keys()),
        )

    @classmethod
    def of(
        cls,
        *,
        tools: Iterable[Any] = (),
        prompts: Iterable[Any] = (),
        resources: Iterable[Any] = (),
        templates: Iterable[Any] = (),
        server: str = "",
        version: str = "",
        protocol: str = "",
        complete: bool = True,
    ) -> Self:
        """From the bodies of the lists. What cannot be used is left out; of two with one name the first counts."""
        counted = _Counted()
        return cls(
            tuple(
                OfferedTool(name, _description(body), _schema(body), body.get("annotations"))
                for name, body in counted.named(tools, "name")
            ),
            tuple(
                OfferedPrompt(name, _description(body), _arguments(body.get("arguments")))
                for name, body in counted.named(prompts, "name")
            ),
            tuple(name for name, _ in counted.named(resources, "uri")),
            tuple(name for name, _ in counted.named(templates, "uriTemplate")),
            server,
            version,
            protocol,
            counted.left_out,
            complete,
        )


class _Counted(Struct):
    left_out: int = 0

    def named(self, bodies: Iterable[Any], key: str) -> list[tuple[str, Mapping[str, Any]]]:
        found: dict[str, Mapping[str, Any]] = {}
        for body in bodies:
            name = body.get(key) if isinstance(body, Mapping) else None
            usable = isinstance(name, str) and 0 < len(name) <= LONGEST_NAME and _is_text(name)
            if not usable or name in found or len(found) == MOST:
                self.left_out += 1
                continue
            found[str(name)] = body
        return list(found.items())


def _is_text(name: str) -> bool:
    """Whether it can be written to a file at all: half a surrogate cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _description(body: Mapping[str, Any]) -> str:
    return _text(body.get("description")) or _text(body.get("title"))


def _arguments(value: Any) -> tuple[str, ...]:
    names = [one.get("name") for one in _list(value) if isinstance(one, Mapping)]
    return tuple(name for name in names if isinstance(name, str) and 0 < len(name) <= LONGEST_NAME and _is_text(name))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    value = body.get("inputSchema")
    return value if isinstance(value, Mapping) else None
