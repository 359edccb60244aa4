"""Attempts that need nothing of ours: the approver's key file, and ways to become another user."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from rule_of_two.doctor.brief import Brief
from rule_of_two.doctor.finding import Area, Finding, Result

if sys.platform == "win32":
    raise ImportError("what is examined here is of POSIX systems")

_SECONDS: Final = 10.0
_ENGINES: Final = (Path("/var/run/docker.sock"), Path("/run/podman/podman.sock"))


def attempts(brief: Brief) -> tuple[Finding, ...]:
    """Read the key; become root."""
    return (key(Path(brief.key)), root())


def key(path: Path) -> Finding:
    """Read the approver's key: who has the file can try passphrases as long as they like."""
    attempt = "read the approver's key"
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return Finding(attempt=attempt, area=Area.REACH, result=Result.FAILED, evidence=f"there is no file {path}")
    except OSError as error:
        evidence = f"{path} cannot be read: {error.strerror}"
        return Finding(attempt=attempt, area=Area.REACH, result=Result.FAILED, evidence=evidence)
    secured = f"{path} can be read; {_passphrase(text)}"
    loose = path.stat().st_mode & 0o077
    close = "keep it in a folder that only you can enter, and run the agent as another user"
    return Finding(
        attempt=attempt,
        area=Area.REACH,
        result=Result.SUCCEEDED,
        evidence=f"{secured}{', and others may read it' if loose else ''}",
        close=f"`chmod 600` it, and {close}" if loose else close,
    )


def _passphrase(text: bytes) -> str:
    try:
        serialization.load_ssh_private_key(text, None)
    except TypeError:
        return "a passphrase is needed to use it, which can be guessed from a copy"
    except (ValueError, UnsupportedAlgorithm):
        return "it is no key that can be used"
    return "it has no passphrase, so whoever reads it can sign"


def root() -> Finding:
    """Become root without a password, or use a container engine that runs as root."""
    attempt = "become another user"
    for socket in _ENGINES:
        if os.access(socket, os.W_OK):
            return Finding(
                attempt=attempt,
                area=Area.REACH,
                result=Result.SUCCEEDED,
                evidence=f"{socket} can be used, and starts containers as root",
                close="take the agent's user out of the engine's group",
            )
    if os.geteuid() == 0:
        return Finding(
            attempt=attempt,
            area=Area.REACH,
            result=Result.SUCCEEDED,
            evidence="this is root, who may be anybody",
            close="run the agent as a user who is not root",
        )
    sudo = shutil.which("sudo")
    if sudo is not None and _succeeds([sudo, "-n", "true"]):
        return Finding(
            attempt=attempt,
            area=Area.REACH,
            result=Result.SUCCEEDED,
            evidence="sudo asks for no password",
            close="let sudo ask for a password, or run the agent as a user who may not use it",
        )
    return Finding(
        attempt=attempt, area=Area.REACH, result=Result.FAILED, evidence="neither sudo nor a container engine is open"
    )


def _succeeds(command: list[str]) -> bool:
    try:
        done = subprocess.run(  # noqa: S603  # the command of the caller
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
