"""Users of this system, and becoming one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rule_of_two.doctor.account import Account, own_environment
from rule_of_two.errors import ConfigurationError
from tests.doctor.samples import NOBODY, as_root


def test_a_user_is_found_by_name_and_by_number() -> None:
    own = Account.own()
    assert own.uid == os.geteuid()
    assert Account.named(own.name) == own
    assert Account.named(str(own.uid)) == own
    stranger = Account.of(123456)
    assert (stranger.name, stranger.uid, stranger.gid, stranger.groups) == ("123456", 123456, 123456, ())


@pytest.mark.parametrize("name", ["", "no such user", "-1", "99999999999"])
def test_nobody_is_called_so(name: str) -> None:
    with pytest.raises(ConfigurationError, match="there is no user"):
        Account.named(name)


@as_root
def test_becoming_another_user_cannot_be_undone() -> None:
    program = (
        "import os, sys; from rule_of_two.doctor.account import become; become(sys.argv[1:])\n"
        "print(os.getresuid(), os.getresgid(), os.getgroups())\n"
        "try: os.setuid(0)\nexcept PermissionError: print('for good')"
    )
    account = Account("x", NOBODY, NOBODY, (NOBODY, 100), Account.own().home)
    done = subprocess.run(
        [sys.executable, "-c", program, *account.arguments],
        capture_output=True, text=True, check=True, env=own_environment(),
    )  # fmt: skip
    three = f"({NOBODY}, {NOBODY}, {NOBODY})"
    assert done.stdout.splitlines() == [f"{three} {three} [100, {NOBODY}]", "for good"]


def test_a_process_of_another_user_is_told_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RULE_OF_TWO_TOKEN", "s3cret")
    assert "s3cret" not in repr(Account.own().environment())
    assert own_environment()["RULE_OF_TWO_TOKEN"] == "s3cret"  # noqa: S105  # a made-up one


def test_a_process_of_ours_finds_this_package_first_and_then_what_it_found_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    first, *rest = own_environment()["PYTHONPATH"].split(os.pathsep)
    assert (Path(first) / "rule_of_two" / "doctor" / "account.py").is_file()
    assert rest == ["/elsewhere"]
    monkeypatch.delenv("PYTHONPATH")
    assert own_environment()["PYTHONPATH"] == first
