"""The image runs as a user who is not root, from locked packages."""

from __future__ import annotations

from pathlib import Path

CONTAINERFILE = (Path(__file__).parent.parent.parent / "Containerfile").read_text("utf-8").splitlines()


def test_the_last_user_is_not_root_and_the_state_is_a_volume() -> None:
    users = [line.split()[1] for line in CONTAINERFILE if line.startswith("USER ")]
    assert users[-1] == "10001:10001"
    assert CONTAINERFILE.index("USER 10001:10001") < CONTAINERFILE.index('ENTRYPOINT ["rule-of-two"]')
    assert "VOLUME /state" in CONTAINERFILE


def test_everything_from_the_index_is_installed_by_its_hash() -> None:
    installs = [line for line in CONTAINERFILE if "pip install" in line]
    assert installs
    assert [line for line in installs if "--require-hashes -r" not in line and "--no-deps /wheels/" not in line] == []
