"""``rule-of-two.yaml``: what the operator says (INTERFACE "Configuration"). Unknown keys are errors with a line."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, RootModel, StringConstraints, field_validator, model_validator

from rule_of_two.clients.profiles import PROFILES
from rule_of_two.errors import ConfigurationError
from rule_of_two.gateway.duration import Duration
from rule_of_two.gateway.providers.settings import ProviderSettings
from rule_of_two.manifests.pointer import Pointer
from rule_of_two.model import ORDER, Label
from rule_of_two.yaml_source import load_yaml, nearest

_REFERENCE: Final = re.compile(r"\$\{(\w+):([^}]*)\}")

_NAME: Final = r"^[A-Za-z0-9](?:[-_]?[A-Za-z0-9]){0,31}$"
UpstreamName = Annotated[str, StringConstraints(pattern=_NAME, max_length=32)]
"""Letters and digits with single ``-`` or ``_`` between: the first ``__`` of a tool name ends the upstream's name."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Server(_Strict):
    """One block of ``mcpServers``: a command to start, or the URL of a server (streamable HTTP, else HTTP+SSE)."""

    type: Literal["stdio", "http", "streamable-http", "sse"] | None = None
    command: str | None = None
    args: tuple[str, ...] = ()
    env: dict[str, str] = Field(default_factory=dict)
    cwd: str | None = None
    url: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    auth: Literal["oauth"] | None = None
    manifest: str | None = None
    store: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    label_authority: bool = False
    """The labels that it asserts of its results may lower, where its manifest says in which place they stand."""
    disabled: bool = False

    @model_validator(mode="after")
    def _one_way_in(self) -> Server:
        if (self.command is None) == (self.url is None):
            raise ValueError("give either a command or a url")
        if self.url is not None and not self.url.startswith(("http://", "https://")):
            raise ValueError("the url must start with http:// or https://")
        if self.url is None and (self.auth is not None or self.type not in {None, "stdio"}):
            raise ValueError("auth, and any type but stdio, belong to a url")
        if self.url is not None and self.type == "stdio":
            raise ValueError("type stdio belongs to a command")
        return self


class SessionSettings(_Strict):
    """``sessions``: the boundary (else the client profile's), how a host of the operator's own names conversations in
    ``_meta``, whether its forks and sub-agents keep that key, and what the host's own tools bring."""

    boundary: Literal["connection", "conversation", "human"] | None = None
    conversation_key: str | None = None
    forks_keep_key: bool = False
    ambient: tuple[Label, ...] = ()

    @field_validator("conversation_key")
    @classmethod
    def _one_place(cls, value: str | None) -> str | None:
        if value is not None and "*" in Pointer.parse(value).tokens:
            raise ValueError("it must name one place in _meta, without '*'")
        return value

    @model_validator(mode="after")
    def _of_conversations(self) -> SessionSettings:
        if self.boundary != "conversation" and (self.conversation_key is not None or self.forks_keep_key):
            raise ValueError("conversation_key and forks_keep_key belong to boundary: conversation")
        return self


class PrincipalSettings(_Strict):
    """``principal``: on whose behalf which agent runs, what for, and which labels it is meant to combine."""

    user: str = "local"
    tenant: str = "local"
    roles: tuple[str, ...] = ()
    purpose: str = "general"
    agent: str = "agent"
    configuration: tuple[Label, ...] = ORDER


class ApproverSettings(_Strict):
    """One of ``approvals.approvers``: who may answer, and the public key that their answers are signed with."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    key: Annotated[str, StringConstraints(pattern=r"^ssh-ed25519 [A-Za-z0-9+/]+={0,2}( .*)?$")]
    user: str | None = None
    tenant: str | None = None
    roles: tuple[str, ...] = ()


class ApproverList(RootModel[tuple[ApproverSettings, ...]]):
    """A file of approvers, as the list under ``approvals.approvers``."""


class ApprovalSettings(_Strict):
    """``approvals``: where a human is asked, who may answer, how long a call may wait, and whether anyone ever can."""

    channels: tuple[Literal["console", "elicitation"], ...] = ("console",)
    wait: Duration | None = None
    pending: Duration = 900.0
    """How long a question outlives the call that waited for it."""
    unattended: Literal["ask", "deny"] = "ask"
    approvers: tuple[ApproverSettings, ...] = ()

    @field_validator("approvers")
    @classmethod
    def _distinct_approvers(cls, value: tuple[ApproverSettings, ...]) -> tuple[ApproverSettings, ...]:
        for kind, given in (("name", [one.name for one in value]), ("key", [one.key.split()[1] for one in value])):
            if len(set(given)) < len(given):
                raise ValueError(f"two approvers have the same {kind}")
        return value


class PinSettings(_Strict):
    """``pins``: whether what the configuration mounts is trusted as first seen."""

    first_use: Literal["accept", "ask"] = "accept"


class HandleSettings(_Strict):
    """``handles``: how often what the gateway holds can be passed on, and for how long it is held."""

    uses: Annotated[int, Field(ge=1, le=1000)] = 5
    life: Duration = 900.0


class AuditSettings(_Strict):
    """``audit``: what the journal keeps besides ids and digests, for how long, and where its checkpoints go."""

    contents: bool = False
    """The text of what is handed over, secrets hidden, cut to a size."""
    retention: Duration = 90 * 86400.0
    """What is younger is not pruned unless whoever prunes says so."""
    anchors: tuple[str, ...] = ()
    """Files, beside the one in the state's folder, that checkpoints are added to; relative to the configuration."""
    key: Literal["file", "keyring"] = "file"
    """Where the key is kept that signs checkpoints."""


class Config(_Strict):
    """The whole file. ``path`` is where it stood; relative names in it are relative to that folder."""

    version: Literal[1]
    servers: dict[UpstreamName, Server] = Field(alias="mcpServers")
    client: str = "generic"
    sessions: SessionSettings = SessionSettings()
    principal: PrincipalSettings = PrincipalSettings()
    policies: tuple[str, ...] = ("default",)
    entities: tuple[str, ...] = ()
    providers: ProviderSettings = ProviderSettings()
    typed_arguments: bool = False
    manifests: tuple[str, ...] = ()
    approvals: ApprovalSettings = ApprovalSettings()
    pins: PinSettings = PinSettings()
    handles: HandleSettings = HandleSettings()
    audit: AuditSettings = AuditSettings()
    mode: Literal["enforce", "observe"] = "enforce"

    @property
    def stores(self) -> dict[str, str]:
        """Of each server, the store that it keeps things in: its own, or one that it shares with others."""
        return {name: server.store or name for name, server in self.servers.items()}

    @field_validator("client")
    @classmethod
    def _known_client(cls, value: str) -> str:
        if value not in PROFILES:
            raise ValueError(f"unknown client {value!r}{nearest(value, list(PROFILES))} Known: {', '.join(PROFILES)}")
        return value

    @field_validator("servers")
    @classmethod
    def _distinct_servers(cls, value: dict[str, Server]) -> dict[str, Server]:
        seen: dict[str, str] = {}
        for name in value:
            if other := seen.get(name.lower()):
                raise ValueError(f"the servers {other!r} and {name!r} differ only in case; rename one")
            seen[name.lower()] = name
        return value


def load_config(path: Path) -> Config:
    """Read and check a configuration file.

    :raises ConfigurationError: one sentence with file and line.
    """
    if not path.exists():
        raise ConfigurationError(
            "there is no such file; `rule-of-two init` writes one, --config names another", file=path
        )
    return load_yaml(path, Config)


def config_path(option: Path | None) -> Path:
    """``--config``, else ``$RULE_OF_TWO_CONFIG``, else the user's configuration folder; never the working directory."""
    if option is not None:
        return option.resolve()
    if variable := os.environ.get("RULE_OF_TWO_CONFIG"):
        return Path(variable).resolve()
    return platformdirs.user_config_path("rule-of-two") / "rule-of-two.yaml"


def found_config(option: Path | None) -> tuple[Config | None, Path]:
    """The configuration for a command that can do without one, and where it stands. One that was named must be there.

    :raises ConfigurationError: it is wrong, or was named and is not there.
    """
    path = config_path(option)
    return (load_config(path) if option is not None or path.exists() else None), path


def state_folder(option: Path | None) -> Path:
    """``--state``, else ``$RULE_OF_TWO_STATE``, else the platform's state folder."""
    if option is not None:
        return option.resolve()
    if variable := os.environ.get("RULE_OF_TWO_STATE"):
        return Path(variable).resolve()
    return platformdirs.user_state_path("rule-of-two")


def key_path(option: Path | None) -> Path:
    """``--key``, else ``$RULE_OF_TWO_KEY``, else ``approver.key`` in the user's configuration folder."""
    if option is not None:
        return option.absolute()
    if variable := os.environ.get("RULE_OF_TWO_KEY"):
        return Path(variable).absolute()
    return platformdirs.user_config_path("rule-of-two") / "approver.key"


def key_files(key: Path) -> tuple[Path, Path]:
    """The private key and the public line beside it."""
    return key, key.with_name(f"{key.name}.pub")


def backup_path(config: Path) -> Path:
    """Where a configuration stands as it was before `init` changed it."""
    return config.with_name(f"{config.name}.bak")


def expand(values: Mapping[str, str], *, where: str, file: Path | None) -> dict[str, str]:
    """Replace ``${env:NAME}`` and ``${keyring:service/user}`` in each value.

    :raises ConfigurationError: the variable is not set, or the keyring has no such entry.
    """
    return {key: _expand(value, f"{where}.{key}", file) for key, value in values.items()}


def _expand(value: str, where: str, file: Path | None) -> str:
    def replace(match: re.Match[str]) -> str:
        kind, name = match.groups()
        secret = _lookup(kind, name)
        if secret is None:
            raise ConfigurationError(f"'{where}': ${{{kind}:{name}}} has no value; set it and start again", file=file)
        return secret

    return _REFERENCE.sub(replace, value)


def _lookup(kind: str, name: str) -> str | None:
    if kind == "env":
        return os.environ.get(name)
    if kind == "keyring":
        import keyring  # noqa: PLC0415  # looks for backends when imported: only who uses it pays

        service, _, user = name.partition("/")
        return keyring.get_password(service, user)
    return None
