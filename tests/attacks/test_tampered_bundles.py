"""A bundle of evidence holds offline, and whatever of it is changed is found."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import pytest_asyncio
from click.testing import CliRunner

from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.approvals.signer import Signer
from rule_of_two.audit.bundle import manifest_of, packed, statement
from rule_of_two.cli.main import cli
from rule_of_two.gateway.bundle_check import BundleCheck, check
from rule_of_two.gateway.journal_key import journal_key
from tests.audit.chains import Chained
from tests.gateway.test_pruning import pruning
from tests.harness import House, outcome
from tests.people import enrol, human, tainted

ALICE, MALLORY = ApproverKey.generate(), ApproverKey.generate()
Files = dict[str, bytes]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[House, str]:
    """A session in which alice said yes to a call, beside another one's entries; and its bundle."""
    house = House(tmp_path_factory.mktemp("lived"))
    enrol(house, ("alice", ALICE))
    async with house.gateway() as gateway, human(house, key=ALICE) as person:
        await tainted(gateway)
        Chained(house.state).append(2, session="s-secret-of-others")
        waiting = gateway.start("tools/call", {"name": "rec__private_send", "arguments": {"to": "bob@example.org"}})
        person.give(await person.question())
        assert outcome((await waiting)["result"]) == ("allow", None)
        session = house.session()
    Chained(house.state).append(2, session="s-secret-of-others")
    house.run("audit", "bundle", session, "--to", str(house.folder / "evidence.zip"), "--unsigned")
    return house, session


@pytest.fixture
def evidence(lived: tuple[House, str]) -> bytes:
    return (lived[0].folder / "evidence.zip").read_bytes()


def files_of(data: bytes) -> Files:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_it_holds_on_a_machine_with_nothing_else(lived: tuple[House, str], evidence: bytes, tmp_path: Path) -> None:
    own = ["--config", str(tmp_path / "none.yaml"), "--state", str(tmp_path / "none")]
    (tmp_path / "none.yaml").write_text('{"version": 1, "mcpServers": {}}')
    command = [sys.executable, "-m", "rule_of_two", *own, "--json", "audit", "verify", "--bundle"]
    done = subprocess.run([*command, str(lived[0].folder / "evidence.zip")], capture_output=True, check=True)
    facts = json.loads(done.stdout)
    assert (facts["good"], facts["receipts"], facts["about"]["session"]) == (True, 1, lived[1])
    assert [(one["by"], one["known"]) for one in facts["signed_by"]] == [("gateway", False)]
    assert not (tmp_path / "none").exists()


def test_nothing_of_other_sessions_is_in_it(evidence: bytes) -> None:
    files = files_of(evidence)
    assert b"s-secret-of-others" not in evidence
    assert {"statement.txt", "entries.jsonl", "chain.jsonl", "pins.json", "keys.json", "policies/versions.json"} <= set(
        files
    )
    assert any(name.startswith("manifests/rec") for name in files)
    assert any(name.startswith("policies/") and len(name) > 60 for name in files)
    assert "Decisions: " in files["statement.txt"].decode()


def test_the_same_content_is_the_same_bytes(evidence: bytes) -> None:
    files = files_of(evidence)
    manifest, signatures = files.pop("manifest.json"), json.loads(files.pop("signatures.json"))
    assert packed(files, manifest, signatures) == evidence


def test_that_it_was_made_is_in_the_journal(lived: tuple[House, str]) -> None:
    house, session = lived
    (made,) = [one for one in house.journal("journal") if one["event"] == "bundled"]
    assert made["session"] == session
    assert json.loads(house.run("--json", "audit", "verify"))["good"]


def test_any_byte_that_is_changed_is_found(evidence: bytes) -> None:
    for place in range(0, len(evidence), 331):
        changed = bytearray(evidence)
        changed[place] ^= 1
        assert not check(bytes(changed)).good, place


@pytest.mark.parametrize("data", [b"", b"PK", b"no zip at all" * 50])
def test_what_is_no_bundle_is_said_to_be_none(data: bytes) -> None:
    assert check(data).problems


def test_a_cut_bundle_and_one_with_something_behind_it_are_found(evidence: bytes) -> None:
    assert not check(evidence[:-100]).good
    assert not check(evidence + b"more").good


def test_a_compressed_one_is_refused(evidence: bytes) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files_of(evidence).items():
            archive.writestr(name, content)
        archive.writestr("bomb", b"\0" * 5_000_000)
    assert "compressed" in check(buffer.getvalue()).problems[0]


def forged(evidence: bytes, change: Callable[[Files], None], key: ApproverKey) -> BundleCheck:
    """What is found in a bundle that was changed and packed anew, with all digests right, signed by ``key``."""
    files = files_of(evidence)
    about = {
        name: value for name, value in json.loads(files.pop("manifest.json")).items() if name not in {"files", "type"}
    }
    del files["signatures.json"]
    change(files)
    manifest = manifest_of(about, files)
    role = "gateway" if key is not MALLORY else "approver"
    signature = {"by": "x", "as": role, "key": key.public.line, "signature": key.sign(statement(manifest))}
    return check(packed(files, manifest, [signature]))


def _without_last(files: Files) -> None:
    files["entries.jsonl"] = b"".join(files["entries.jsonl"].splitlines(keepends=True)[:-1])


def _edited(files: Files) -> None:
    files["entries.jsonl"] = files["entries.jsonl"].replace(b"bob@example.org", b"eve@example.org")


def _without_chain(files: Files) -> None:
    files["chain.jsonl"] = files["chain.jsonl"].splitlines(keepends=True)[0]


def _renamed(files: Files) -> None:
    files["entries.jsonl"] = files["entries.jsonl"].replace(b'"session":"s-', b'"session":"t-')


def _other_checkpoint(files: Files) -> None:
    files["checkpoint.json"] = files["checkpoint.json"].replace(b'"count":', b'"count":1')


def _garbage(files: Files) -> None:
    files["entries.jsonl"] += b'{"number": 1}\n'


def _other_key(files: Files) -> None:
    keys = json.loads(files["keys.json"])
    keys["approvers"][0]["key"] = MALLORY.public.line
    files["keys.json"] = json.dumps(keys).encode()


@pytest.mark.parametrize(
    "change", [_without_last, _edited, _without_chain, _renamed, _other_checkpoint, _garbage, _other_key]
)
def test_a_bundle_that_was_changed_and_signed_anew_is_found(evidence: bytes, change: Callable[[Files], None]) -> None:
    assert forged(evidence, lambda files: None, MALLORY).good
    assert not forged(evidence, change, MALLORY).good


def test_a_person_signs_it(lived: tuple[House, str], monkeypatch: pytest.MonkeyPatch) -> None:
    house, session = lived
    monkeypatch.setattr("rule_of_two.cli.signer.open_signer", lambda key, unsigned: Signer("alice", ALICE))
    file = house.folder / "signed.zip"
    own = ["--config", str(house.config), "--state", str(house.state), "audit"]
    done = CliRunner().invoke(cli, [*own, "bundle", session, "--to", str(file)])
    assert "signed by alice and the gateway" in done.output
    found = check(file.read_bytes(), known=frozenset([ALICE.public.fingerprint]))
    assert found.good
    assert [(by, role, known) for by, role, _, known in found.signers] == [
        ("gateway", "gateway", False),
        ("alice", "approver", True),
    ]


def test_nobody_else_signs_as_the_gateway(evidence: bytes) -> None:
    files = files_of(evidence)
    other = ApproverKey.generate()
    signature = {"by": "gateway", "as": "gateway", "key": other.public.line}
    signature["signature"] = other.sign(statement(files["manifest.json"]))
    manifest = files.pop("manifest.json")
    del files["signatures.json"]
    assert not check(packed(files, manifest, [signature])).good
    assert not check(packed(files, manifest, [])).good


async def test_a_session_that_pruning_kept_a_part_of_still_holds(tmp_path: Path) -> None:
    chained = Chained(tmp_path / "state")
    for month in range(1, 7):
        chained.append(1, session="s-1", at=f"2026-0{month}-01T00:00:00.000000+00:00")
        chained.append(1, session="s-2", at=f"2026-0{month}-01T00:00:00.000000+00:00")
    await chained.checkpoint()
    chained.sql(
        "INSERT INTO ledger (store, kind, label, decision, session, tenant, origin, at) "
        "VALUES ('s', 'path', 'A', 3, 's-1', 't', 'o', '')",
        database="state",
    )
    await pruning(chained.folder, "2026-04-01")
    journal_key(chained.folder)
    house = House(tmp_path)
    house.run("audit", "bundle", "s-1", "--to", str(tmp_path / "evidence.zip"), "--unsigned")
    data = (tmp_path / "evidence.zip").read_bytes()
    assert check(data).good, check(data).as_facts()
    assert [json.loads(line)["number"] for line in files_of(data)["entries.jsonl"].splitlines()] == [3, 7, 9, 11]
    assert not forged(data, _kept_changed, MALLORY).good


def _kept_changed(files: Files) -> None:
    first, rest = files["entries.jsonl"].split(b"\n", 1)
    files["entries.jsonl"] = first.replace(b"2026-02", b"2026-03") + b"\n" + rest


def test_a_session_that_nobody_knows_and_a_file_that_is_there_are_refused(lived: tuple[House, str]) -> None:
    house, session = lived
    assert "no entry" in house.run("audit", "bundle", "s-0", "--to", str(house.folder / "x.zip"), "--unsigned", code=1)
    there = str(house.folder / "evidence.zip")
    assert "another file" in house.run("audit", "bundle", session, "--to", there, "--unsigned", code=2)
