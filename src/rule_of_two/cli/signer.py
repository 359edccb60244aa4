"""Who signs what a person says at this terminal: the key and its passphrase, or nobody."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Final

import click

from rule_of_two.approvals.keys import ApproverKey, WrongPassphrase, approver_of, unlock
from rule_of_two.approvals.signer import Signer
from rule_of_two.approvals.undumpable import make_undumpable
from rule_of_two.approvals.word import check_approver
from rule_of_two.errors import BadRequest, ConfigurationError
from rule_of_two.gateway.config import key_path

TRIES: Final = 3
"""Passphrases that may be typed."""


def open_signer(option: Path | None, *, unsigned: bool) -> Signer:
    """Unlock the approver's key with a passphrase from the terminal; other processes of this user cannot read it from
    this one, where that can be had.

    :raises ConfigurationError: there is no key and ``unsigned`` was not asked for, both were, it cannot be used, or the
        passphrase was wrong three times.
    """
    if unsigned and option is not None:
        raise ConfigurationError("Give either --key or --unsigned")
    if unsigned:
        return Signer(user_name())
    path = key_path(option)
    if not path.is_file():
        raise ConfigurationError(
            f"There is no key in {path}: make one with `rule-of-two init`, or answer without one: --unsigned"
        )
    if not sys.stdin.isatty():
        raise ConfigurationError(f"The passphrase of {path} is asked in a terminal: run the command in one")
    try:
        approver = approver_of(path)
        check_approver(approver)
        make_undumpable()
        return Signer(approver, _unlocked(path, approver))
    except WrongPassphrase as error:
        raise ConfigurationError(f"That was not the passphrase of {path}. Nothing was said") from error
    except (ConfigurationError, BadRequest) as error:
        raise ConfigurationError(f"The key cannot be used: {str(error).rstrip('.')}") from error


def _unlocked(path: Path, approver: str) -> ApproverKey:
    for _ in range(TRIES - 1):
        try:
            return unlock(path, _passphrase(approver))
        except WrongPassphrase:
            click.echo("That is not its passphrase. Try again.", err=True)
    return unlock(path, _passphrase(approver))


def _passphrase(approver: str) -> str:
    prompt = f"Passphrase of the key of {approver!r}"
    passphrase: str = click.prompt(prompt, hide_input=True, default="", show_default=False, err=True)
    return passphrase


def user_name() -> str:
    """The name of this user, as a claim: an unsigned answer proves nobody."""
    try:
        return getpass.getuser()[:100] or "unknown"
    except (OSError, KeyError):
        return "unknown"
