"""What is installed is pinned by hash, the same in every lock, and complete."""

from __future__ import annotations

import re
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent.parent
LOCKS = ("requirements.lock", "runtime.lock", "release.lock")


def pins(lock: str) -> dict[str, tuple[str, frozenset[str]]]:
    """The version and hashes of each package."""
    entries = re.split(r"\n(?=\S)", (ROOT / lock).read_text("utf-8").replace("\\\n", " ").strip())
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for entry in entries:
        match = re.match(r"([A-Za-z0-9._-]+)==([^ ;]+)", entry)
        assert match, entry[:80]
        found[canonicalize_name(match[1])] = (match[2], frozenset(re.findall(r"sha256:([0-9a-f]{64})", entry)))
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_everything_is_pinned_by_hash_and_no_address_stands_there(lock: str) -> None:
    assert "://" not in (ROOT / lock).read_text("utf-8")
    assert [name for name, (_, hashes) in pins(lock).items() if not hashes] == []


@pytest.mark.parametrize("lock", LOCKS[1:])
def test_locks_agree_with_the_one_that_the_tests_run_with(lock: str) -> None:
    tested, others = pins("requirements.lock"), pins(lock)
    assert {name: pin for name, pin in others.items() if name in tested and tested[name] != pin} == {}


def test_the_runtime_lock_has_all_that_the_package_needs_and_nothing_that_was_not_tested() -> None:
    tested, runtime = pins("requirements.lock"), pins("runtime.lock")
    assert set(runtime) - set(tested) == set()
    waiting = ["mcp-rule-of-two"]
    needed: set[str] = set()
    while waiting:
        for text in requires(waiting.pop()) or ():
            requirement = Requirement(text)
            name = canonicalize_name(requirement.name)
            wanted = requirement.marker is None or requirement.marker.evaluate({"extra": "speed"})
            if wanted and name not in needed:
                needed.add(name)
                waiting.append(name)
    assert needed - set(runtime) == set()


def test_the_audit_looks_at_every_lock_and_runs_by_itself() -> None:
    script = (ROOT / "scripts" / "audit-dependencies").read_text("utf-8")
    assert all(lock in script for lock in LOCKS)
    workflow = (ROOT / ".github" / "workflows" / "dependency-audit.yml").read_text("utf-8")
    assert "schedule:" in workflow
    assert "scripts/audit-dependencies" in workflow
    assert re.findall(r"uses: \S+@(?![0-9a-f]{40} )", workflow) == []
    assert "audit-dependencies" not in (ROOT / "scripts" / "test").read_text("utf-8")
