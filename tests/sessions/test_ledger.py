"""What writes stamp, and what reading brings, in a real database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rule_of_two.errors import StoreError
from rule_of_two.model import NONE, Action, Facts, Labels, SessionView, StoredLabel, StoredResource, labels_in
from rule_of_two.records import replace
from rule_of_two.sessions.ledger import Cover, Due, Ledger, all_stamps, newest
from rule_of_two.sessions.memory import Memory
from rule_of_two.store.database import Database
from rule_of_two.store.state import open_state

WHOLE = StoredResource("notes", "store", None)


def file(path: str, store: str = "notes") -> StoredResource:
    return StoredResource(store, "path", path)


def reading(*resources: StoredResource, labels: str = "", upstream: str = "notes") -> Facts:
    return Facts(Action.CALL_TOOL, upstream, "read", labels_in(labels), reads=resources)


def writing(*resources: StoredResource, labels: str = "C", reads: tuple[StoredResource, ...] = ()) -> Facts:
    return Facts(Action.CALL_TOOL, "notes", "write", labels_in(labels), reads=reads, writes=resources)


class Process:
    """One gateway on a state."""

    def __init__(self, database: Database, tenant: str = "acme", covers: tuple[Cover, ...] = ()) -> None:
        self.database = database
        self.memory = Memory()
        self.covers = covers
        self.ledger = Ledger(
            database,
            self.memory,
            tenant=tenant,
            stores={"other": "notes"},
            clock=lambda: "2026-11-28T10:00:00.000000+00:00",
            covers=lambda db, store: tuple(one for one in self.covers if one.resource.store == store),
        )

    def write(self, facts: Facts, held: str = "", number: int = 12, session: str = "s-1") -> tuple[Due, ...]:
        """Decide a call in a session that holds these labels, and stamp what it writes."""
        view = SessionView(session, dict.fromkeys(labels_in(held), 1))
        facts = self.ledger.looked_up(facts)
        due = self.ledger.due(facts, view)
        self.memory.begin()
        self.database.write_now(lambda db: self.ledger.stamp(db, number, session, facts.qualified, due))
        self.memory.committed()
        return due

    def read(self, *resources: StoredResource, labels: str = "", upstream: str = "notes") -> Labels:
        return self.ledger.looked_up(reading(*resources, labels=labels, upstream=upstream)).labels


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Database]:
    database = open_state(tmp_path)
    yield database
    database.close()


@pytest.fixture
def process(state: Database) -> Process:
    return Process(state)


def test_what_a_session_had_seen_clings_to_what_it_writes(process: Process) -> None:
    process.write(writing(file("/n/x")), held="AC")
    facts = process.ledger.looked_up(reading(file("/n/x")))
    assert facts.labels == {"A"}
    assert facts.stored == (StoredLabel("A", file("/n/x"), 12, "s-1"),)


def test_facts_stay_values_that_can_be_compared_and_looked_up(process: Process) -> None:
    process.write(writing(file("/n/x")), held="AB")
    facts = process.ledger.looked_up(reading(file("/n/x")))
    assert type(facts.labels) is frozenset
    assert facts.labels == labels_in("AB")


def test_c_never_sticks(process: Process) -> None:
    assert process.write(writing(file("/n/x"), labels="BC"), held="C") == (Due(file("/n/x"), labels_in("B")),)


def test_a_session_that_has_seen_nothing_stamps_nothing(process: Process) -> None:
    assert process.write(writing(file("/n/x")), held="C") == ()
    assert process.read(file("/n/x")) == NONE


def test_what_is_reserved_counts(process: Process) -> None:
    view = SessionView("s-1", {}, {"A": 3})
    assert process.ledger.due(writing(file("/n/x")), view) == (Due(file("/n/x"), labels_in("A")),)


def test_what_was_written_before_a_session_saw_anything_stays_clean(process: Process) -> None:
    process.write(writing(file("/n/x")))
    process.write(writing(file("/n/y")), held="A")
    assert process.read(file("/n/x")) == NONE


@pytest.mark.parametrize(
    ("written", "read", "labels"),
    [
        (file("/n/x"), file("/n"), "A"),
        (file("/n/x"), file("/"), "A"),
        (file("/n"), file("/n/x"), "A"),
        (file("/n/x"), WHOLE, "A"),
        (WHOLE, file("/n/x"), "A"),
        (file("/n/x"), file("/N/X"), "A"),
        (file("/n/x"), file("/n/y"), ""),
        (file("/n/x"), file("/nn"), ""),
        (file("/n/x"), file("/n/x", store="elsewhere"), ""),
        (StoredResource("notes", "uri", "note://a/1"), StoredResource("notes", "uri", "note://a"), "A"),
        (StoredResource("notes", "issue", "7"), StoredResource("notes", "issue", "70"), ""),
        (StoredResource("notes", "issue", "7"), StoredResource("notes", "issue", "7"), "A"),
        (StoredResource("notes", "issue", "Caf\u00e9"), StoredResource("notes", "issue", "CAFE\u0301"), "A"),
    ],
)
def test_reading_what_holds_it_or_stands_in_it_brings_the_label(
    process: Process, written: StoredResource, read: StoredResource, labels: str
) -> None:
    process.write(writing(written), held="A")
    assert process.read(read) == labels_in(labels)


def test_in_a_store_that_was_stamped_whole_every_call_that_carries_a_or_b_reads(process: Process) -> None:
    process.write(writing(WHOLE), held="B")
    assert process.read(labels="A") == {"A", "B"}
    assert process.read(labels="A", upstream="other") == {"A", "B"}  # it shares the store
    assert process.read() == NONE
    assert process.read(labels="C") == {"C"}
    assert process.read(labels="A", upstream="third") == {"A"}


def test_the_very_same_facts_are_looked_up_anew_once_somebody_stamped(process: Process, tmp_path: Path) -> None:
    other, facts = Process(open_state(tmp_path)), reading(labels="B")
    assert [process.ledger.looked_up(facts).labels for _ in range(2)] == [{"B"}, {"B"}]
    other.write(writing(WHOLE), held="A")
    assert [process.ledger.looked_up(facts).labels for _ in range(2)] == [{"A", "B"}, {"A", "B"}]
    own = reading(labels="A")
    assert process.ledger.looked_up(own).labels == {"A"}
    process.write(writing(WHOLE), held="B")
    assert process.ledger.looked_up(own).labels == {"A", "B"}
    other.database.close()


def test_an_act_that_no_manifest_describes_stamps_the_whole_store(process: Process) -> None:
    answer = Facts(Action.ANSWER, "other", "elicitation/create", labels_in("C"))
    assert process.write(answer, held="A") == (Due(WHOLE, labels_in("A")),)
    assert process.write(Facts(Action.RECEIVE, "other", "log", labels_in("A")), held="B") == ()


def test_labels_of_all_that_a_call_reads_or_names_cling_to_what_it_writes(process: Process) -> None:
    process.write(writing(file("/a/x")), held="A")
    moved = process.write(writing(file("/a"), file("/b"), reads=(file("/a"),)))
    assert {one.resource for one in moved} == {file("/a"), file("/b")}
    assert process.read(file("/b/x")) == {"A"}
    process.write(writing(file("/c/x")), held="B")
    process.write(writing(file("/c"), file("/d")))  # named, not read
    assert process.read(file("/d")) == {"B"}


def test_the_same_write_again_stamps_nothing_and_one_with_more_only_that(process: Process, state: Database) -> None:
    process.write(writing(file("/n/x")), held="A")
    assert process.write(writing(file("/n/x")), held="A") == ()
    assert process.write(writing(file("/n/x")), held="AB") == (Due(file("/n/x"), labels_in("B")),)
    assert process.write(writing(file("/n/X")), held="AB") == ()
    assert newest(state.connection) == 2


def test_it_is_one_ledger_for_all_on_the_state_and_outlives_them(process: Process, tmp_path: Path) -> None:
    other = Process(open_state(tmp_path))
    assert other.read(file("/n/x")) == NONE
    process.write(writing(file("/n/x")), held="A")
    assert other.read(file("/n/x")) == {"A"}
    other.database.close()
    process.database.close()
    later = open_state(tmp_path)
    assert Process(later).read(file("/n/x")) == {"A"}
    later.close()


def test_a_stamp_that_was_rolled_back_is_not_remembered(process: Process, state: Database) -> None:
    facts, view = writing(file("/n/x")), SessionView("s-1", {"A": 1})
    due = process.ledger.due(facts, view)

    def work(db: object) -> None:
        process.memory.begin()
        process.ledger.stamp(state.connection, 12, "s-1", "notes__write", due)
        assert process.ledger.due(facts, view) == ()
        raise StoreError("no")

    with pytest.raises(StoreError):
        state.write_now(work)
    assert process.ledger.due(facts, view) == due
    assert not process.memory.stamps


def test_what_a_call_stamped_itself_is_no_news_to_it_and_what_others_did_is(process: Process) -> None:
    facts = writing(file("/n/x"), reads=(file("/n/x"),))
    process.write(facts, held="A", number=12)
    assert process.ledger.grown(facts, 12) == {"C"}
    assert process.ledger.grown(facts, 11) == {"A", "C"}
    process.write(writing(file("/n/x/y")), held="AB", number=13)
    assert process.ledger.grown(facts, 12) == {"A", "B", "C"}


def test_another_tenants_session_is_not_named(process: Process) -> None:
    process.write(writing(file("/n/salaries-of-acme")), held="A")
    facts = Process(process.database, tenant="other").ledger.looked_up(reading(file("/n")))
    assert facts.stored == (StoredLabel("A", file("/n"), None, None),)


def forget(state: Database, tmp_path: Path, statement: str) -> None:
    """What somebody does who may write the state's file."""
    attacker = open_state(tmp_path)
    attacker.connection.execute("DROP TRIGGER ledger_no_delete")
    attacker.connection.execute("DROP TRIGGER ledger_no_update")
    attacker.connection.execute(statement)
    attacker.close()


@pytest.mark.parametrize(
    "statement", ["DELETE FROM ledger", "UPDATE ledger SET label = 'B'", "UPDATE ledger SET place = '/other/'"]
)
def test_a_stamp_of_ours_that_is_gone_is_amiss_for_good(
    process: Process, state: Database, tmp_path: Path, statement: str
) -> None:
    process.write(writing(file("/n/x")), held="A")
    forget(state, tmp_path, statement)
    for _ in range(2):
        with pytest.raises(StoreError, match="somebody changed the state: the stamp 1 of the ledger is gone"):
            process.read(file("/n/y"))
    assert process.memory.amiss


def test_rows_are_only_added(process: Process, state: Database) -> None:
    process.write(writing(file("/n/x")), held="A")
    for statement in ("DELETE FROM ledger", "UPDATE ledger SET label = 'B'"):
        with pytest.raises(StoreError, match="rows are only added"):
            state.write_now(lambda db, statement=statement: db.execute(statement))  # type: ignore[misc]


def test_rows_that_somebody_wrote_with_other_types_bring_their_labels(process: Process, state: Database) -> None:
    state.connection.execute(
        "INSERT INTO ledger (store, kind, value, place, label, decision, session, tenant, origin, at) "
        "VALUES ('notes', 'path', x'ff', '/n/x/', 'A', 'soon', 7, 8, x'00', 9)"
    )
    facts = process.ledger.looked_up(reading(file("/n")))
    assert facts.labels == {"A"}
    assert facts.stored[0].decision is None


def test_an_endorsement_covers_what_it_names_and_what_stands_in_it_up_to_its_moment(process: Process) -> None:
    process.write(writing(file("/n/x"), file("/n/y"), file("/o")), held="AB")
    process.covers = (Cover(file("/n"), labels_in("A"), 6, "acme"),)
    process.database.connection.execute("CREATE TABLE something (x)")  # the state changed
    assert process.read(file("/n/x")) == {"B"}
    assert process.read(file("/o")) == {"A", "B"}
    assert process.read(file("/")) == {"A", "B"}
    assert process.write(writing(file("/n/x")), held="A") == (Due(file("/n/x"), labels_in("A")),)
    assert process.read(file("/n/x")) == {"A", "B"}
    assert process.read(file("/n/y")) == {"B"}


def test_an_endorsement_covers_what_is_read_from_stamps_of_what_holds_it(process: Process) -> None:
    process.write(writing(WHOLE), held="A")
    process.covers = (Cover(file("/n"), labels_in("A"), 1, "acme"),)
    assert process.read(file("/n/x")) == NONE
    assert process.read(file("/o")) == {"A"}
    assert process.read(WHOLE) == {"A"}


def test_nobody_endorses_what_another_tenant_wrote(process: Process) -> None:
    process.write(writing(file("/n/x")), held="A")
    process.covers = (Cover(file("/n/x"), labels_in("A"), 1, "other"),)
    assert process.read(file("/n/x")) == {"A"}


def test_a_ledger_that_cannot_be_read_is_no_clean_one(process: Process, state: Database) -> None:
    state.connection.execute("DROP TABLE ledger")
    with pytest.raises(StoreError):
        process.read(file("/n/x"))
    with pytest.raises(StoreError):
        process.ledger.due(writing(file("/n/x")), SessionView("s", {"A": 1}))


def test_names_that_are_no_unicode_are_stored(process: Process) -> None:
    odd = file("/n/\udcff")
    process.write(writing(odd), held="A")
    assert process.read(odd) == {"A"}
    assert process.read(file("/n")) == {"A"}
    assert [one.resource.value for one in all_stamps(process.database.connection)] == ["/n/\\udcff"]


def test_what_is_known_already_is_not_named_twice(process: Process) -> None:
    process.write(writing(file("/n/x")), held="A")
    once = process.ledger.looked_up(reading(file("/n/x")))
    assert process.ledger.looked_up(once) == once
    assert process.ledger.looked_up(replace(reading(file("/n/x")), labels=labels_in("A"))).stored == ()


@settings(max_examples=50, deadline=None)
@given(st.text(), st.sampled_from(("path", "uri", "issue")), st.sampled_from(("", "/", "note://", "/a/")))
def test_whatever_a_thing_is_called_its_stamp_is_found(text: str, kind: str, before: str) -> None:
    with TemporaryDirectory() as folder, closing(open_state(Path(folder))) as state:
        process, named = Process(state), StoredResource("notes", kind, before + text)
        process.write(writing(named), held="A")
        assert process.read(named) == {"A"}
        assert process.read(WHOLE) == {"A"}
        assert process.write(writing(named), held="A") == ()


def test_a_write_whose_c_policy_leaves_out_of_account_stamps_like_any_other(process: Process) -> None:
    """It writes all the same: what is left out is only that it counts against the session."""
    lowered = Facts(Action.ANSWER, "notes", "answer", NONE, left_out=labels_in("C"))
    assert process.write(lowered, held="A") == (Due(WHOLE, labels_in("A")),)
    assert process.read(labels="B") == {"A", "B"}
