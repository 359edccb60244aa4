"""Which manifest belongs to a mounted server: from the command or URL that the operator wrote, and nothing else.

What cannot be read with certainty is not recognised, and so can do everything: an option that we do not know may well
make another package run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from rule_of_two.manifests.document import ManifestDocument
from rule_of_two.normalise import url_host

_NPM_NAME = re.compile(r"(@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~-][a-z0-9._~-]*")
_NPM_SPEC = re.compile(rf"(?P<name>{_NPM_NAME.pattern})(@[A-Za-z0-9.^~*<>=|+ -]+)?")
_PYPI_SPEC = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(\[[A-Za-z0-9,._-]*\])?(@[A-Za-z0-9.+!-]+|[=<>!~][^@/:]*)?"
)
_MODULE = re.compile(r"[a-z][a-z0-9_]*")
_PYTHON = re.compile(r"python(3(\.\d+)?)?|py")
_VERSION_OF_IMAGE = re.compile(r"(:[A-Za-z0-9_.-]+)?(@sha256:[0-9a-f]+)?$")
_ENDINGS = (".exe", ".cmd", ".bat", ".ps1")


@dataclass(frozen=True, slots=True)
class Launch:
    """How the operator mounted a server: a command with arguments, or a URL."""

    command: str | None = None
    args: tuple[str, ...] = ()
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """What a launch runs or reaches, canonical."""

    kind: Literal["npm", "pypi", "image", "command", "url"]
    name: str


@dataclass(frozen=True, slots=True)
class _Options:
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
        chosen: list[str] = []
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
                chosen.append(value)
        return chosen, rest


_NPX: Final = _Options.of("-y --yes -q --quiet --silent --prefer-online --prefer-offline")
_UVX: Final = _Options.of(
    "-q --quiet -v --verbose --offline --no-cache -n --refresh --isolated --native-tls --no-progress",
    "--with --python -p --prerelease --exclude-newer --cache-dir",
)
_UV: Final = _Options(_UVX.flags, _UVX.valued | {"--directory", "--project"})
_PIPX: Final = _Options.of("-q --quiet --no-cache")
_PYTHON_OPTIONS: Final = _Options.of("-u -I -E -s -S -B -O -OO -P", "-X -W")
_NODE: Final = _Options.of("--no-warnings --enable-source-maps --use-system-ca", "--max-old-space-size")
_DOCKER: Final = _Options.of(
    "-i -t -it -ti --interactive --tty --rm --init --read-only -d --detach",
    "-v --volume --mount -e --env --env-file --name --network --net -p --publish -u --user -w --workdir --platform"
    " --pull -m --memory --cpus --add-host --cap-drop --security-opt --tmpfs --log-driver -l --label -h --hostname",
)


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
        return None if url is None else Origin("url", url)
    origin = None if launch.command is None else _run_by(_program(launch.command), launch.args)
    return origin if origin is not None and origin.name and not origin.name.startswith("-") else None


def _run_by(program: str, args: Sequence[str]) -> Origin | None:
    if program == "cmd":
        return _run_by(_program(args[1]), args[2:]) if len(args) > 1 and args[0].lower() == "/c" else None
    if program == "npm":
        return _npx(args[1:]) if args[:1] in (("exec",), ("x",)) else None
    if program in ("pnpm", "yarn"):
        return _npx(args[1:]) if args[:1] == ("dlx",) else None
    if _PYTHON.fullmatch(program):
        return _python(args)
    runner = _RUNNERS.get(program)
    return runner(args) if runner else Origin("command", program)


def _program(command: str) -> str:
    name = PurePosixPath(command.replace("\\", "/")).name.lower()
    return next((name.removesuffix(ending) for ending in _ENDINGS if name.endswith(ending)), name)


def _npx(args: Sequence[str]) -> Origin | None:
    chosen, rest = _NPX.positional(args, chooses=frozenset(("-p", "--package")))
    specs = chosen or rest[:1]
    match = _NPM_SPEC.fullmatch(specs[0]) if len(specs) == 1 and rest else None
    return Origin("npm", match["name"]) if match else None


def _uvx(args: Sequence[str]) -> Origin | None:
    chosen, rest = _UVX.positional(args, chooses=frozenset(("--from",)))
    return _pypi(chosen or rest[:1]) if rest else None


def _pipx(args: Sequence[str]) -> Origin | None:
    if args[:1] != ("run",):
        return None
    chosen, rest = _PIPX.positional(args[1:], chooses=frozenset(("--spec",)))
    return _pypi(chosen or rest[:1]) if rest else None


def _uv(args: Sequence[str]) -> Origin | None:
    _, rest = _UV.positional(args)
    if rest[:2] == ["tool", "run"]:
        return _uvx(rest[2:])
    if rest[:1] != ["run"]:
        return None
    _, rest = _UV.positional(rest[1:])
    if not rest:
        return None
    program = _program(rest[0])
    return _python(rest[1:]) if _PYTHON.fullmatch(program) else Origin("command", program)


def _pypi(specs: Sequence[str]) -> Origin | None:
    match = _PYPI_SPEC.fullmatch(specs[0]) if len(specs) == 1 else None
    return Origin("pypi", _normalised(match["name"])) if match else None


def _normalised(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _python(args: Sequence[str]) -> Origin | None:
    modules, rest = _PYTHON_OPTIONS.positional(
        args[: args.index("-m") + 2] if "-m" in args else args, chooses=frozenset(("-m",))
    )
    if modules:
        return Origin("pypi", _normalised(modules[0])) if _MODULE.fullmatch(modules[0]) else None
    return Origin("command", _program(rest[0])) if rest and not rest[0].endswith(".py") else None


def _node(args: Sequence[str]) -> Origin | None:
    _, rest = _NODE.positional(args)
    parts = PurePosixPath(rest[0].replace("\\", "/")).parts if rest else ()
    if "node_modules" not in parts or ".." in parts:
        return None
    below = parts[len(parts) - parts[::-1].index("node_modules") :]
    if below[:1] == (".bin",):
        return Origin("command", _program(below[-1]))
    name = "/".join(below[:2] if below[:1] and below[0].startswith("@") else below[:1])
    return Origin("npm", name) if _NPM_NAME.fullmatch(name) else None


def _docker(args: Sequence[str]) -> Origin | None:
    if args[:1] != ("run",):
        return None
    _, rest = _DOCKER.positional(args[1:])
    return Origin("image", _image(rest[0])) if rest else None


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
    "bunx": _npx,
    "pnpx": _npx,
    "uvx": _uvx,
    "uv": _uv,
    "pipx": _pipx,
    "node": _node,
    "docker": _docker,
    "podman": _docker,
}


def _matches(document: ManifestDocument, origin: Origin) -> bool:
    match = document.match
    if origin.kind == "npm":
        return origin.name in match.npm
    if origin.kind == "pypi":
        return origin.name in map(_normalised, match.pypi)
    if origin.kind == "image":
        return origin.name in map(_image, match.image)
    if origin.kind == "url":
        return origin.name in map(_url, match.url)
    return origin.name in match.command or origin.name in match.pypi


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
