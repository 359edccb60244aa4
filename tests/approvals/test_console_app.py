"""The console's keys, in Textual's own terminal, against a real desk on a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from textual.dom import DOMNode
from textual.geometry import Size
from textual.pilot import Pilot
from textual.widget import Widget

from rule_of_two.approvals.answer import Unanswered
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.console_app import ConsoleApp
from rule_of_two.approvals.console_widgets import Paper
from rule_of_two.approvals.judge import Endorser, Settler
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.approvals.messages import PROTOCOL, Asked, GatewayHello
from rule_of_two.approvals.question import Question
from rule_of_two.approvals.signer import Signer
from rule_of_two.model import Target, Tier
from tests.approvals.consoles import SECONDS, Clocks, Room, a_fresh_question, room, status
from tests.approvals.samples import LETTER, Lenient

KEY = ApproverKey.generate()


class Screen:
    """A running console, and what is on its screen."""

    def __init__(self, app: ConsoleApp, pilot: Pilot[None], clocks: Clocks) -> None:
        self.app = app
        self.pilot = pilot
        self.clocks = clocks

    def text(self) -> str:
        return "\n".join(
            "".join(segment.text for segment in strip) for strip in self.app.screen._compositor.render_strips()
        )

    def said(self) -> str:
        """The screen without its line breaks."""
        return " ".join(self.text().replace("┊", " ").split())

    async def until(self, condition: Callable[[], object]) -> str:
        """Let the console run until it is so."""
        with anyio.move_on_after(SECONDS) as waiting:
            while not condition():
                await self.pilot.pause()
        assert not waiting.cancelled_caught, self.text()
        return self.text()

    async def shows(self, words: str) -> str:
        return await self.until(lambda: words in self.said() or words in self.text())

    async def press(self, *keys: str) -> None:
        """Press keys at once."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def settled(self, *keys: str) -> None:
        """Press each key after the human has had time to read."""
        for key in keys:
            await self.pilot.pause()
            self.clocks.seconds += 1
            await self.press(key)


@asynccontextmanager
async def console(
    state: Path,
    *,
    clocks: Clocks | None = None,
    size: tuple[int, int] = (80, 24),
    approver: str = "alice",
    key: ApproverKey | None = KEY,
) -> AsyncIterator[Screen]:
    clocks = clocks or Clocks()
    app = ConsoleApp(state, Signer(approver, key), now=clocks.now, monotonic=clocks.monotonic)
    async with app.run_test(size=size) as pilot:
        yield Screen(app, pilot, clocks)


@asynccontextmanager
async def scene(
    state: Path,
    *,
    size: tuple[int, int] = (80, 24),
    tier: Tier = Tier.SIGNED,
    key: ApproverKey | None = KEY,
    endorser: Endorser | None = None,
    settler: Settler | None = None,
) -> AsyncIterator[tuple[Room, Screen]]:
    """A gateway and a console that is attached to it, with the same clocks."""
    async with AsyncExitStack() as stack:
        clocks = Clocks()
        judge = Lenient(tier)
        gateway = await stack.enter_async_context(
            room(state, judge=judge, clock=clocks.now, endorser=endorser, settler=settler)
        )
        screen = await stack.enter_async_context(console(state, clocks=clocks, size=size, key=key))
        await screen.until(lambda: screen.app.board.roster.tiers)
        yield gateway, screen


async def asked(gateway: Room, screen: Screen, **members: object) -> Question:
    """A question that is on screen."""
    question = await gateway.ask(a_fresh_question(screen.clocks.now(), **members))  # type: ignore[arg-type]  # passed on
    await screen.shows("The agent wants to")
    return question


async def test_the_empty_console_says_that_it_waits_and_for_what(state: Path) -> None:
    async with console(state) as screen:
        await screen.shows("Nothing to decide.")
        assert f"No gateway is running on {state}" in screen.said()
        async with room(state):
            await screen.shows("A question appears here at once")
            assert "1 gateway " in screen.text()


@pytest.mark.parametrize(
    ("keys", "choice"),
    [
        ("y", Choice.YES),
        ("n", Choice.NO),
        ("f", Choice.FREEZE),
        ("dd", Choice.DROP),
        ("ss", Choice.NEW),
        ("gg", Choice.GRANT),
    ],
)
async def test_each_key_gives_its_signed_answer_to_exactly_the_question_on_screen(
    state: Path, keys: str, choice: Choice
) -> None:
    async with scene(state) as (gateway, screen):
        question = await asked(gateway, screen)
        for part in ("mallory@evil.example", "Alice, 93000↵", "127.0.0.1:8000", "salaries.csv", "@invariant"):
            assert part in screen.text()
        await screen.settled(*keys)
        answer = await gateway.answered(question)
        assert (answer.verdict, answer.digest, answer.approver) == (choice, question.digest, "alice")
        assert answer.signature is not None
        assert KEY.public.verifies(answer.signature, answer.statement)
        await screen.shows("Nothing to decide.")
        assert "by alice (signed)." in screen.said()


async def test_the_keys_that_a_question_does_not_offer_are_absent_and_explained(state: Path) -> None:
    async with scene(state) as (gateway, screen):
        question = await asked(gateway, screen, offers=(Choice.YES, Choice.NO))
        assert " y once  n no  a args  w why  q quit" in screen.text()
        for key, why in (("d", "'drop C' is not offered"), ("g", "No grant here"), ("s", "'new session' is not")):
            await screen.settled(key)
            await screen.shows(why)
        assert question.id not in gateway.outcomes


async def test_a_grant_shows_its_terms_lets_them_be_changed_and_signs_what_was_shown(state: Path) -> None:
    async with scene(state) as (gateway, screen):
        question = await asked(gateway, screen)
        await screen.settled("g")
        text = await screen.shows("end of the grant")
        for part in ("5 calls, this one included, within 15 minutes", "mail · send_mail", "mallory@evil.example"):
            assert part in text
        await screen.press("up", "up", "left", "plus", "minus")
        await screen.shows("7 calls, this one included, within 10 minutes")
        await screen.press("g")
        assert question.id not in gateway.outcomes, "the new terms had not been read"
        await screen.settled("g")
        grant = (await gateway.answered(question)).grant
        assert grant is not None
        assert (grant.uses, grant.minutes) == (7, 10)
        assert grant.fits(question)


async def test_escape_leaves_the_terms_of_a_grant(state: Path) -> None:
    async with scene(state) as (gateway, screen):
        question = await asked(gateway, screen)
        await screen.settled("g")
        await screen.shows("end of the grant")
        await screen.press("escape")
        await screen.shows("exact arguments")
        await screen.settled("y")
        assert (await gateway.answered(question)).verdict is Choice.YES


async def test_terms_longer_than_the_screen_have_to_be_read_to_their_end(state: Path) -> None:
    targets = tuple(Target("recipient", f"user{number}@{'x' * 60}.test", "") for number in range(30))
    async with scene(state) as (gateway, screen):
        question = await asked(gateway, screen, targets=targets)
        await screen.press("a", "end")
        await screen.shows("end of arguments")
        await screen.press("a")
        await screen.settled("g", "g")
        await screen.shows("Read the terms to their end first.")
        assert question.id not in gateway.outcomes
        await screen.press("end")
        await screen.shows("end of the grant")
        await screen.settled("g")
        assert (await gateway.answered(question)).verdict is Choice.GRANT


async def test_the_second_key_of_a_confirmation_waits_for_it_to_be_read(state: Path) -> None:
    async with scene(state) as (gateway, screen):
        question = await asked(gateway, screen)
        await screen.settled("d")
        await screen.press("d", "d", "d")
        assert "This call carries C, so it is refused" in screen.said()
        assert "only just appeared" in screen.said()
        assert question.id not in gateway.outcomes
        await screen.settled("d")
        assert (await gateway.answered(question)).verdict is Choice.DROP


async def test_race_a_key_for_a_question_that_has_just_changed_is_ignored(state: Path) -> None:
    async with scene(state) as (gateway, screen):
        first = await asked(gateway, screen)
        later = screen.clocks.now() + timedelta(seconds=1)
        second = await gateway.ask(a_fresh_question(later, arguments={**LETTER, "to": "other@x.test"}))
        await screen.shows("1/2")
        await screen.settled()
        screen.clocks.seconds += 1
        gateway.withdraw(first)
        await screen.shows("1/1")
        await screen.press("y", "y", "y")
        assert second.id not in gateway.outcomes
        assert "only just appeared" in screen.said()
        await screen.settled("y")
        assert (await gateway.answered(second)).digest == second.digest


async def test_y_is_off_until_the_end_of_long_arguments_was_on_screen(state: Path) -> None:
    async with scene(state) as (gateway, screen):
        question = await asked(gateway, screen, arguments={**LETTER, "body": "line\n" * 100})
        assert "press a first" in screen.text()
        assert "there is more: press a to read all of it" in screen.text()
        await screen.settled("y")
        await screen.press("a")
        assert "press a first" in screen.text()
        await screen.settled("y")
        assert question.id not in gateway.outcomes
        await screen.press("end")
        await screen.shows("end of arguments")
        await screen.shows("y once")
        await screen.press("a")
        assert "wants to send" in screen.text()
        await screen.settled("y")
        assert (await gateway.answered(question)).verdict is Choice.YES


async def test_n_works_without_reading_to_the_end(state: Path) -> None:
    async with scene(state) as (gateway, screen):
        question = await asked(gateway, screen, arguments={**LETTER, "body": "line\n" * 100})
        await screen.settled("n")
        assert (await gateway.answered(question)).verdict is Choice.NO


async def test_w_shows_why_and_escape_goes_back(state: Path) -> None:
    async with scene(state) as (gateway, screen):
        question = await asked(gateway, screen)
        await screen.press("w")
        assert question.digest in screen.text()
        for _ in range(2):
            await screen.press("escape")
            assert "exact arguments" in screen.text()


async def test_tab_goes_through_the_questions_and_the_list_follows(state: Path) -> None:
    async with scene(state, size=(80, 30)) as (gateway, screen):
        for number in range(6):
            now = screen.clocks.now() + timedelta(seconds=number / 10)
            await gateway.ask(a_fresh_question(now, name=f"tool{number}", session=f"s-{number}"))
        await screen.shows("1/6")
        for number in (2, 3, 4, 5, 6, 1):
            await screen.press("tab")
            assert f"▸ {number}/6 mail · tool{number - 1}" in screen.text()
            assert f"Tool     mail · tool{number - 1}" in screen.text()
        await screen.press("shift+tab")
        assert "▸ 6/6" in screen.text()
        await screen.press("right")
        assert "▸ 1/6" in screen.text()


async def test_q_asks_again_while_calls_wait_and_then_refuses_them(state: Path) -> None:
    async with room(state) as gateway:
        async with console(state) as screen:
            await screen.until(lambda: screen.app.board.roster.tiers)
            question = await asked(gateway, screen)
            await screen.press("q")
            assert "Press q again to leave" in screen.said()
            await screen.press("w", "w", "q")
            assert "Press q again to leave" in screen.said()
            assert question.id not in gateway.outcomes
            await screen.press("q")
        assert await gateway.outcome(question) is Unanswered.CONSOLE_DETACHED


async def test_without_questions_q_leaves_at_once(state: Path) -> None:
    async with console(state) as screen:
        await screen.press("q")
        assert screen.app._exit


async def test_the_header_shows_who_signs_and_sessions_and_counts_what_does_not_fit(state: Path) -> None:
    async with scene(state, size=(140, 24)) as (gateway, screen):
        gateway.desk.audience.publish(0, status(0, "AC", frozen=True))
        gateway.desk.audience.publish(1, status(1, "A", dropped=True))
        text = await screen.shows("claude-code s-1")
        assert "1 gateway  signed by alice (T1) claude-code s-0 [A][ ][C] frozen" in text.splitlines()[0]
        for number in range(2, 12):
            gateway.desk.audience.publish(number, status(number))
        await screen.until(lambda: len(screen.app.board.roster.rows) == 12)
        await screen.until(lambda: "  +" in screen.text().splitlines()[0])


@pytest.mark.parametrize("size", [(50, 12), (80, 24)])
@pytest.mark.parametrize(
    ("key", "tier", "said"),
    [
        (None, Tier.ADVISORY, "unsigned, advisory"),
        (None, Tier.SIGNED, "unsigned, advisory"),
        (KEY, Tier.ADVISORY, "signed by alice, advisory (T0)"),
        (KEY, Tier.SIGNED, "signed by alice (T1)"),
    ],
)
async def test_the_header_says_all_the_time_what_an_answer_is_worth(
    state: Path, key: ApproverKey | None, tier: Tier, said: str, size: tuple[int, int]
) -> None:
    async with scene(state, size=size, key=key, tier=tier) as (gateway, screen):
        await screen.until(lambda: said in screen.text().splitlines()[0])
        await asked(gateway, screen, tier=tier)
        assert said in screen.text().splitlines()[0]
        await screen.press("w")
        assert said in screen.text().splitlines()[0]


async def test_a_key_that_the_gateway_does_not_ask_for_is_told_with_the_question(state: Path) -> None:
    async with scene(state, tier=Tier.ADVISORY) as (gateway, screen):
        await asked(gateway, screen, tier=Tier.ADVISORY)
        assert "no approver is enrolled at this gateway: your answer is advisory" in screen.said()


async def test_sessions_are_listed_and_a_key_is_done_to_the_marked_one_after_a_second_one(state: Path) -> None:
    async with scene(state) as (gateway, screen):
        for number in range(1, 4):
            gateway.desk.audience.publish(number, status(number))
        await screen.shows("3/3 [A][B][ ] s-3")
        for key, choice, told in (
            ("d", Choice.DROP, "Done: session s-2 has given up C."),
            ("f", Choice.FREEZE, "Done: session s-2 is frozen."),
            ("s", Choice.NEW, "A new session has begun, and it holds nothing: s-new."),
        ):
            while "▸  2/3" not in screen.text():
                await screen.press("down")
            before = len(gateway.judge.commands)
            await screen.settled(key)
            assert len(gateway.judge.commands) == before, "nothing yet"
            await screen.shows("s-2?")
            await screen.settled(key)
            await screen.shows(told)
            command = gateway.judge.commands[-1]
            assert (command.session, command.choice, command.approver) == ("s-2", choice, "alice")
            assert command.signature is not None
            assert KEY.public.verifies(command.signature, command.statement)
        assert len(gateway.judge.commands) == 3


async def test_l_shows_the_sessions_while_a_question_waits_and_comes_back(state: Path) -> None:
    async with scene(state) as (gateway, screen):
        gateway.desk.audience.publish(1, status(1, "AB", turned_away=0))
        gateway.desk.audience.turned_away("s-1")
        question = await asked(gateway, screen)
        await screen.press("l")
        await screen.shows("1/1 [A][B][ ] s-1")
        assert "1 more questions refused unshown" in screen.said()
        await screen.settled("y")
        assert "none is on screen" in screen.said()
        await screen.press("l")
        await screen.shows("exact arguments")
        await screen.settled("n")
        assert (await gateway.answered(question)).verdict is Choice.NO


async def test_hundreds_of_sessions_scroll_with_the_mark(state: Path) -> None:
    async with scene(state) as (gateway, screen):
        for number in range(300):
            gateway.desk.audience.publish(number, status(number))
        await screen.shows("▸  1/300")
        await screen.press("up")
        await screen.shows("▸300/300")
        assert "s-299" in screen.text()


async def test_how_a_question_stands_is_told(state: Path) -> None:
    async with scene(state) as (gateway, screen):
        question = await asked(gateway, screen, needs=2)
        assert "needs 2 approvers; nobody has said yes yet" in screen.said()
        await screen.settled("y")
        await screen.shows("needs 2 approvers; alice said yes")
        assert question.id not in gateway.outcomes
        again = a_fresh_question(screen.clocks.now())
        assert again.fingerprint == question.fingerprint
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(gateway.desk.ask, again, 60.0)
            await screen.shows("asked 2 times; a yes is for one of these calls")
            tasks.cancel_scope.cancel()


async def test_a_question_whose_agent_got_a_ticket_says_that_a_yes_waits(state: Path) -> None:
    async with scene(state) as (gateway, screen):
        await gateway.ask(a_fresh_question(screen.clocks.now()), seconds=0.01)
        await screen.shows("a yes waits until it repeats the call")


@pytest.mark.parametrize("size", [(60, 18), (100, 40), (50, 12)])
async def test_after_a_resize_the_question_still_reads(state: Path, size: tuple[int, int]) -> None:
    async with scene(state) as (gateway, screen):
        await asked(gateway, screen)
        await screen.pilot.resize_terminal(*size)
        await screen.until(lambda: len(screen.text().splitlines()) == size[1])
        text = await screen.shows("wants to send")
        assert max(len(line) for line in text.splitlines()) <= size[0]
        assert "q quit" in text
        assert "mallory@evil.example" in text


@pytest.mark.parametrize("size", [(49, 24), (80, 11)])
async def test_on_a_terminal_too_small_to_read_on_nobody_can_say_yes_and_anybody_no(
    state: Path, size: tuple[int, int]
) -> None:
    async with scene(state, size=size) as (gateway, screen):
        question = await asked(gateway, screen, arguments={})
        for key in "ydgs":
            await screen.settled(key)
            await screen.shows("Make the terminal at least 50 by 12.")
        assert screen.app.board.confirmation.of is None
        assert question.id not in gateway.outcomes
        await screen.settled("n")
        assert (await gateway.answered(question)).verdict is Choice.NO


async def test_what_was_laid_out_for_another_size_is_read_again_before_anybody_says_yes(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scene(state) as (gateway, screen):
        question = await asked(gateway, screen, arguments={})
        with monkeypatch.context() as patch:
            patch.setattr(screen.app, "_terminal", lambda: Size(70, 20))
            patch.setattr(screen.app, "_follow_terminal", lambda: None)
            await screen.settled("y")
            await screen.shows("The terminal has changed its size: look again.")
        assert question.id not in gateway.outcomes
        await screen.settled("y")
        assert (await gateway.answered(question)).verdict is Choice.YES


async def test_scrolling_down_to_the_end_of_the_arguments_counts_as_reading(state: Path) -> None:
    async with scene(state, size=(80, 12)) as (gateway, screen):
        await asked(gateway, screen, arguments={"a": 1, "b": 2, "c": 3, "d": 4})
        await screen.shows("press a first")
        await screen.press("end")
        await screen.until(lambda: "press a first" not in screen.text())
        assert screen.app.query_one(Paper).scroll_offset.y > 0


async def test_new_questions_ring_the_bell(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[int] = []
    monkeypatch.setattr(ConsoleApp, "bell", lambda _: rung.append(1))
    async with scene(state) as (gateway, screen):
        assert not rung
        await asked(gateway, screen)
        assert rung == [1]


async def test_an_answer_to_a_gateway_that_went_away_approves_nothing(state: Path) -> None:
    async with console(state) as screen:
        screen.app._hear("gone", Asked(question=a_fresh_question(screen.clocks.now())))
        await screen.shows("y once")
        await screen.settled("y")
        await screen.shows("so nothing was approved")


async def test_an_expired_question_says_so_and_goes(state: Path) -> None:
    async with scene(state) as (gateway, screen):
        question = await asked(gateway, screen)
        screen.clocks.seconds += 601
        gateway.desk.tidy()
        assert await gateway.outcome(question) is Unanswered.EXPIRED
        await screen.shows("time ran out, so it was refused.")


async def test_what_comes_while_the_console_closes_is_not_drawn(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A screen stays for a moment when its widgets are gone: it showed ``NoMatches: '#header'``."""
    worked_off: list[str] = []
    async with console(state) as screen:
        app, prune = screen.app, screen.app._prune

        async def pruned(*nodes: Widget, parent: DOMNode | None = None) -> None:
            await prune(*nodes, parent=parent)
            app._hear("g1", GatewayHello(protocol=PROTOCOL, gateway="g1"))
            app._hear("g1", Asked(question=a_fresh_question(screen.clocks.now())))
            app._hear("g1", None)
            for late in (app._tick, app.on_resize, app.on_paper_scrolled):
                app.call_later(late)
            app.call_later(worked_off.append, "all")
            while not worked_off and app._exception is None:
                await anyio.lowlevel.checkpoint()

        monkeypatch.setattr(app, "_prune", pruned)
    assert worked_off
