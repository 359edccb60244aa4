"""A house for the doctor: a configuration, a state folder, a key; and acting as somebody who may do nothing."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.doctor.brief import Brief, Probe
from rule_of_two.doctor.finding import Finding
from rule_of_two.doctor.probe import Order
from rule_of_two.store.journal import JournalStore
from rule_of_two.store.state import open_state

NOBODY = 65534
"""A user who owns nothing here."""

PASSPHRASE = "correct horse"  # noqa: S105  # of keys that a test makes

as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can act as another user"
)


@dataclass
class Patient:
    """What the doctor examines. Everybody may enter its folder; who may do more is for a test to say."""

    folder: Path

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def key(self) -> Path:
        return self.folder / "approver.key"

    @property
    def file(self) -> Path:
        return self.folder / "rule-of-two.yaml"

    @property
    def order(self) -> Order:
        """For a probe of its configuration and state."""
        return Order(str(self.file), str(self.state))

    def files(self) -> list[str]:
        """Everything in its folder."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*"))

    def configure(self, **settings: Any) -> None:
        """Write the configuration, for its owner alone. JSON is YAML."""
        self.file.write_text(json.dumps({"version": 1, "mcpServers": {}, **settings}))
        self.file.chmod(0o600)

    def enrol(self, *names: str) -> ApproverKey:
        """Enrol approvers; the first one's key is in the key's file."""
        keys = {name: ApproverKey.generate() for name in names}
        keys[names[0]].save(self.key, PASSPHRASE, approver=names[0])
        self.configure(approvals={"approvers": [{"name": name, "key": key.public.line} for name, key in keys.items()]})
        return keys[names[0]]

    def begin(self) -> None:
        """A state and a journal, as a gateway leaves them."""
        open_state(self.state).close()
        JournalStore(self.state).close()

    def brief(self, probe: Probe | None = None, **changes: Any) -> Brief:
        """What the attempts are told."""
        known: dict[str, Any] = {
            "config": str(self.file),
            "state": str(self.state),
            "key": str(self.key),
            "user": "local",
            "tenant": "local",
            "approvers": (),
            "probe": probe
            or Probe(process=1, endpoint="", folder="", sessions=("", "", "", ""), takes_elicitation=False),
            "consoles": (),
            "owned": (),
        }
        return Brief(**{**known, **changes})


@contextmanager
def a_patient() -> Iterator[Patient]:
    """One whose paths are short enough for a socket, with a configuration in which nobody is enrolled."""
    folder = Path(tempfile.mkdtemp(prefix="r2-", dir="/tmp"))
    folder.chmod(0o755)
    patient = Patient(folder)
    patient.configure()
    try:
        yield patient
    finally:
        shutil.rmtree(folder)


@contextmanager
def acting_as(uid: int) -> Iterator[None]:
    """Be another user for a while, as far as files go."""
    groups, group, user = os.getgroups(), os.getegid(), os.geteuid()
    os.setgroups([])
    os.setegid(uid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(user)
        os.setegid(group)
        os.setgroups(groups)


def one(findings: tuple[Finding, ...], attempt: str) -> Finding:
    """The finding of an attempt."""
    found = [finding for finding in findings if finding.attempt == attempt]
    assert len(found) == 1, [finding.attempt for finding in findings]
    return found[0]
