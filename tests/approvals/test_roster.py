"""Each session once, as bad as any gateway says it is, and a choice that stays with its session."""

from __future__ import annotations

from typing import Any

from rule_of_two.approvals.messages import SessionStatus
from rule_of_two.approvals.roster import Roster, marks
from rule_of_two.model import Tier, labels_in


def status(session: str, held: str = "", **members: Any) -> SessionStatus:
    return SessionStatus(id=session, client="claude", held=labels_in(held), **members)


def roster(**sessions: tuple[SessionStatus, ...]) -> Roster:
    made = Roster()
    for gateway, told in sessions.items():
        made.attach(gateway, Tier.ADVISORY)
        made.tell(gateway, told)
    return made


def test_a_session_of_two_gateways_is_one_row_with_all_that_either_says() -> None:
    made = roster(
        g1=(status("s-1", "A", dropped=True, turned_away=2),), g2=(status("s-1", "B", frozen=True, turned_away=3),)
    )
    (row,) = made.rows
    assert row.status == status("s-1", "AB", dropped=True, frozen=True, turned_away=5)
    assert made.turned_away("s-1") == 5
    assert made.turned_away("s-2") == 0


def test_the_choice_stays_with_its_session_whatever_comes_before_it() -> None:
    made = roster(g1=(status("s-1"), status("s-2")))
    made.step(1)
    made.tell("g1", (status("s-0"), status("s-1"), status("s-2"), status("s-3")))
    assert made.chosen is not None
    assert made.chosen.status.id == "s-2"
    made.tell("g1", (status("s-0"),))
    assert made.chosen.status.id == "s-0"


def test_choosing_goes_round() -> None:
    made = roster(g1=(status("s-1"), status("s-2")))
    seen = []
    for step in (1, 1, -1):
        made.step(step)
        assert made.chosen is not None
        seen.append(made.chosen.status.id)
    assert seen == ["s-2", "s-1", "s-2"]


def test_without_sessions_nothing_is_chosen() -> None:
    made = roster(g1=())
    made.step(1)
    made.choose(3)
    assert made.chosen is None


def test_a_gateway_that_goes_takes_its_sessions_along_and_only_those() -> None:
    made = roster(g1=(status("s-1"),), g2=(status("s-2"),))
    made.detach("g1")
    assert [row.status.id for row in made.rows] == ["s-2"]
    assert list(made.tiers) == ["g2"]


def test_what_a_gateway_says_that_never_said_hello_is_not_listed() -> None:
    made = Roster()
    made.tell("g1", (status("s-1"),))
    assert made.rows == ()


def test_marks_say_in_words_what_a_session_is() -> None:
    assert marks(status("s")) == []
    told = marks(status("s", frozen=True, dropped=True, observed=True, turned_away=31))
    assert told == ["frozen", "C dropped", "observed only", "31 more questions refused unshown"]
