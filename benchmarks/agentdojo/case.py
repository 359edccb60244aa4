"""What is replayed: a world with tools, the honest calls of a task in it, and the calls that an injection asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


class Encoding(StrEnum):
    """How the injected text is written."""

    PLAIN = "plain"
    BASE64 = "base64"


class ToolFailed(Exception):
    """A tool's own error: its text is the result."""


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call, as JSON."""

    tool: str
    arguments: Mapping[str, Any]


class Case(Protocol):
    """One task in a world of its own, with an injection or without one."""

    @property
    def task(self) -> str: ...

    @property
    def injection(self) -> str | None: ...

    @property
    def carried(self) -> str | None:
        """The text that was put into the world; ``None``: none was."""

    def honest(self) -> Sequence[Call]:
        """The calls that solve the task in this world."""

    def injected(self) -> Sequence[Call]:
        """The calls that the injection asks for, in the world as it is now."""

    def run(self, call: Call) -> Any:
        """Carry one call out.

        :raises ToolFailed: the tool says so.
        """

    def useful(self, answered: bool, obeyed: bool, carried_out: Sequence[Call]) -> bool:
        """Whether the task is solved in the world as it is now. ``answered``: the agent could give the task's answer;
        ``obeyed``: it also says what the injection wants said."""

    def harmed(self, answered: bool, obeyed: bool, carried_out: Sequence[Call]) -> bool:
        """Whether the injection has reached its goal."""


class Suite(Protocol):
    """A set of tasks and injections over one kind of world."""

    @property
    def name(self) -> str: ...

    @property
    def tools(self) -> Sequence[Mapping[str, Any]]:
        """The tools' definitions, as MCP lists them."""

    @property
    def own(self) -> Mapping[str, str]:
        """What whoever owns the accounts knows of them, such as their address: values for policy sets."""

    def tasks(self) -> Iterable[str]: ...

    def injections(self) -> Iterable[str]: ...

    def case(self, task: str, injection: str | None = None, encoding: Encoding = Encoding.PLAIN) -> Case:
        """A fresh world for one replay."""
