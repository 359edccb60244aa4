"""An approver's key: under a passphrase, readable by nobody else, and OpenSSH's own tools agree."""

from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from rule_of_two.approvals.keys import ApproverKey, PublicKey, approver_of, public_path, unlock
from rule_of_two.errors import ConfigurationError
from tests.approvals.samples import bare_key

PASSPHRASE = "correct horse battery"  # noqa: S105  # of keys that live as long as a test


pytestmark = pytest.mark.usefixtures("quick_keys")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "approver.key"


def test_a_saved_key_signs_after_it_was_unlocked(path: Path) -> None:
    key = ApproverKey.generate()
    key.save(path, PASSPHRASE, approver="Alice Ångström")
    signature = unlock(path, PASSPHRASE).sign(b"statement")
    assert key.public.verifies(signature, b"statement")
    assert not key.public.verifies(signature, b"another")
    assert not ApproverKey.generate().public.verifies(signature, b"statement")
    assert approver_of(path) == "Alice Ångström"


def test_the_file_is_private_and_holds_no_key_in_the_clear(path: Path) -> None:
    key = ApproverKey.generate()
    key.save(path, PASSPHRASE, approver="alice")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    with pytest.raises(TypeError, match="protected"):
        serialization.load_ssh_private_key(path.read_bytes(), None)


def test_another_passphrase_unlocks_nothing(path: Path) -> None:
    ApproverKey.generate().save(path, PASSPHRASE, approver="alice")
    with pytest.raises(ConfigurationError, match="not its passphrase"):
        unlock(path, "wrong horse battery")


def test_a_key_is_never_replaced(path: Path) -> None:
    key = ApproverKey.generate()
    key.save(path, PASSPHRASE, approver="alice")
    with pytest.raises(ConfigurationError, match="a key already"):
        ApproverKey.generate().save(path, PASSPHRASE, approver="alice")
    assert unlock(path, PASSPHRASE).public == key.public


def test_a_short_passphrase_makes_no_key(path: Path) -> None:
    with pytest.raises(ConfigurationError, match="at least 8"):
        ApproverKey.generate().save(path, "hunter2", approver="alice")
    assert not path.exists()


def test_a_key_that_others_may_read_is_refused(path: Path) -> None:
    ApproverKey.generate().save(path, PASSPHRASE, approver="alice")
    path.chmod(0o640)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        unlock(path, PASSPHRASE)


def test_a_key_without_a_passphrase_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(bare_key())
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match="no passphrase"):
        unlock(path, PASSPHRASE)


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", b"\xff" * 100])
def test_what_is_no_key_is_refused_with_its_file(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match="not an OpenSSH private key") as caught:
        unlock(path, PASSPHRASE)
    assert caught.value.file == path


def test_a_missing_key_names_the_next_step(path: Path) -> None:
    with pytest.raises(ConfigurationError, match="init"):
        unlock(path, PASSPHRASE)
    with pytest.raises(ConfigurationError, match="init"):
        approver_of(path)


RSA = (
    generate_private_key(65537, 2048)
    .public_key()
    .public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    .decode()
)


@pytest.mark.parametrize("text", ["", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-ed25519 ÄÄÄÄ", RSA])
def test_what_is_no_ed25519_public_key_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="not an Ed25519 public key"):
        PublicKey.parse(text)


def test_a_public_line_is_read_with_and_without_its_comment() -> None:
    public = ApproverKey.generate().public
    assert PublicKey.parse(f"{public.line} alice@laptop\n") == PublicKey.parse(public.line) == public


@pytest.mark.parametrize("signature", ["", "AAAA", "not base64!", "=" * 88])
def test_a_signature_that_is_none_verifies_nothing(signature: str) -> None:
    assert not ApproverKey.generate().public.verifies(signature, b"x")


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs OpenSSH")
def test_openssh_agrees_and_can_change_the_passphrase(path: Path) -> None:
    key = ApproverKey.generate()
    key.save(path, PASSPHRASE, approver="alice")
    run = ["ssh-keygen", "-l", "-f", str(public_path(path))]
    assert key.public.fingerprint in subprocess.run(run, capture_output=True, text=True, check=True).stdout
    change = ["ssh-keygen", "-p", "-f", str(path), "-P", PASSPHRASE, "-N", "another passphrase"]
    subprocess.run(change, capture_output=True, check=True)
    assert unlock(path, "another passphrase").public == key.public


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs OpenSSH")
def test_a_key_under_a_cipher_that_is_not_known_here_is_refused(path: Path) -> None:
    path.parent.mkdir()
    make = [
        "ssh-keygen",
        "-q",
        "-t",
        "ed25519",
        "-Z",
        "chacha20-poly1305@openssh.com",
        "-N",
        PASSPHRASE,
        "-f",
        str(path),
    ]
    subprocess.run(make, check=True)
    with pytest.raises(ConfigurationError, match="not an OpenSSH private key that can be used here"):
        unlock(path, PASSPHRASE)
