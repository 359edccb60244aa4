"""``rule-of-two.yaml``: what the operator says (INTERFACE "Configuration"). Unknown keys are errors with a line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, RootModel, StringConstraints, field_validator, model_validator

from rule_of_two.clients.profiles import PROFILES
from rule_of_two.errors import ConfigurationError
from rule_of_two.gateway.duration import Duration
from rule_of_two.gateway.providers.settings import ProviderSettings
from rule_of_two.manifests.pointer import Pointer
from rule_of_two.manifests.recognise import Launch as Recognisable
from rule_of_two.model import ORDER, Label
from rule_of_two.yaml_source import load_yaml, nearest

_NAME: Final = r"^[A-Za-z0-9](?:[-_]?[A-Za-z0-9]){0,31}$"
UpstreamName = Annotated[str, StringConstraints(pattern=_NAME, max_length=32)]
"""Letters and digits with single ``-`` or ``_`` between: the first ``__`` of a tool name ends the upstream's name."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Server(_Strict):
    """One block of ``mcpServers``: a command to start, or the URL of a server (streamable HTTP, else HTTP+SSE)."""

    type: Literal["stdio", "http", "streamable-http", "sse"] | None = None
    """How it is reached, where `command` or `url` does not say so: `http` is streamable HTTP, `sse` the older
    HTTP+SSE."""
    command: str | None = None
    """The program that starts it."""
    args: tuple[str, ...] = ()
    """Its arguments."""
    env: dict[str, str] = Field(default_factory=dict)
    """Its environment, besides the few variables that every program needs; nothing else of the gateway's is passed
    on."""
    cwd: str | None = None
    """The folder in which it starts; the gateway's without it."""
    url: str | None = None
    """Where it is reached."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Sent with every request to its `url`."""
    auth: Literal["oauth"] | None = None
    """`oauth`: a person authorizes the gateway in a browser, once."""
    manifest: str | None = None
    """The name or the path of its manifest; without it the server is recognised by what starts it."""
    store: str | None = None
    """The store that it keeps things in, where several servers share one; its own name without it."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """What its manifest lets the operator fill in, such as trusted folders."""
    label_authority: bool = False
    """The labels that it asserts of its results may lower, where its manifest says in which place they stand."""
    disabled: bool = False
    """It is not mounted."""
    clients: tuple[str, ...] | None = None
    """The client profiles that are given it; ``None``: every one."""
    project: str | None = None
    """The folder of the project whose gateway (``serve --project``) is given it, and no other."""

    @property
    def recognisable(self) -> Recognisable:
        """All that its manifest may be told from."""
        return Recognisable(
            self.command,
            self.args,
            self.url,
            env=frozenset(self.env),
            headers=frozenset(self.headers),
            cwd=self.cwd,
            project=self.project,
        )

    def started_in(self, folder: Path) -> tuple[Path, ...]:
        """Where its program looks around itself: the folder that it names, by one of the configuration in ``folder``;
        else the gateway's, and its project's."""
        if self.cwd:
            return (folder / self.cwd,)
        return (Path.cwd(), *(() if self.project is None else (Path(self.project).expanduser(),)))

    @field_validator("clients")
    @classmethod
    def _known_clients(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in value or ():
            _check_client(name)
        return value

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
    """Where a session ends; without it as the client's profile says."""
    conversation_key: str | None = None
    """The JSON Pointer into a request's `_meta` at which the host names the conversation."""
    forks_keep_key: bool = False
    """The operator's word that forks and sub-agents keep that name."""
    ambient: tuple[Label, ...] = ()
    """The labels that every session begins with, for what the host's own tools bring."""

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
    """On whose behalf."""
    tenant: str = "local"
    """Of which tenant."""
    roles: tuple[str, ...] = ()
    """In which roles."""
    purpose: str = "general"
    """What for."""
    agent: str = "agent"
    """The agent's name for policies."""
    configuration: tuple[Label, ...] = ORDER
    """The labels that the agent is meant to combine; policies can hold it to them."""


class ApproverSettings(_Strict):
    """One of ``approvals.approvers``: who may answer, and the public key that their answers are signed with."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    """How the approver is called on screens and receipts."""
    key: Annotated[str, StringConstraints(pattern=r"^ssh-ed25519 [A-Za-z0-9+/]+={0,2}( .*)?$")]
    """The public line of an Ed25519 key, as `rule-of-two init` prints it."""
    user: str | None = None
    """Whose principal they are, for policies that ask; their name without it."""
    tenant: str | None = None
    """Of which tenant they are."""
    roles: tuple[str, ...] = ()
    """What they may decide, for policies that ask."""


class ApproverList(RootModel[tuple[ApproverSettings, ...]]):
    """A file of approvers, as the list under ``approvals.approvers``."""


class ApprovalSettings(_Strict):
    """``approvals``: where a human is asked, who may answer, how long a call may wait, and whether anyone ever can."""

    channels: tuple[Literal["console", "elicitation"], ...] = ("console",)
    """Where a person is asked."""
    wait: Duration | None = None
    """How long a call is held for an answer; without it as long as the client's profile allows."""
    pending: Duration = 900.0
    """How long a question outlives the call that waited for it."""
    unattended: Literal["ask", "deny"] = "ask"
    """`deny`: nobody will ever answer, so nothing is asked."""
    approvers: tuple[ApproverSettings, ...] = ()
    """Who may answer. Without any, every answer is advisory."""

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
    """`ask`: a server's definitions count as untrusted until a person accepted them."""


class ListingSettings(_Strict):
    """``listing``: how long the lists of a client that has just come wait for servers."""

    wait: Duration = 1.0
    """For servers of which nothing is known yet; what comes later follows with `list_changed`."""


class HandleSettings(_Strict):
    """``handles``: how often what the gateway holds can be passed on, and for how long it is held."""

    uses: Annotated[int, Field(ge=1, le=1000)] = 5
    """How often a held value can be passed on."""
    life: Duration = 900.0
    """How long it is held."""


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
    """The version of this format."""
    servers: dict[UpstreamName, Server] = Field(alias="mcpServers")
    """The servers, by name, in the shape that MCP clients use."""
    client: str = "generic"
    """The profile of the client that starts the gateway."""
    sessions: SessionSettings = SessionSettings()
    """Where sessions end, and what they begin with."""
    principal: PrincipalSettings = PrincipalSettings()
    """On whose behalf the agent runs."""
    policies: tuple[str, ...] = ("default",)
    """Names of shipped sets, files and folders. The invariant is always loaded besides."""
    entities: tuple[str, ...] = ()
    """Files that say more of users, agents, servers and tools, for policies to read."""
    providers: ProviderSettings = ProviderSettings()
    """What else policies know: time, risk, device, network, directory."""
    typed_arguments: bool = False
    """Policies may read a tool's arguments, typed by its accepted definition."""
    manifests: tuple[str, ...] = ()
    """Folders of manifests that are searched before the shipped ones."""
    approvals: ApprovalSettings = ApprovalSettings()
    """Who is asked, where, and for how long."""
    pins: PinSettings = PinSettings()
    """What of a server is accepted when it is first seen."""
    listing: ListingSettings = ListingSettings()
    """How long lists wait for servers that nobody has seen yet."""
    handles: HandleSettings = HandleSettings()
    """What of results that the gateway keeps can be passed on."""
    audit: AuditSettings = AuditSettings()
    """What the journal keeps."""
    mode: Literal["enforce", "observe"] = "enforce"
    """`observe`: what policy asks and denies is recorded and let pass, and every result says so."""

    @property
    def stores(self) -> dict[str, str]:
        """Of each server, the store that it keeps things in: its own, or one that it shares with others."""
        return {name: server.store or name for name, server in self.servers.items()}

    def served_to(self, client: str | None, project: Path | None) -> Config:
        """The same for one client's gateway, of one project or of none: what others are given is disabled in it."""
        name = client or self.client
        folder = None if project is None else os.path.realpath(project)

        def given(server: Server) -> bool:
            own = None if server.project is None else os.path.realpath(Path(server.project).expanduser())
            return own == folder and (server.clients is None or name in server.clients)

        servers = {
            name: server if given(server) else server.model_copy(update={"disabled": True})
            for name, server in self.servers.items()
        }
        return self.model_copy(update={"servers": servers})

    def only(self, server: str) -> Config:
        """The same with every other server disabled."""
        servers = {
            name: one if name == server else one.model_copy(update={"disabled": True})
            for name, one in self.servers.items()
        }
        return self.model_copy(update={"servers": servers})

    @field_validator("client")
    @classmethod
    def _known_client(cls, value: str) -> str:
        _check_client(value)
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


def _check_client(name: str) -> None:
    if name not in PROFILES:
        raise ValueError(f"unknown client {name!r}{nearest(name, list(PROFILES))} Known: {', '.join(PROFILES)}")


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
