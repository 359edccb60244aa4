"""Everything that a gateway needs, loaded and checked before anything starts: so that errors name a file and a line."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from rule_of_two.approvals.approvers import Enrolled
from rule_of_two.clients.profiles import PROFILES, Profile
from rule_of_two.errors import ConfigurationError
from rule_of_two.gateway.config import (
    ApproverSettings,
    Config,
    Server,
    backup_path,
    key_files,
    key_path,
)
from rule_of_two.gateway.consent import Patience
from rule_of_two.gateway.launch import Launch, environment
from rule_of_two.gateway.policy_versions import FOLDER
from rule_of_two.gateway.references import expand, expand_text
from rule_of_two.gateway.rulebook import manifests_digest
from rule_of_two.gateway.splitting import Splitting, splitting
from rule_of_two.manifests.document import ManifestDocument
from rule_of_two.manifests.load import find_manifest, load_manifest, recognised
from rule_of_two.manifests.manifest import Manifest
from rule_of_two.manifests.shadows import is_shadowed
from rule_of_two.model import Approver, Principal
from rule_of_two.policy.files import Snapshot
from rule_of_two.policy.load import Policies
from rule_of_two.policy.sources import Sources
from rule_of_two.records import replace
from rule_of_two.sessions.key import SessionKey
from rule_of_two.wire.http import Kind

if TYPE_CHECKING:
    from rule_of_two.approvals.keys import PublicKey
    from rule_of_two.gateway.signatures import Trust


class Upstream(Struct, frozen=True):
    """One server as it will be mounted."""

    name: str
    launch: Launch
    manifest: Manifest
    recognised: bool
    """False: no manifest names it, so everything it does is [A][B][C]."""


class Blueprint(Struct, frozen=True):
    """A gateway to be built. Nothing in it has started."""

    config: Config
    profile: Profile
    principal: Principal
    sources: Sources
    files: Snapshot
    """What the policies were loaded from."""
    policies: Policies
    upstreams: tuple[Upstream, ...]
    key: SessionKey
    splitting: Splitting
    state: Path
    protected: tuple[Path, ...]
    secrets: tuple[str, ...]
    prefixed: bool = True
    approvers: tuple[Enrolled, ...] = ()
    anchors: tuple[Path, ...] = ()
    """Files that checkpoints of the journal are added to."""
    trust: Trust | None = None
    """Who has to have signed the operator's own policies; ``None``: nobody."""

    @property
    def manifests_digest(self) -> str:
        """Of what facts are derived from: a part of the version of each decision."""
        return manifests_digest((one.name, one.manifest) for one in self.upstreams)

    @property
    def takers(self) -> tuple[str, ...]:
        """The arguments that take handles, as clients name them: ``mail__send /body``."""
        return tuple(
            f"{one.name}__{tool} {pointer}" if self.prefixed else f"{tool} {pointer}"
            for one in self.upstreams
            for tool in one.manifest.document.tools
            for pointer in one.manifest.opaque_pointers(tool)
        )

    @property
    def patience(self) -> Patience:
        """How long a call may wait for a human: the configuration's, else the client profile's."""
        own = self.config.approvals
        return Patience(
            wait=self.profile.wait if own.wait is None else own.wait,
            progress=self.profile.patience if own.wait is None else own.wait,
            pending=timedelta(seconds=max(own.pending, own.wait or 0)),
        )


def draw(
    config: Config,
    *,
    file: Path | None,
    state: Path,
    client: str | None = None,
    prefixed: bool = True,
    signed_by: Sequence[PublicKey] | None = None,
) -> Blueprint:
    """Load what the configuration names. ``file`` is where it stood; relative names are relative to its folder.
    ``signed_by``: the operator's own policies and entities have to be signed by one of these keys.

    :raises ConfigurationError: a name, a manifest, a parameter or a secret is wrong.
    :raises PolicyError: the policies do not validate.
    """
    folder = file.parent if file else Path.cwd()
    profile = _profile(client or config.client)
    manifests = [folder / name for name in config.manifests]
    secrets: list[str] = []
    sources = sources_of(config, folder)
    files = sources.look()
    trust = None if signed_by is None else _trust(signed_by, state)
    if trust is not None:
        trust.check(sources, files)
    policies = sources.load(files)
    upstreams = tuple(
        _upstream(
            name,
            server,
            folder=folder,
            file=file,
            manifests=manifests,
            secrets=secrets,
            only_communication=policies.only_communication,
        )
        for name, server in config.servers.items()
        if not server.disabled
    )
    who, principal = config.principal, principal_of(config)
    split = splitting(config.sessions, profile, os.environ)
    kept = (state, *key_files(key_path(None)), *((file, backup_path(file)) if file else ()))
    return Blueprint(
        config=config,
        profile=profile,
        principal=principal,
        sources=sources,
        files=files,
        policies=policies,
        upstreams=upstreams,
        key=SessionKey(who.user, who.tenant, profile.name, _workspace(profile), split.conversation),
        splitting=split,
        state=state,
        protected=(*kept, *own_files(config, folder), *anchor_files(config, folder)),
        secrets=tuple(dict.fromkeys(secrets)),
        prefixed=prefixed,
        approvers=enrolled_approvers(config, file),
        anchors=anchor_files(config, folder),
        trust=trust,
    )


def _trust(keys: Sequence[PublicKey], state: Path) -> Trust:
    from rule_of_two.gateway.signatures import Trust  # noqa: PLC0415  # only who asks for signatures pays for it

    return Trust.of(keys, state / FOLDER)


def principal_of(config: Config) -> Principal:
    """On whose behalf sessions run."""
    who = config.principal
    return Principal(
        who.user,
        who.tenant,
        who.roles,
        who.purpose,
        config.approvals.unattended == "ask",
        who.agent,
        frozenset(who.configuration),
    )


def sources_of(config: Config, folder: Path) -> Sources:
    """Where the policies of a configuration come from that stands in ``folder``."""
    return Sources(config.policies, config.entities, folder, config.typed_arguments)


def own_files(config: Config, folder: Path) -> tuple[Path, ...]:
    """The operator's own manifests, policies and entities: files and folders that exist, by the names in a
    configuration that stands in ``folder``."""
    named = [server.manifest for server in config.servers.values() if server.manifest is not None]
    files = [path for path in (folder / Path(name).expanduser() for name in named) if path.is_file()]
    paths = (folder / name for name in (*config.manifests, *config.policies, *config.entities))
    return (*files, *(path for path in paths if path.exists()))


def anchor_files(config: Config, folder: Path) -> tuple[Path, ...]:
    """Where checkpoints of the journal go, by the names in a configuration that stands in ``folder``."""
    return tuple(folder / Path(name).expanduser() for name in config.audit.anchors)


def enrolled_approvers(config: Config, file: Path | None) -> tuple[Enrolled, ...]:
    """Who may answer, by the configuration.

    :raises ConfigurationError: one of the keys is none.
    """
    return enrol(config.approvals.approvers, tenant=config.principal.tenant, file=file)


def enrol(approvers: Sequence[ApproverSettings], *, tenant: str, file: Path | None) -> tuple[Enrolled, ...]:
    """Approvers with their keys. ``tenant`` is that of those for whom none is named.

    :raises ConfigurationError: one of the keys is none.
    """
    if not approvers:
        return ()
    from rule_of_two.approvals.keys import PublicKey  # noqa: PLC0415  # only who enrols approvers pays for it

    enrolled: list[Enrolled] = []
    for one in approvers:
        try:
            key = PublicKey.parse(one.key)
        except ConfigurationError as error:
            raise ConfigurationError(f"the key of the approver '{one.name}' {error}", file=file) from error
        approver = Approver(one.name, one.user or one.name, one.tenant or tenant, one.roles, signed=True)
        enrolled.append(Enrolled(approver, key))
    return tuple(enrolled)


def _profile(name: str) -> Profile:
    if name not in PROFILES:
        raise ConfigurationError(f"unknown client '{name}'; known: {', '.join(PROFILES)}")
    return PROFILES[name]


def _workspace(profile: Profile) -> str:
    named = os.environ.get(profile.workspace_variable) if profile.workspace_variable else None
    return os.path.realpath(named or Path.cwd())


def _upstream(
    name: str,
    server: Server,
    *,
    folder: Path,
    file: Path | None,
    manifests: list[Path],
    secrets: list[str],
    only_communication: str | None,
) -> Upstream:
    where = f"mcpServers.{name}"
    env = expand(server.env, where=f"{where}.env", file=file)
    headers = expand(server.headers, where=f"{where}.headers", file=file)
    args = [expand_text(one, where=f"{where}.args", file=file) for one in server.args]
    command, cwd, url = (
        None if text is None else expand_text(text, where=f"{where}.{key}", file=file)
        for key, text in (("command", server.command), ("cwd", server.cwd), ("url", server.url))
    )
    everything = (*env.values(), *headers.values(), *args, *filter(None, (command, cwd, url)))
    secrets += [value for one in everything for value in one.filled_in if _is_secret(value)]
    launch = Launch(
        command=None if command is None else command.text,
        args=tuple(one.text for one in args),
        env=environment({key: one.text for key, one in env.items()}),
        cwd=folder / cwd.text if cwd else Path.cwd(),
        url=None if url is None else url.text,
        headers={key: one.text for key, one in headers.items()},
        kind=_KINDS.get(server.type or "", "auto"),
        oauth=name if server.auth == "oauth" else None,
        written=(server.command, server.args, server.url),
    )
    # What is recognised is what is run.
    run = server.model_copy(
        update={
            "command": launch.command,
            "args": launch.args,
            "url": launch.url,
            "cwd": None if cwd is None else cwd.text,
        }
    )
    store = server.store or name
    document = document_of(run, folder=folder, manifests=manifests)
    if document is None:
        if server.parameters:
            raise ConfigurationError(f"'{where}.parameters' is given, but no manifest is: name one", file=file)
        if server.label_authority:
            raise ConfigurationError(f"'{where}.label_authority' is given, but no manifest is: name one", file=file)
        return Upstream(name, launch, Manifest.unknown(name, store), recognised=False)
    try:
        manifest = Manifest(
            document,
            upstream=name,
            store=store,
            parameters=server.parameters,
            only_communication=only_communication,
            label_authority=server.label_authority,
        )
    except ConfigurationError as error:
        raise ConfigurationError(f"'{where}': {error}", file=file) from error
    if not server.manifest:
        launch = replace(launch, still_named=lambda: not is_shadowed(run.recognisable, run.started_in(folder)))
    return Upstream(name, launch, manifest, recognised=True)


def document_of(server: Server, *, folder: Path, manifests: Sequence[Path]) -> ManifestDocument | None:
    """The manifest that a server's block names, else the one that recognises it; ``manifests`` are the folders of the
    operator's own.

    :raises ConfigurationError: there is no such manifest, or it is none.
    """
    if server.manifest:
        return load_manifest(find_manifest(server.manifest, relative_to=folder, folders=manifests))
    return recognised(server.recognisable, manifests, started_in=server.started_in(folder))


_KINDS: Final[Mapping[str, Kind]] = {"streamable-http": "streamable-http", "sse": "sse"}
"""``http`` is what clients call both."""


def _is_secret(value: str) -> bool:
    """Whether what came from outside the file is to be hidden: long enough to mean one thing, and no file's name."""
    return len(value) >= 6 and not (Path(value).is_absolute() and os.path.exists(value))  # noqa: PTH110  # Path.exists raises on what is no path
