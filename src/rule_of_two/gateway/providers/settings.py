"""``providers``: who supplies which attribute of the context, or entities; and what an answer has to look like."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator

from rule_of_two.errors import RuleOfTwoError
from rule_of_two.gateway.duration import Duration


class ProviderError(RuleOfTwoError):
    """A provider gave no answer that counts; one sentence without a full stop."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Asked(_Strict):
    """How a provider that is an installed entry point is asked: within ``timeout``, each ``every``; an answer counts
    for ``keep``. ``settings`` are its own."""

    use: str | None = None
    """The entry point that is asked."""
    timeout: Annotated[Duration, Field(gt=0, le=60)] = 5.0
    """How long it may take."""
    every: Annotated[Duration, Field(ge=1)] = 60.0
    """How often it is asked."""
    keep: Annotated[Duration, Field(gt=0)] = 300.0
    """How long an answer counts."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """What it is told of its own."""

    @model_validator(mode="after")
    def _either_asked_or_declared(self) -> Asked:
        if self.use is None and (extra := self.model_fields_set & {"timeout", "every", "keep", "settings"}):
            raise ValueError(f"{min(extra)} belongs to a provider that is named with use")
        return self


class TimeSettings(_Strict):
    """``context.local`` from this machine's clock, in a time zone."""

    zone: str = "UTC"
    """A time zone such as `Europe/Zurich`."""

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            zoneinfo.ZoneInfo(value)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{value!r} is no time zone such as Europe/Zurich") from error
        return value


class RiskSettings(Asked):
    """``context.risk``: reckoned from what the session did, unless somebody else is asked."""


class DeviceSettings(Asked):
    """``context.device``: declared here, or asked of an inventory."""

    id: str | None = None
    """The device's name."""
    managed: bool | None = None
    """Whether it is managed."""

    @model_validator(mode="after")
    def _whole(self) -> DeviceSettings:
        declared = self.id is not None and self.managed is not None
        if declared == (self.use is not None) or (self.use is not None and (self.id or self.managed is not None)):
            raise ValueError("give either use, or id and managed")
        return self


class NetworkSettings(Asked):
    """``context.network``: declared here, or asked."""

    zone: str | None = None
    """The network's name."""

    @model_validator(mode="after")
    def _whole(self) -> NetworkSettings:
        if (self.zone is None) == (self.use is None):
            raise ValueError("give either use or zone")
        return self


class DirectorySettings(Asked):
    """Entities, as a file under ``entities`` would describe them."""

    @model_validator(mode="after")
    def _whole(self) -> DirectorySettings:
        if self.use is None:
            raise ValueError("name the provider with use")
        return self


class ProviderSettings(_Strict):
    """The block. What is left out is supplied by nobody, and absent for policies."""

    time: TimeSettings | None = None
    """`context.local`."""
    risk: RiskSettings | None = None
    """`context.risk`."""
    device: DeviceSettings | None = None
    """`context.device`."""
    network: NetworkSettings | None = None
    """`context.network`."""
    directory: DirectorySettings | None = None
    """Entities from a directory."""

    @property
    def supplied(self) -> frozenset[str]:
        """The optional attributes of the context that are supplied, as long as their provider answers."""
        attributes = {"local": self.time, "risk": self.risk, "device": self.device, "network": self.network}
        return frozenset(name for name, settings in attributes.items() if settings is not None)

    @property
    def asked(self) -> Mapping[str, Asked]:
        """Those that are asked, by the key under which they stand."""
        blocks = {"risk": self.risk, "device": self.device, "network": self.network, "directory": self.directory}
        return {name: block for name, block in blocks.items() if block is not None and block.use is not None}


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


class Local(_Answer):
    """``context.local``."""

    hour: Annotated[int, Field(ge=0, le=23)]
    weekday: Annotated[int, Field(ge=1, le=7)]


class Device(_Answer):
    """``context.device``."""

    id: Annotated[str, Field(max_length=200)]
    managed: bool


class Network(_Answer):
    """``context.network``."""

    zone: Annotated[str, Field(max_length=200)]


ATTRIBUTES: Final = ("local", "device", "network", "risk")
"""Of the context: what providers supply besides entities."""
_ANSWERS: Final[Mapping[str, TypeAdapter[Any]]] = {
    "local": TypeAdapter(Local),
    "device": TypeAdapter(Device),
    "network": TypeAdapter(Network),
    "risk": TypeAdapter(Annotated[int, Field(strict=True, ge=0, le=100)]),
    "directory": TypeAdapter(list[Any]),
}


def checked(name: str, answer: object) -> Any:
    """The answer of the provider under the key ``name``, or what is said of the attribute ``name``, as plain JSON of
    exactly the shape that policies read.

    :raises ProviderError: it has another shape.
    """
    try:
        found = _ANSWERS[name].validate_python(answer)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ProviderError(
            f"its answer is of the wrong shape ({where}{': ' if where else ''}{first['msg']})"
        ) from error
    return found.model_dump() if isinstance(found, BaseModel) else found
