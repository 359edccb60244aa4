"""What one entry of a client's table says, in our terms; and the entry that is us."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, Final

from msgspec import Struct, field

from rule_of_two.clients.hosts import Host, ignored, variables
from rule_of_two.records import replace

GIVEN: Final = "RULE_OF_TWO_GIVEN_"
"""How variables begin whose values a client puts into our environment."""

ENTRY: Final = "rule-of-two"
"""How the gateway is called in a client."""

PROJECT_ENTRY: Final = "rule-of-two-project"
"""How it is called among the servers of a project: by one name, a client would start only one of the two."""

_KEYS: Final = frozenset(("type", "command", "args", "env", "cwd", "url", "headers", "disabled"))
_RESTRICTS: Final = frozenset(
    ("enabled_tools", "disabled_tools", "disabledTools", "enabledTools", "includeTools", "excludeTools", "tools")
)
_CODEX: Final[Mapping[str, Any]] = {"env_vars": [], "env_http_headers": {}, "bearer_token_env_var": ""}
"""How Codex names variables, and what it means where it does not."""
_OURS: Final = re.compile(r"\$\{(env|keyring):[^}]*\}")
_ANY: Final = re.compile(r"\$\{\w+:[^}]*\}")
"""What our configuration takes for a reference in ``env`` and ``headers``."""
_RUNNERS: Final = frozenset(("uvx", "uv", "pipx", "env", "cmd"))
_PROGRAM: Final = re.compile(r"rule-of-two(\.exe)?", re.IGNORECASE)


class Kept(Exception):  # it is an answer
    """A server stays where it is; the text says why."""


class Mount(Struct, frozen=True):
    """A server as a client starts or reaches it. Values of the client's own syntax are replaced by ours:
    ``forwards`` has the variables that the gateway's entry must hand on, with what the client puts in them."""

    name: str
    command: str | None = None
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str | None = None
    type: str | None = None
    url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    disabled: bool = False
    forwards: Mapping[str, str] = field(default_factory=dict)

    def block(self) -> dict[str, Any]:
        """As ``mcpServers`` of our configuration has it, without what is empty."""
        given = {
            "type": self.type,
            "command": self.command,
            "args": list(self.args),
            "env": dict(self.env),
            "cwd": self.cwd,
            "url": self.url,
            "headers": dict(self.headers),
            "disabled": self.disabled,
        }
        return {key: value for key, value in given.items() if value}


def read_mount(host: Host, name: str, raw: Any, *, folder: Path | None) -> Mount:
    """What a member of a client's table says. ``folder``: of the project that it belongs to.

    :raises Kept: it says what the gateway cannot do, or what only the client can read.
    """
    if not isinstance(raw, dict):
        raise Kept("it is no table")
    given = _of_host(host, dict(raw))
    for key in given.keys() & _RESTRICTS:
        raise Kept(f"'{key}' limits its tools, which the gateway leaves to policies")
    for key in sorted(given.keys() - _KEYS - ignored(host)):
        raise Kept(f"'{key}' is not known here")
    mount = Mount(
        name=name,
        command=_text(given, "command"),
        args=_texts(given, "args"),
        env=_pairs(given, "env"),
        cwd=_absolute(_text(given, "cwd"), folder),
        type=_text(given, "type"),
        url=_text(given, "url"),
        headers=_pairs(given, "headers"),
        disabled=bool(given.get("disabled")),
    )
    if (mount.command is None) == (mount.url is None):
        raise Kept("it has neither a command nor a URL, or both")
    return _resolved_by_client(host, mount, _variables_taken(host, raw))


def _of_host(host: Host, raw: dict[str, Any]) -> dict[str, Any]:
    """The same under our names."""
    if "enabled" in raw:
        raw["disabled"] = not raw.pop("enabled") or bool(raw.get("disabled"))
    if host.name == "gemini-cli" and "url" in raw and "type" not in raw:
        raw["type"] = "sse"
    for theirs, ours in host.names.items():
        if theirs in raw:
            if ours in raw:
                raise Kept(f"it has '{theirs}' and '{ours}'")
            raw[ours] = raw.pop(theirs)
    return _of_codex(raw) if host.forwards is not None else raw


def _of_codex(raw: dict[str, Any]) -> dict[str, Any]:
    """``env_vars``, ``env_http_headers`` and ``bearer_token_env_var`` name variables."""
    inherited, named, bearer = (raw.pop(key, none) for key, none in _CODEX.items())
    if not isinstance(inherited, list) or not isinstance(named, dict) or not isinstance(bearer, str):
        raise Kept("it names variables in a way that is not known here")
    if not all(isinstance(one, str) and re.fullmatch(r"\w+", one) for one in (*inherited, *named.values())):
        raise Kept("it names variables in a way that is not known here")
    for key, more in (
        ("env", {one: f"${{env:{one}}}" for one in inherited}),
        ("headers", {header: f"${{env:{one}}}" for header, one in named.items()}),
        ("headers", {"Authorization": f"Bearer ${{env:{bearer}}}"} if bearer else {}),
    ):
        if more:
            raw[key] = more | _pairs(raw, key)
    return raw


def _variables_taken(host: Host, raw: Mapping[str, Any]) -> set[str]:
    """What :func:`_of_codex` has made references of."""
    if host.forwards is None:
        return set()
    inherited, named, bearer = (raw.get(key, none) for key, none in _CODEX.items())
    return {f"${{env:{name}}}" for name in (*inherited, *named.values(), bearer) if name}


def _resolved_by_client(host: Host, mount: Mount, made: set[str]) -> Mount:
    """The same with references of ours where the client replaces something, which its entry of us hands on."""
    forwards: dict[str, str] = {one.removeprefix("${env:").removesuffix("}"): "" for one in sorted(made)}

    def ours(text: str, pattern: re.Pattern[str] = _OURS) -> str:
        if host.variables is None:
            if foreign := [one[0] for one in pattern.finditer(text) if one[0] not in made]:
                raise Kept(f"it has {foreign[0]}, which {host.title} takes as it stands and the gateway would replace")
            return text
        forwards.update((_variable_name(one), one) for one in variables(host, text))
        return re.sub(host.variables, lambda match: f"${{env:{_variable_name(match[0])}}}", text)

    if mount.url is not None and mount.url.startswith(tuple(variables(host, mount.url)) or "${"):
        raise Kept("only the client knows its URL")
    changed = replace(
        mount,
        command=mount.command and ours(mount.command),
        args=tuple(map(ours, mount.args)),
        env={key: ours(value, _ANY) for key, value in mount.env.items()},
        cwd=mount.cwd and ours(mount.cwd),
        url=mount.url and ours(mount.url),
        headers={key: ours(value, _ANY) for key, value in mount.headers.items()},
    )
    return replace(changed, forwards=forwards)


def _variable_name(variable: str) -> str:
    """``${TOKEN}`` is handed on as ``RULE_OF_TWO_GIVEN_TOKEN``; what is no plain name has a digest besides."""
    words = re.sub(r"[^A-Za-z0-9]+", "_", variable).strip("_")
    plain = variable in {f"${{{words}}}", f"${words}"} and words == words.upper()
    digest = "" if plain else f"_{hashlib.sha256(variable.encode()).hexdigest()[:6].upper()}"
    return f"{GIVEN}{words.upper()}{digest}"


def gateway_entry(
    host: Host, command: Sequence[str], arguments: Sequence[str], env: Mapping[str, str], forwards: Mapping[str, str]
) -> dict[str, Any]:
    """The entry that starts us, as the client writes entries."""
    program, *rest = command
    entry: dict[str, Any] = {**host.entry, "command": program, "args": [*rest, *arguments]}
    if resolved := dict(env) | {name: text for name, text in forwards.items() if text}:
        entry["env"] = resolved
    if inherited := [name for name, text in forwards.items() if not text]:
        entry[host.forwards or "env_vars"] = inherited
    return entry


def is_gateway(raw: Any) -> bool:
    """Whether an entry of a client starts this gateway: ``serve``, not ``wrap``, which stands before one server."""
    return _verb(raw) == "serve"


def is_wrapped(raw: Any) -> bool:
    """Whether an entry is one server behind a gateway of its own already."""
    return _verb(raw) == "wrap"


def configuration_of(raw: Mapping[str, Any]) -> str | None:
    """The ``--config`` of an entry that starts us; ``None``: the default one."""
    words = list(raw.get("args") or [])
    for place, word in enumerate(words):
        if word == "--config" and place + 1 < len(words):
            return str(words[place + 1])
        if isinstance(word, str) and word.startswith("--config="):
            return word.removeprefix("--config=")
    return None


def _verb(raw: Any) -> str | None:
    return next((word for word in own_words(raw) or () if word in {"serve", "wrap"}), None)


def own_words(raw: Any) -> list[str] | None:
    """What an entry gives our command as arguments; ``None``: it starts something else."""
    if not isinstance(raw, dict) or not isinstance(raw.get("command"), str):
        return None
    args = raw.get("args")
    words = [one for one in args if isinstance(one, str)] if isinstance(args, list) else []
    program = _program(raw["command"])
    if _PROGRAM.fullmatch(program):
        return words
    if program.removesuffix(".exe").lower() in _RUNNERS:
        place = next((place for place, word in enumerate(words) if _PROGRAM.fullmatch(_program(word))), None)
        return None if place is None else words[place + 1 :]
    place = words.index("-m") if "-m" in words else -1
    return words[place + 2 :] if place >= 0 and words[place + 1 : place + 2] == ["rule_of_two"] else None


def _program(command: str) -> str:
    return PurePath(command.replace("\\", "/")).name


def own_command() -> tuple[str, ...]:
    """How this very installation is started, from anywhere."""
    script = Path(sys.executable).with_name("rule-of-two.exe" if sys.platform == "win32" else "rule-of-two")
    return (str(script),) if script.exists() else (sys.executable, "-P", "-m", "rule_of_two")


def _text(given: Mapping[str, Any], key: str) -> str | None:
    value = given.get(key)
    if value is not None and not isinstance(value, str):
        raise Kept(f"'{key}' is no text")
    return _fit(value) if value is not None else None


def _texts(given: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = given.get(key) or []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise Kept(f"'{key}' is no list of texts")
    return tuple(map(_fit, value))


def _pairs(given: Mapping[str, Any], key: str) -> dict[str, str]:
    value = given.get(key) or {}
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise Kept(f"'{key}' is no table of texts")
    return {_fit(name): _fit(one) for name, one in value.items()}


def _fit(text: str) -> str:
    if re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]", text):
        raise Kept("it has a character that no configuration can have")
    return text


def _absolute(cwd: str | None, folder: Path | None) -> str | None:
    """A relative folder is relative to the project, or only the client knows to what."""
    if cwd is None or cwd.startswith(("/", "~", "$", "\\")) or re.match(r"[A-Za-z]:", cwd):
        return cwd
    if folder is None:
        raise Kept("its folder is relative to one that only the client knows")
    return str(folder / cwd)
