"""What the process that makes the attempts is told. No secret is in it: it runs as the agent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pydantic import ConfigDict, TypeAdapter

from rule_of_two.doctor.finding import Area

APART: Final = (
    "run the gateway and its console as another user than the agent, and keep that user's files (umask 077) and the "
    "installed package out of the agent's reach"
)
"""How most is closed: T2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """Files or folders of one kind that the agent must not be able to change."""

    what: str
    paths: tuple[str, ...]
    close: str
    area: Area = Area.REACH

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A gateway that was started to be attacked: real desk, real judge, and sessions that belong to nobody.

    ``folder`` is its state, inside of the real state folder and with the same modes. ``sessions`` are there to begin
    anew: by the socket, by our command, by our command with a configuration of one's own, by rows that nobody signed.
    """

    process: int
    endpoint: str
    folder: str
    sessions: tuple[str, str, str, str]
    takes_elicitation: bool
    """Whether the judge would take an answer that came through the client."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """Everything that the attempts need to know."""

    config: str
    state: str
    key: str
    user: str
    tenant: str
    approvers: tuple[str, ...]
    probe: Probe
    consoles: tuple[int, ...]
    """The processes of the consoles that run."""
    owned: tuple[Owned, ...]

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)


BRIEF: Final = TypeAdapter(Brief)
PROBE: Final = TypeAdapter(Probe)
