"""Whether this process could type into a terminal with TIOCSTI (ioctl_tty(2)). Tried on a terminal of our own only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

if sys.platform == "win32":
    raise ImportError("what is examined here is of POSIX systems")

_SECONDS: Final = 10.0
_TRY: Final = """
import fcntl, os, termios

fcntl.ioctl(0, termios.TIOCSCTTY, 0)
fcntl.ioctl(0, termios.TIOCSTI, b"x")
"""
_CAP_SYS_ADMIN: Final = 21


def can_type(path: Path | None, *, shared: bool) -> bool:
    """Whether keys could be put into the terminal ``path``: the kernel takes them from a process that shares the
    terminal (``shared``), or that may do everything."""
    if path is None or not (shared or _may_everything()):
        return False
    try:
        os.close(os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK))
    except OSError:
        return False
    return kernel_takes_keys()


def kernel_takes_keys() -> bool:
    """Type one character into a new terminal that nobody else has."""
    master, slave = os.openpty()
    try:
        done = subprocess.run(  # noqa: S603  # ourselves
            [sys.executable, "-c", _TRY],
            stdin=slave,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    finally:
        os.close(slave)
        os.close(master)
    return done.returncode == 0


def _may_everything() -> bool:
    """Whether this process has CAP_SYS_ADMIN."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return os.geteuid() == 0
    effective = next((int(line.split()[1], 16) for line in lines if line.startswith("CapEff:")), 0)
    return bool(effective >> _CAP_SYS_ADMIN & 1)
