"""Who signs what a person says at this terminal: the key and its passphrase, or nobody."""

from __future__ import annotations

import getpass
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from rule_of_two.errors import ConfigurationError
from rule_of_two.gateway.config import key_path

if TYPE_CHECKING:
    from rule_of_two.approvals.keys import ApproverKey

_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Signer:
    """A person at this terminal; without ``key`` the name is only a claim."""

    name: str
    key: ApproverKey | None


def open_signer(option: Path | None, *, unsigned: bool) -> Signer:
    """Unlock the approver's key with a passphrase from the terminal.

    :raises ConfigurationError: there is no key and ``unsigned`` was not asked for, or the passphrase was wrong.
    """
    if unsigned:
        return Signer(user_name(), None)
    path = key_path(option)
    if not path.exists():
        raise ConfigurationError(
            "there is no approver's key; `rule-of-two init` makes one, --key names another, --unsigned does without",
            file=path,
        )
    if not sys.stdin.isatty():
        raise ConfigurationError("the passphrase of this key is asked in a terminal: run the command in one", file=path)
    from rule_of_two.approvals.keys import approver_of, unlock  # noqa: PLC0415  # only who signs pays for it

    name = approver_of(path)
    for last in (False,) * (_TRIES - 1) + (True,):
        passphrase = click.prompt(f"Passphrase of {path}", hide_input=True, err=True)
        try:
            return Signer(name, unlock(path, passphrase))
        except ConfigurationError as error:
            if last:
                raise
            click.echo(f"rule-of-two: {error}", err=True)
    raise AssertionError("unreachable")


def user_name() -> str:
    """The name of this user, as a claim: an unsigned answer proves nobody."""
    try:
        return getpass.getuser()[:100] or "unknown"
    except (OSError, KeyError):
        return "unknown"
