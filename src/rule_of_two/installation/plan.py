"""What an installation will do to a client's file and to our configuration, worked out before anything is written."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct, field, to_builtins
from pydantic import ValidationError

from rule_of_two.clients.entries import (
    ENTRY,
    GIVEN,
    PROJECT_ENTRY,
    Kept,
    Mount,
    configuration_of,
    gateway_entry,
    is_gateway,
    is_wrapped,
    own_words,
    read_mount,
)
from rule_of_two.clients.jsonc import JsonTables
from rule_of_two.clients.secrets import secrets_of, without_secrets
from rule_of_two.clients.tables import Path_, contents, matching
from rule_of_two.clients.toml_tables import TomlTables
from rule_of_two.errors import ConfigurationError
from rule_of_two.gateway.blueprint import document_of
from rule_of_two.gateway.config import Server
from rule_of_two.installation.backups import Change
from rule_of_two.installation.config_file import ConfigFile, first_configuration
from rule_of_two.installation.servers_text import given_to, with_servers
from rule_of_two.installation.target import Target, read_tables, tables_of
from rule_of_two.installation.turned_off import lists_of, turned_off
from rule_of_two.installation.vault import Vault
from rule_of_two.records import replace

_LONGEST: Final = 32
_LAUNCH: Final = ("type", "command", "args", "env", "cwd", "url", "headers")


class Us(Struct, frozen=True):
    """How a client starts this gateway: the command, the options before ``serve``, and variables."""

    command: tuple[str, ...]
    config: Path
    options: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)


class Taken(Struct, frozen=True):
    """A server that moves behind the gateway."""

    was: str
    name: str
    manifest: str | None
    disabled: bool
    project: str | None
    secrets: tuple[tuple[str, str | None], ...]
    """Name and reference of each; ``None``: it is kept as it is."""


class Stays(Struct, frozen=True):
    """A server that the client goes on to reach by itself, and why."""

    name: str
    why: str
    project: str | None = None


class Plan(Struct, frozen=True):
    """All of it. Texts are as they will be; nothing is written yet."""

    target: Target
    before: bytes | None
    after: bytes
    config_before: bytes | None
    config_after: bytes
    changes: tuple[Change, ...]
    taken: tuple[Taken, ...]
    stays: tuple[Stays, ...]
    given: tuple[str, ...]
    """The servers of our configuration that the client is given for it."""
    hidden: tuple[str, ...]
    """The values of secrets, never to be shown."""
    notes: tuple[str, ...]

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.changes) or self.config_before != self.config_after


def make_plan(target: Target, us: Us, vault: Vault) -> Plan:
    """Work out what to do.

    :raises ConfigurationError: a file cannot be read or changed safely, or an entry starts another gateway already.
    """
    before, document = read_tables(target.host, target.file)
    config = ConfigFile.read(us.config)
    text = first_configuration(target.host.name, None) if config.content is None else config.content.decode()
    work = _Work(target, us, vault, config, turned_off(target, document.value))
    for pattern in target.tables:
        for path, key in tuple(matching(document.value, pattern)):
            document = work.table(document, path, key)
    blocks = {name: block for name, block in work.blocks.items() if name in work.fresh}
    text = with_servers(text, blocks, us.config)
    for name, clients in work.joined.items():
        text = given_to(text, name, clients, us.config)
    work.note_what_is_left(document)
    return Plan(
        target=target,
        before=before,
        after=document.text.encode(),
        config_before=config.content,
        config_after=text.encode(),
        changes=tuple(work.changes),
        taken=tuple(work.taken),
        stays=tuple(work.stays),
        given=tuple(work.given),
        hidden=tuple(work.hidden),
        notes=tuple(work.notes),
    )


def fit_name(name: str) -> str:
    """A name that a server of ours can have: letters and digits with single ``-`` or ``_`` between."""
    words = re.sub(r"[^A-Za-z0-9_-]+", "-", name)
    words = re.sub(r"([-_])[-_]+", r"\1", words).strip("-_")
    return words[:_LONGEST].rstrip("-_") or "server"


class _Work:
    """What has been worked out so far."""

    def __init__(
        self,
        target: Target,
        us: Us,
        vault: Vault,
        config: ConfigFile,
        off: Mapping[str | None, frozenset[str]],
    ) -> None:
        self._target = target
        self._us = us
        self._vault = vault
        self._off = off
        self._folder = us.config.parent
        self._manifests = [self._folder / name for name in (config.config.manifests if config.config else ())]
        self._known: dict[str, Server] = dict(config.config.servers) if config.config else {}
        self.blocks: dict[str, dict[str, Any]] = {}
        self.fresh: set[str] = set()
        self.joined: dict[str, tuple[str, ...]] = {}
        self.changes: list[Change] = []
        self.taken: list[Taken] = []
        self.stays: list[Stays] = []
        self.given: list[str] = []
        self.hidden: list[str] = []
        self.notes: list[str] = []

    def table(self, document: JsonTables | TomlTables, path: Path_, key: str | None) -> JsonTables | TomlTables:
        """Take over one table; the document as it is then."""
        file = self._target.file
        members = contents(document.value, path, file) or {}
        folder = self._target.folder or (None if key is None else Path(key))
        own = self._own_entry(members)
        moved, forwards = self._members(members, folder, own)
        if not moved and own is None and key is not None:
            return document
        entry = self._entry(None if own is None else members[own], folder, forwards)
        name = own or _free_name(ENTRY if folder is None else PROJECT_ENTRY, members.keys() - set(moved))
        if not moved and members.get(name) == entry:
            return document
        text = document.put(path, name, entry, instead_of=moved)
        self.changes.append(Change(path, name, tuple(moved), had_entry=own is not None))
        return tables_of(self._target.host, text, file)

    def note_what_is_left(self, document: JsonTables | TomlTables) -> None:
        """What a person has to see to besides."""
        file, host = self._target.file, self._target.host
        if any(value in document.text or json.dumps(value)[1:-1] in document.text for value in self.hidden):
            self.notes.append(f"A secret that was moved stands elsewhere in {file}, too: it was left there.")
        listed = [names for _, names in lists_of(document.value, () if host.only is None else (host.only,))]
        for names in listed:
            if missing := [one.entry for one in self.changes if one.entry not in names]:
                where = ".".join(host.only or ())
                self.notes.append(f"{host.title} starts only what '{where}' lists: add {missing[0]} to it.")
        for one in self.taken:
            server = self._known[one.name]
            if server.url is not None and server.auth is None and not server.disabled and not server.headers:
                self.notes.append(f"If {host.title} had signed in to {one.name}, add `auth: oauth` to it.")

    def _own_entry(self, members: Mapping[str, Any]) -> str | None:
        names = [name for name, raw in members.items() if is_gateway(raw)]
        for name in names[1:] if self._target.folder is None else ():
            self.stays.append(Stays(name, "it starts a gateway, too; take it out by hand if it is not needed"))
        return names[0] if names else None

    def _members(
        self, members: Mapping[str, Any], folder: Path | None, own: str | None
    ) -> tuple[list[str], dict[str, str]]:
        """Which members move, and what of the client's the gateway has to be handed for them."""
        project = None if folder is None else str(folder)
        moved: list[str] = []
        forwards: dict[str, str] = {}
        for name, raw in members.items():
            # In a project's file, what calls itself a gateway of ours is whatever its author chose: a server as others.
            trusted = self._target.folder is None
            if name == own or (trusted and is_gateway(raw)):
                continue
            if trusted and is_wrapped(raw):
                self.stays.append(Stays(name, "it is behind a gateway of its own already", project))
                continue
            try:
                mount = self._mount(name, raw, folder)
                self._take(mount, project)
            except Kept as reason:
                self.stays.append(Stays(name, str(reason), project))
                continue
            moved.append(name)
            forwards |= mount.forwards
        return moved, forwards

    def _mount(self, name: str, raw: Any, folder: Path | None) -> Mount:
        mount = read_mount(self._target.host, name, raw, folder=folder)
        key = None if folder is None else str(folder)
        if name in self._off.get(None, ()) or name in self._off.get(key, ()):
            return replace(mount, disabled=True)
        if folder is None and (where := next((one for one, names in self._off.items() if name in names), None)):
            raise Kept(f"it is turned off in {where} only, which the gateway cannot tell apart")
        return mount

    def _take(self, mount: Mount, project: str | None) -> None:
        """Find its place in our configuration.

        :raises Kept: no configuration could have it.
        """
        fit, number = fit_name(mount.name), 1
        while True:
            name = fit if number == 1 else f"{fit[: _LONGEST - len(str(number)) - 1].rstrip('-_')}-{number}"
            self._vault.begin()
            secrets = secrets_of(mount)
            references = {one.value: self._vault.reference(name, one.name, one.value) for one in secrets}
            block = without_secrets(mount, references).block()
            self.hidden += [one.value for one in secrets if one.value not in self.hidden]
            if project is not None:
                block["project"] = project
            server = _checked(block)
            known = next((one for one in self._known if one.lower() == name.lower()), None)
            if known is None or self._is_same(self._known[known], server):
                break
            number += 1
        self._vault.settle()
        if known is None:
            self._known[name] = server
            self.blocks[name] = {**block, "clients": [self._target.host.name]}
            self.fresh.add(name)
        else:
            name = known
            self._join(known, server)
        document = document_of(self._known[name], folder=self._folder, manifests=self._manifests)
        self.given.append(name)
        self.taken.append(
            Taken(
                mount.name,
                name,
                None if document is None else document.server,
                server.disabled or self._known[name].disabled,
                project,
                tuple((one.name, _unless_kept(references[one.value], one.value)) for one in secrets),
            )
        )

    def _is_same(self, known: Server, server: Server) -> bool:
        """Whether two servers are started or reached in the same way, for the same project."""
        return known.project == server.project and all(getattr(known, key) == getattr(server, key) for key in _LAUNCH)

    def _join(self, name: str, server: Server) -> None:
        """Give a server that is there to this client, too; one that the client has turned off is not given."""
        known, client = self._known[name], self._target.host.name
        if known.clients is None or client in known.clients or (server.disabled and not known.disabled):
            return
        clients = (*known.clients, client)
        self._known[name] = known.model_copy(update={"clients": clients})
        if name in self.fresh:
            self.blocks[name]["clients"] = list(clients)
        else:
            self.joined[name] = clients

    def _entry(self, raw: Any, folder: Path | None, forwards: Mapping[str, str]) -> dict[str, Any]:
        """The entry that starts us. One that is there keeps what its owner added.

        :raises ConfigurationError: it starts a gateway with another configuration, or for another client.
        """
        host, us = self._target.host, self._us
        arguments = ["--config", str(us.config), *us.options, "serve", "--client", host.name]
        arguments += [] if folder is None else ["--project", str(folder)]
        wanted = gateway_entry(host, us.command, arguments, us.env, forwards)
        if raw is None:
            return wanted
        theirs, ours = own_words(raw) or [], own_words(wanted) or []
        config = configuration_of(raw)
        if config is not None and Path(config).resolve() != us.config.resolve():
            raise ConfigurationError(
                f"its entry starts a gateway with {config}: name that with --config, or take the entry out",
                file=self._target.file,
            )
        more = {key: wanted[key] for key in ("env", host.forwards or "env") if key in wanted}
        needed = arguments[arguments.index("--client") :]
        if any(word not in theirs for word in needed):
            raise ConfigurationError(
                f"its entry starts a gateway without {' '.join(needed)}: add that, or take the entry out",
                file=self._target.file,
            )
        same = sorted(theirs) == sorted(ours)
        if folder is not None:
            # Somebody else may have written a project's file: of an entry in it nothing counts but what we hand on.
            if not same:
                raise ConfigurationError(
                    f"the entry for {folder} starts a gateway in a way of its own; take it out", file=self._target.file
                )
            env = raw.get("env")
            handed = {name: env[name] for name in env if name.startswith(GIVEN)} if isinstance(env, dict) else {}
            raw = ({"env": handed} if handed else {}) | {key: raw[key] for key in (host.forwards,) if key in raw}
        # What the entry starts is this program, never another one that is called so.
        args = ours if same else theirs
        return {**raw, **wanted, "args": [*us.command[1:], *args], **_merged(raw, more)}


def _unless_kept(reference: str, value: str) -> str | None:
    return None if reference == value else reference


def _free_name(name: str, taken: Collection[str]) -> str:
    return name if name not in taken else _free_name(f"{name}-gateway", taken)


def _merged(raw: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """What an entry has under some keys, and what is added to it."""
    merged: dict[str, Any] = {}
    for key in {"env", "env_vars"} & (raw.keys() | more.keys()):
        old, new = raw.get(key), more.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            merged[key] = old | new
        elif isinstance(old, list) and isinstance(new, list):
            merged[key] = list(dict.fromkeys((*old, *new)))
        else:
            merged[key] = old if new is None else new
    return merged


def _checked(block: Mapping[str, Any]) -> Server:
    try:
        return Server.model_validate(dict(block))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise Kept(f"{where}: {message}" if where else message) from error


def facts(plan: Plan, *, dry_run: bool, backup: Path | None, variables: Sequence[str]) -> dict[str, Any]:
    """What is printed for scripts."""
    return {
        "client": plan.target.host.name,
        "file": str(plan.target.file),
        "changed": plan.changed,
        "dry_run": dry_run,
        "backup": None if backup is None else str(backup),
        "servers": [to_builtins(one) for one in plan.taken],
        "left": [to_builtins(one) for one in plan.stays],
        "variables_to_set": list(variables),
        "notes": list(plan.notes),
    }
