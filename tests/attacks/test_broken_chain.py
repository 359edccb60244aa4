"""The journal's chain: whatever is done to its file is found by `audit verify`, with the first bad entry named.

What whoever runs as the gateway's user can do, with the gateway's key at hand, is a test too: it is found only where
something is kept elsewhere, or a person signed.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import pytest_asyncio

from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.gateway.anchoring import ANCHOR
from rule_of_two.store.journal import JournalStore, Line
from tests.audit.chains import AT, Chained
from tests.harness import House, outcome
from tests.people import enrol, human, tainted


@pytest_asyncio.fixture
async def chained(tmp_path: Path) -> Chained:
    """Ten entries, a checkpoint after the sixth and the last."""
    one = Chained(tmp_path / "state")
    one.append(6)
    await one.checkpoint()
    one.append(4)
    await one.checkpoint()
    assert one.verified().good
    return one


@pytest.mark.parametrize(
    "change",
    [
        'body = \'{"message":"9"}\'',
        'body = \'{"message": "3"}\'',
        "at = '2020-01-01T00:00:00.000000+00:00'",
        "kind = 'session'",
        "session = 's-2'",
        "session = NULL",
        "decision = 1",
        "hash = x'0000000000000000000000000000000000000000000000000000000000000000'",
    ],
)
def test_an_edit_of_any_column_is_found(chained: Chained, change: str) -> None:
    chained.sql(f"UPDATE entries SET {change} WHERE seq = 4")  # noqa: S608  # from above
    assert chained.found()[0] == ("#4", "changed")


def test_an_entry_without_a_hash_is_found(chained: Chained) -> None:
    chained.sql("UPDATE entries SET hash = NULL WHERE seq = 4")
    assert chained.found()[0] == ("#4", "unchained")


def test_a_body_that_became_another_type_or_no_text_at_all_is_found(chained: Chained) -> None:
    chained.sql("UPDATE entries SET session = x'ff' WHERE seq = 4")
    assert ("#4", "unchained") in chained.found()


def _renumber(move: tuple[int, int]) -> str:
    return f"UPDATE entries SET seq = {move[1]} WHERE seq = {move[0]}"  # noqa: S608  # numbers of ours


def test_two_entries_that_changed_places_are_found(chained: Chained) -> None:
    moves = [(4, -1), (5, 4), (-1, 5)]
    chained.sql(*map(_renumber, moves))
    assert [one for one in chained.found() if one[1] == "changed"][:2] == [("#4", "changed"), ("#5", "changed")]


def test_a_deletion_in_the_middle_is_found(chained: Chained) -> None:
    chained.sql("DELETE FROM entries WHERE seq = 4")
    assert chained.found() == [("#4", "missing")]


def test_a_deletion_whose_numbers_were_closed_up_is_found(chained: Chained) -> None:
    chained.sql(
        "DELETE FROM entries WHERE seq = 4",
        *(_renumber((number, number - 1)) for number in range(5, 11)),
    )
    assert chained.found()[0] == ("#4", "changed")
    assert ("#10", "cut") in chained.found()


def test_a_cut_tail_is_found(chained: Chained) -> None:
    chained.sql("DELETE FROM entries WHERE seq > 7")
    assert chained.found() == [("#8", "cut")]


def test_a_tail_that_was_cut_and_written_anew_is_found(chained: Chained) -> None:
    chained.sql("DELETE FROM entries WHERE seq > 7", "UPDATE sqlite_sequence SET seq = 7 WHERE name = 'entries'")
    chained.append(5, session="s-other")
    assert chained.found() == [("#7", "rewritten")]


def test_a_tail_that_was_cut_below_a_running_gateway_leaves_a_gap(chained: Chained) -> None:
    store = JournalStore(chained.folder)
    store.append_now(Line(AT, "upstream", None, None, {}))
    chained.sql("DELETE FROM entries WHERE seq > 8", "UPDATE sqlite_sequence SET seq = 8 WHERE name = 'entries'")
    store.append_now(Line(AT, "upstream", None, None, {}))
    store.close()
    assert ("#9", "missing") in chained.found()


def test_a_replaced_file_is_found(chained: Chained, tmp_path: Path) -> None:
    other = Chained(tmp_path / "other")
    other.append(10)
    (chained.folder / "journal.db").write_bytes((other.folder / "journal.db").read_bytes())
    assert ("journal", "replaced") in chained.found()


def test_a_replaced_file_that_took_the_name_of_the_old_one_is_found(chained: Chained, tmp_path: Path) -> None:
    other = Chained(tmp_path / "other")
    other.append(10)
    ((name,),) = chained.sql("SELECT id FROM journal", guarded=True)
    other.sql(f"UPDATE journal SET id = '{name}'")  # noqa: S608  # a name of ours
    (chained.folder / "journal.db").write_bytes((other.folder / "journal.db").read_bytes())
    assert chained.found()[0] == ("#1", "changed")


async def test_an_older_copy_of_the_journal_that_was_put_back_is_found(chained: Chained, tmp_path: Path) -> None:
    copy = shutil.copy(chained.folder / "journal.db", tmp_path / "copy")
    chained.append(3)
    await chained.checkpoint()
    shutil.copy(copy, chained.folder / "journal.db")
    assert chained.found() == [("#11", "cut")]
    with chained.anchoring() as anchoring:
        await anchoring._look()
    assert chained.sql("SELECT body FROM entries ORDER BY seq DESC LIMIT 1", guarded=True)[0][0].count(
        "ends before #13"
    )


async def test_an_older_copy_of_everything_is_found_only_by_what_is_kept_elsewhere(tmp_path: Path) -> None:
    chained = Chained(tmp_path / "state", anchors=(tmp_path / "elsewhere",))
    chained.append(5)
    await chained.checkpoint()
    shutil.copytree(chained.folder, tmp_path / "copy")
    chained.append(3)
    await chained.checkpoint()
    shutil.rmtree(chained.folder)
    shutil.copytree(tmp_path / "copy", chained.folder)
    assert chained.found() == [("#6", "cut")]
    assert Chained(chained.folder).verified().good


async def test_two_copies_that_were_both_written_to_are_found(tmp_path: Path) -> None:
    chained = Chained(tmp_path / "state", anchors=(tmp_path / "elsewhere",))
    chained.append(5)
    await chained.checkpoint()
    shutil.copytree(chained.folder, tmp_path / "fork")
    chained.append(3)
    await chained.checkpoint()
    fork = Chained(tmp_path / "fork", anchors=chained.anchors)
    fork.append(3, session="s-other")
    await fork.checkpoint()
    assert ("#8", "forked") in chained.found()
    assert ("#8", "forked") in fork.found()


def test_an_entry_of_plain_sql_is_found(chained: Chained) -> None:
    chained.sql("INSERT INTO entries (at, kind, body) VALUES ('2026-07-01', 'decision', '{}')", guarded=True)
    chained.append(1)
    assert [one for one in chained.found() if one[1] == "unchained"] == [("d11", "unchained")]


def test_a_chain_that_was_written_anew_is_found(chained: Chained) -> None:
    """The chain needs no key, so that anybody can check it; the checkpoints do."""
    chained.sql("UPDATE entries SET session = 's-2' WHERE seq = 8")
    chained.chain_anew(8)
    assert chained.found() == [("#7", "rewritten")]


def test_a_forged_checkpoint_is_found(chained: Chained) -> None:
    chained.sql("UPDATE entries SET session = 's-2' WHERE seq = 8")
    chained.chain_anew(8)
    ((mine,),) = chained.sql("SELECT hex(hash) FROM entries WHERE seq = 10", guarded=True)
    for name in ("state.db", ANCHOR):
        assert (chained.folder / name).exists()
    anchor = chained.folder / ANCHOR
    lines = [json.loads(line) for line in anchor.read_text().splitlines()]
    lines[-1]["hash"] = mine.lower()
    anchor.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert ("#10", "forged_checkpoint") in chained.found()


def test_a_checkpoint_by_another_key_is_found(chained: Chained) -> None:
    (chained.folder / "journal.key").unlink()
    (chained.folder / "journal.key.pub").unlink()
    assert ("#6", "unknown_key") in chained.found()


@pytest.mark.parametrize(
    "line", ["{", "no checkpoint", '{"type": "rule-of-two/checkpoint/1"}', "x" * 10_000, "[" * 9000]
)
def test_garbage_among_the_checkpoints_is_named_and_breaks_nothing(chained: Chained, line: str) -> None:
    with (chained.folder / ANCHOR).open("a") as file:
        file.write(f"{line}\n")
    assert {cause for _, cause in chained.found()} == {"no_checkpoint"}


def test_what_a_log_writes_before_a_checkpoint_is_no_matter(chained: Chained) -> None:
    anchor = chained.folder / ANCHOR
    anchor.write_text(
        "".join(f"Jul  1 12:00:00 host rule-of-two: {line}\n" for line in anchor.read_text().splitlines())
    )
    assert chained.verified().good


@pytest.mark.parametrize("name", ["entries_no_update", "entries_no_delete", "prunes_no_update"])
def test_a_journal_that_can_be_changed_again_is_found(chained: Chained, name: str) -> None:
    chained.sql(f"DROP TRIGGER {name}", guarded=True)
    assert chained.found() == [("journal", "unguarded")]


def test_entries_that_were_called_pruned_are_found(chained: Chained) -> None:
    """The guard lets go what was pruned, so whoever adds such a record can delete: and cannot sign it."""
    chained.sql("INSERT INTO prunes VALUES (4, '{}')", "DELETE FROM entries WHERE seq <= 4", guarded=True)
    assert chained.found() == [("#1", "missing")]


async def test_whoever_has_the_key_can_write_everything_anew_but_not_what_people_signed(tmp_path: Path) -> None:
    """T0, told in docs/audit.md. Alice's signature names the newest entry when she was asked."""
    house, alice = House(tmp_path), ApproverKey.generate()
    enrol(house, ("alice", alice))
    call = {"name": "rec__private_send", "arguments": {"to": "bob@example.org"}}
    async with house.gateway() as gateway, human(house, key=alice) as person:
        await tainted(gateway)
        waiting = gateway.start("tools/call", call)
        person.give(await person.question())
        assert outcome((await waiting)["result"]) == ("allow", None)
    chained = Chained(house.state)
    ((answer,),) = chained.sql("SELECT max(seq) FROM entries WHERE kind = 'answer'", guarded=True)
    facts = json.loads(house.run("--json", "audit", "verify"))
    assert facts["good"]
    assert facts["chain"]["signed_heads"] == 1
    assert facts["chain"]["checkpoints"] >= 2  # in the state and beside the journal

    chained.sql("UPDATE entries SET at = '2020-01-01T00:00:00.000000+00:00' WHERE seq = 2")
    chained.chain_anew(2)
    chained.sql("DELETE FROM checkpoints", database="state")
    (house.state / ANCHOR).unlink()
    await chained.checkpoint()
    facts = json.loads(house.run("--json", "audit", "verify", code=1))
    assert [one["cause"] for one in facts["findings"]] == ["rewritten"]
    assert facts["findings"][0]["entry"] < answer
    assert "alice" in facts["findings"][0]["what"]
