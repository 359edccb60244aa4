"""What of a server's block makes another program run under the same name: variables, headers, mounts."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

_VARIABLES: Final = frozenset((
    "PATH", "PATHEXT", "COMSPEC", "SHELL", "HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "VIRTUAL_ENV",
    "BASH_ENV", "ENV", "IFS", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CONDA_PREFIX",
))  # fmt: skip
_FAMILIES: Final = (
    "LD_", "DYLD_", "NODE_", "NPM_", "PNPM_", "YARN_", "BUN_", "COREPACK_", "PYTHON", "UV_", "PIP_", "PIPX_", "XDG_",
    "DOCKER_", "CONTAINER_", "CONTAINERS_", "DENO_", "PERL5", "RUBY", "DOTNET_",
)  # fmt: skip
_HARMLESS: Final = frozenset((
    "NODE_ENV", "NODE_NO_WARNINGS", "NODE_EXTRA_CA_CERTS", "NODE_DEBUG", "PYTHONUNBUFFERED", "PYTHONIOENCODING",
    "PYTHONUTF8", "PYTHONDONTWRITEBYTECODE", "PYTHONSAFEPATH", "UV_NO_PROGRESS", "UV_OFFLINE", "UV_NATIVE_TLS",
    "UV_NO_CACHE", "NPM_CONFIG_LOGLEVEL", "NPM_CONFIG_UPDATE_NOTIFIER", "NPM_CONFIG_FUND", "NPM_CONFIG_AUDIT",
    "NPM_CONFIG_YES",
))  # fmt: skip
_HEADERS: Final = frozenset(("host", "forwarded", "x-original-url", "x-rewrite-url", ":authority"))
_DATA: Final = frozenset((
    "data", "db", "documents", "downloads", "files", "host", "input", "local-directory", "mcp", "media", "mnt",
    "output", "project", "projects", "repo", "repos", "shared", "tmp", "vault", "workspace", "workspaces",
))  # fmt: skip
_ACCOUNTS: Final = frozenset((".aws", ".azure", ".kube", ".oci", "gcloud"))


def redirects(variable: str) -> bool:
    """Whether a variable can choose which program, package, interpreter or library is loaded."""
    name = variable.upper()
    return name not in _HARMLESS and (name in _VARIABLES or name.startswith(_FAMILIES))


def reroutes(header: str) -> bool:
    """Whether a header can have another server answer than the one in the URL."""
    name = header.strip().lower()
    return name in _HEADERS or name.startswith("x-forwarded-")


def is_data_folder(mount: str) -> bool:
    """Whether a mount of a container (``-v``, ``--mount`` or ``--tmpfs``) is one of data, by its place: elsewhere it
    can lie over the program."""
    if "=" in mount and "," in mount:
        keys = ("target", "dst", "destination")
        pairs = (one.partition("=") for one in mount.split(","))
        places = [value for key, _, value in pairs if key in keys]
    else:
        parts = mount.split(":")
        windows = len(parts) > 2 and len(parts[0]) == 1 and parts[1][:1] in {"\\", "/"}
        places = parts[2:3] if windows else parts[1:2] or parts[:1]
    if len(places) != 1:
        return False
    parts_of = PurePosixPath(places[0]).parts
    if parts_of[:1] != ("/",) or ".." in parts_of or len(parts_of) < 2:
        return False
    return parts_of[1] in _DATA or parts_of[-1] in _ACCOUNTS
