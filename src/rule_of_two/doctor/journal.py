"""Whether the journal is the one that was signed last. `audit verify` looks at every entry; this looks at its end."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Final

from rule_of_two.doctor.fact import Fact
from rule_of_two.errors import StoreError
from rule_of_two.gateway.anchoring import differs, newest
from rule_of_two.store.checkpoints import CheckpointStore
from rule_of_two.store.journal import JournalStore
from rule_of_two.store.state import open_state
from rule_of_two.wording import counted

_WHAT: Final = "journal"


def journal(state: Path) -> Fact:
    """What the newest checkpoint says of the journal of a state."""
    if not (state / "journal.db").exists() or not (state / "state.db").exists():
        return Fact(_WHAT, True, "there is none yet")
    try:
        with closing(open_state(state)) as database, closing(JournalStore(state)) as store:
            last = newest(CheckpointStore(database))
            wrong = None if last is None else differs(store, last)
            count = store.count()
    except StoreError as error:
        return Fact(_WHAT, False, str(error), "see what is left of it: `rule-of-two audit verify`")
    if wrong is not None:
        return Fact(_WHAT, False, wrong, "find out what was done to the journal: `rule-of-two audit verify`")
    signed = "none of them signed yet" if last is None else f"signed up to #{last.number}, {last.at[:19]}Z"
    return Fact(_WHAT, True, f"{counted(count, 'entry')}, {signed}")
