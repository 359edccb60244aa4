"""Which manifest belongs to a mounted server: from the command or URL that the operator wrote, and nothing else.

What cannot be read with certainty is not recognised, and so can do everything: an option or a variable may well make
another program run. What the folders of this machine say besides is looked for in :mod:`.shadows`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from msgspec import Struct

from rule_of_two.manifests.document import ManifestDocument
from rule_of_two.manifests.redirection import is_data_folder, redirects, reroutes
from rule_of_two.normalise import url_host
from rule_of_two.records import replace

_NPM_NAME = re.compile(r"(@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~-][a-z0-9._~-]*")
_NPM_SPEC = re.compile(rf"(?P<name>{_NPM_NAME.pattern})(@[A-Za-z0-9.^~*<>=|+ -]+)?")
_PYPI_SPEC = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(\[[A-Za-z0-9,._-]*\])?(@[A-Za-z0-9.+!-]+|[=<>!~][^@/:]*)?"
)
_MODULE = re.compile(r"[a-z][a-z0-9_]*")
_PYTHON = re.compile(r"python(3(\.\d+)?)?|py")
_VERSION_OF_IMAGE = re.compile(r"(:[A-Za-z0-9_.-]+)?(@sha256:[0-9a-f]+)?$")
_OF_CMD = re.compile(r"[&|<>^%\r\n]")
_OF_PYTHON = re.compile(r"(python|cpython)?@?\d+(\.\d+){0,2}")
_ENDINGS = (".exe", ".cmd", ".bat", ".ps1")


class Launch(Struct, frozen=True):
    """How the operator mounted a server: a command with arguments, or a URL."""

    command: str | None = None
    args: tuple[str, ...] = ()
    url: str | None = None
    env: frozenset[str] = frozenset()
    """The names of the variables in its block."""
    headers: frozenset[str] = frozenset()
    """The names of the headers in its block."""
    cwd: str | None = None
    """The folder that its block names."""
    project: str | None = None
    """The folder of the project that it is of: what stands there may be anybody's."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a launch runs or reaches, canonical."""

    kind: Literal["npm", "pypi", "image", "command", "url"]
    name: str
    runs: str | None = field(default=None, compare=False)
    """The program of the package that is named besides it."""
    paths: tuple[str, ...] = field(default=(), compare=False)
    """Files and folders of this machine that decide what is run."""
    module: str | None = field(default=None, compare=False)
    """What Python looks for in the working directory first."""
    runner: str | None = field(default=None, compare=False)
    """The runner of npm packages, which looks into the working directory first."""


class _Options(Struct, frozen=True):
    """The options of a runner that leave it running the package that it names."""

    flags: frozenset[str]
    valued: frozenset[str]

    @classmethod
    def of(cls, flags: str, valued: str = "") -> Self:
        return cls(frozenset(flags.split()), frozenset(valued.split()))

    def positional(self, args: Sequence[str], *, chooses: frozenset[str] = frozenset()) -> tuple[list[str], list[str]]:
        """What the options in ``chooses`` name, and the arguments from the first positional one on.

        Nothing at all when an option is not known.
        """
        chosen, rest = self.named(args, chooses=chooses)
        return [value for _, value in chosen], rest

    def named(self, args: Sequence[str], *, chooses: frozenset[str]) -> tuple[list[tuple[str, str]], list[str]]:
        """As :meth:`positional`, each value with its option."""
        chosen: list[tuple[str, str]] = []
        rest = list(args)
        while rest and rest[0].startswith("-"):
            option, equals, value = rest.pop(0).partition("=")
            if option == "--" and not equals:
                break
            if option in self.flags and not equals:
                continue
            if option not in self.valued | chooses or (not equals and not rest):
                return [], []
            value = value if equals else rest.pop(0)
            if option in chooses:
                chosen.append((option, value))
        return chosen, rest


_NPX: Final = _Options.of("-y --yes -q --quiet --silent --prefer-online --prefer-offline")
_UVX: Final = _Options.of(
    "-q --quiet -v --verbose --offline --no-cache -n --refresh --isolated --native-tls --no-progress",
    "--prerelease --exclude-newer",
)
_UVX_CHOICES: Final = frozenset(("--from", "--with", "--python", "-p"))
_UV_FOLDERS: Final = frozenset(("--directory", "--project"))
_PIPX: Final = _Options.of("-q --quiet --no-cache")
_PYTHON_OPTIONS: Final = _Options.of("-u -I -E -s -S -B -O -OO -P")
_NODE: Final = _Options.of("--no-warnings --enable-source-maps --use-system-ca", "--max-old-space-size")
_DOCKER: Final = _Options.of(
    "-i -t -it -ti --interactive --tty --rm --init --read-only -d --detach",
    "--name --network --net -p --publish -u --user --platform --pull -m --memory --cpus --add-host --cap-drop"
    " --security-opt --log-driver -l --label -h --hostname",
)
_DOCKER_MOUNTS: Final = frozenset(("-v", "--volume", "--mount", "--tmpfs"))
_DOCKER_VARIABLES: Final = frozenset(("-e", "--env"))
_DOCKER_CHOICES: Final = _DOCKER_MOUNTS | _DOCKER_VARIABLES | {"--env-file", "-w", "--workdir"}


def recognise(launch: Launch, documents: Iterable[ManifestDocument]) -> ManifestDocument | None:
    """The first manifest whose ``match`` names what ``launch`` runs, or ``None``."""
    origin = identify(launch)
    if origin is None:
        return None
    return next((document for document in documents if _matches(document, origin)), None)


def identify(launch: Launch) -> Origin | None:
    """What ``launch`` runs or reaches, or ``None`` when that cannot be said with certainty."""
    if launch.url is not None:
        url = _url(launch.url)
        return None if url is None or any(map(reroutes, launch.headers)) else Origin("url", url)
    if launch.command is None or any(map(redirects, launch.env)):
        return None
    origin = _run_by(_program(launch.command), launch.args)
    if origin is None or not origin.name or origin.name.startswith("-"):
        return None
    return _with_paths(origin, launch.command)


def _with_paths(origin: Origin, *words: str) -> Origin:
    """The same, with those words that are paths."""
    paths = tuple(word for word in words if "/" in word or "\\" in word)
    return replace(origin, paths=(*origin.paths, *paths))


def _run_by(program: str, args: Sequence[str]) -> Origin | None:
    if program == "cmd":
        # What `cmd` is given is a line of its own language.
        if len(args) < 2 or args[0].lower() != "/c" or any(map(_OF_CMD.search, args)):
            return None
        found = _run_by(_program(args[1]), args[2:])
        return None if found is None else _with_paths(found, args[1])
    if program == "npm":
        return _npx(args[1:], "npm") if args[:1] in (("exec",), ("x",)) else None
    if program in ("pnpm", "yarn"):
        return _npx(args[1:], program) if args[:1] == ("dlx",) else None
    if _PYTHON.fullmatch(program):
        return _python(args)
    runner = _RUNNERS.get(program)
    return runner(args) if runner else Origin("command", program)


def _program(command: str) -> str:
    name = PurePosixPath(command.replace("\\", "/")).name.lower()
    return next((name.removesuffix(ending) for ending in _ENDINGS if name.endswith(ending)), name)


def _npx(args: Sequence[str], runner: str = "npx") -> Origin | None:
    chosen, rest = _NPX.positional(args, chooses=frozenset(("-p", "--package")))
    specs = chosen or rest[:1]
    match = _NPM_SPEC.fullmatch(specs[0]) if len(specs) == 1 and rest else None
    return Origin("npm", match["name"], runs=rest[0] if chosen else None, runner=runner) if match else None


def _uvx(args: Sequence[str]) -> Origin | None:
    named, rest = _UVX.named(args, chooses=_UVX_CHOICES)
    if not _leave_the_package(named):
        return None
    chosen = [value for option, value in named if option == "--from"]
    return _pypi(chosen or rest[:1], rest[0] if chosen else None) if rest else None


def _leave_the_package(options: Iterable[tuple[str, str]]) -> bool:
    """Whether nothing else comes into the environment: another package, and another Python, can run at its start."""
    for option, value in options:
        spec = _PYPI_SPEC.fullmatch(value)
        if option == "--with" and (spec is None or _normalised(spec["name"]) != "mcp"):
            return False
        if option in {"--python", "-p"} and not _OF_PYTHON.fullmatch(value):
            return False
    return True


def _pipx(args: Sequence[str]) -> Origin | None:
    if args[:1] != ("run",):
        return None
    chosen, rest = _PIPX.positional(args[1:], chooses=frozenset(("--spec",)))
    return _pypi(chosen or rest[:1], rest[0] if chosen else None) if rest else None


def _uv(args: Sequence[str]) -> Origin | None:
    before, rest = _UVX.named(args, chooses=_UVX_CHOICES | _UV_FOLDERS)
    if rest[:2] == ["tool", "run"]:
        return None if before else _uvx(rest[2:])
    if rest[:1] != ["run"]:
        return None
    after, rest = _UVX.named(rest[1:], chooses=_UVX_CHOICES | _UV_FOLDERS)
    options = (*before, *after)
    if not rest or not _leave_the_package(options) or any(option == "--from" for option, _ in options):
        return None
    program = _program(rest[0])
    found = _python(rest[1:]) if _PYTHON.fullmatch(program) else Origin("command", program)
    # The project in its folder says what there is to run.
    folders = tuple(value for option, value in options if option in _UV_FOLDERS) or (".",)
    return None if found is None else _with_paths(replace(found, paths=(*found.paths, *folders)), rest[0])


def _pypi(specs: Sequence[str], runs: str | None = None) -> Origin | None:
    match = _PYPI_SPEC.fullmatch(specs[0]) if len(specs) == 1 else None
    return Origin("pypi", _normalised(match["name"]), runs=runs) if match else None


def _normalised(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _python(args: Sequence[str]) -> Origin | None:
    modules, rest = _PYTHON_OPTIONS.positional(
        args[: args.index("-m") + 2] if "-m" in args else args, chooses=frozenset(("-m",))
    )
    if modules:
        module = modules[0]
        return Origin("pypi", _normalised(module), module=module) if _MODULE.fullmatch(module) else None
    if not rest or rest[0].endswith(".py"):
        return None
    return Origin("command", _program(rest[0]), paths=(rest[0],))


def _node(args: Sequence[str]) -> Origin | None:
    _, rest = _NODE.positional(args)
    parts = PurePosixPath(rest[0].replace("\\", "/")).parts if rest else ()
    if "node_modules" not in parts or ".." in parts:
        return None
    below = parts[len(parts) - parts[::-1].index("node_modules") :]
    if below[:1] == (".bin",):
        return Origin("command", _program(below[-1]), paths=(rest[0],))
    name = "/".join(below[:2] if below[:1] and below[0].startswith("@") else below[:1])
    return Origin("npm", name, paths=(rest[0],)) if _NPM_NAME.fullmatch(name) else None


def _docker(args: Sequence[str]) -> Origin | None:
    if args[:1] != ("run",):
        return None
    options, rest = _DOCKER.named(args[1:], chooses=_DOCKER_CHOICES)
    mounts = [value for option, value in options if option in _DOCKER_MOUNTS]
    moved = any(option in {"-w", "--workdir"} for option, _ in options)
    variables = [value.partition("=")[0] for option, value in options if option in _DOCKER_VARIABLES]
    if not rest or not all(map(is_data_folder, mounts)) or (mounts and moved) or any(map(redirects, variables)):
        return None
    files = tuple(value for option, value in options if option == "--env-file")
    return Origin("image", _image(rest[0]), paths=files)


def _image(name: str) -> str:
    bare = _VERSION_OF_IMAGE.sub("", name)
    return bare.removeprefix("docker.io/").removeprefix("library/")


def _url(text: str) -> str | None:
    """Host and path; neither query nor fragment chooses a server."""
    name = url_host(text)
    if name is None or not text.startswith("https://"):
        return None
    path = urlsplit(text).path
    return None if "%" in path or ".." in path else f"https://{name}{path.rstrip('/')}"


_RUNNERS: Final[Mapping[str, Callable[[Sequence[str]], Origin | None]]] = {
    "npx": _npx,
    "bunx": lambda args: _npx(args, "bun"),
    "pnpx": lambda args: _npx(args, "pnpm"),
    "uvx": _uvx,
    "uv": _uv,
    "pipx": _pipx,
    "node": _node,
    "docker": _docker,
    "podman": _docker,
}


def _matches(document: ManifestDocument, origin: Origin) -> bool:
    match = document.match
    if origin.runs is not None and not _is_of(document, origin.name, origin.runs):
        return False
    if origin.kind == "npm":
        return origin.name in match.npm
    if origin.kind == "pypi":
        return origin.name in map(_normalised, match.pypi)
    if origin.kind == "image":
        return origin.name in map(_image, match.image)
    if origin.kind == "url":
        return origin.name in map(_url, match.url)
    return origin.name in match.command or origin.name in match.pypi


def _is_of(document: ManifestDocument, package: str, program: str) -> bool:
    """Whether a program is the package's own. Beside a package, any program of the machine can be named."""
    own = {package, package.rpartition("/")[2], *map(_normalised, document.match.pypi)}
    return program in document.match.command or program in own or _normalised(program) in own


def origins(document: ManifestDocument) -> Mapping[tuple[str, int], Origin | None]:
    """What a manifest's ``match`` names, canonical, by kind and place; ``None`` for a name that nothing can have."""
    match = document.match
    found: dict[tuple[str, int], Origin | None] = {}
    for place, name in enumerate(match.npm):
        found["npm", place] = Origin("npm", name) if _NPM_NAME.fullmatch(name) else None
    for place, name in enumerate(match.pypi):
        found["pypi", place] = Origin("pypi", _normalised(name)) if _PYPI_SPEC.fullmatch(name) else None
    for place, name in enumerate(match.image):
        found["image", place] = Origin("image", _image(name))
    for place, name in enumerate(match.command):
        found["command", place] = Origin("command", name) if name == _program(name) else None
    for place, name in enumerate(match.url):
        url = _url(name)
        found["url", place] = None if url is None else Origin("url", url)
    return found
