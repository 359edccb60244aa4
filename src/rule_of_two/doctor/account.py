"""A user of this system, as whom a process can be started."""

from __future__ import annotations

import codecs
import os
import pwd
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

import rule_of_two
from rule_of_two.errors import ConfigurationError

if sys.platform == "win32":
    raise ImportError("what is examined here is of POSIX systems")

PYTHON: Final = (sys.executable, "-P", "-m")
"""Runs a module of ours, and never one that lies in the working directory."""

_CODECS: Final = ("ascii", "idna", "latin-1", "utf-8-sig", "utf-16be")

_PACKAGE: Final = {
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONPATH": str(Path(rule_of_two.__file__).resolve().parent.parent),
}


class Account(Struct, frozen=True):
    """A user with all their groups."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: Path

    def __str__(self) -> str:
        return f"{self.name} (uid {self.uid})"

    @classmethod
    def own(cls) -> Account:
        """Whoever runs this process."""
        return cls.of(os.geteuid())

    @classmethod
    def of(cls, uid: int) -> Account:
        """A user by number, known to the system or not."""
        try:
            entry = pwd.getpwuid(uid)
        except KeyError:
            return cls(str(uid), uid, uid, (), Path("/"))
        groups = tuple(os.getgrouplist(entry.pw_name, entry.pw_gid))
        return cls(entry.pw_name, uid, entry.pw_gid, groups, Path(entry.pw_dir))

    @classmethod
    def named(cls, text: str) -> Account:
        """A user by name or number.

        :raises ConfigurationError: nobody is called so.
        """
        if re.fullmatch(r"\d{1,9}", text):
            return cls.of(int(text))
        try:
            return cls.of(pwd.getpwnam(text).pw_uid)
        except KeyError:
            raise ConfigurationError(f"there is no user '{text}' on this system") from None

    @property
    def arguments(self) -> tuple[str, ...]:
        """For the command line of a process that is to become this user (:func:`become`)."""
        return str(self.uid), str(self.gid), *map(str, self.groups)

    def environment(self) -> dict[str, str]:
        """What a process of this user is started with: nothing of ours but where the package is."""
        return {
            "HOME": str(self.home),
            "LANG": os.environ.get("LANG", "C.UTF-8"),
            "LOGNAME": self.name,
            "PATH": os.environ.get("PATH", os.defpath),
            "USER": self.name,
            **_PACKAGE,
        }


def own_environment() -> dict[str, str]:
    """What a process of this user is started with: all of ours, and the package that runs now before any other."""
    search = [_PACKAGE["PYTHONPATH"], os.environ.get("PYTHONPATH", "")]
    return {**os.environ, **_PACKAGE, "PYTHONPATH": os.pathsep.join(filter(None, search))}


def become(arguments: Sequence[str]) -> None:
    """Be another user from here on, for good: ``arguments`` as :attr:`Account.arguments` says them, or none to stay.

    To be called by a process of root's once it has loaded what it needs: the other user need not be able to read the
    interpreter, or the package.
    """
    if not arguments:
        return
    for name in _CODECS:
        codecs.lookup(name)  # they are loaded when they are first used
    uid, gid, *groups = map(int, arguments)
    os.setgroups(groups)
    # For root both set the real, the effective and the saved id.
    os.setgid(gid)
    os.setuid(uid)
