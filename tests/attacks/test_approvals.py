"""Approvals over the real channel: one yes, one exact call, once; nothing else approves anything."""

from __future__ import annotations

from rule_of_two.approvals.answer import Refusal
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.messages import Ended, Refused
from tests.attacks.puppets import new_session
from tests.harness import DECISION, House, outcome
from tests.people import SEND, human, tainted


async def test_a_yes_lets_exactly_that_call_pass_once(house: House) -> None:
    async with house.gateway() as gateway, human(house) as person:
        await tainted(gateway)
        waiting = gateway.start("tools/call", SEND)
        question = await person.question()
        assert question.arguments == SEND["arguments"]
        assert {label: origin.name for label, origin in question.held.items()} == {
            "A": "rec__read_untrusted",
            "B": "rec__read_private",
        }
        assert house.sent() == ["read_untrusted", "read_private"]
        person.give(question)
        result = (await waiting)["result"]
        assert outcome(result) == ("allow", None)
        assert house.sent()[-1] == "send"
        again = gateway.start("tools/call", SEND)
        second = await person.question(2)
        assert second.digest != question.digest
        person.give(second, Choice.NO)
        assert outcome((await again)["result"]) == ("deny", "approval_denied")
    assert house.sent().count("send") == 1
    kinds = [entry["kind"] for entry in house.journal() if entry["kind"] in {"question", "answer"}]
    assert kinds == ["question", "answer", "question", "answer"]


async def test_a_read_that_completes_the_set_can_be_approved_too(house: House) -> None:
    async with house.gateway() as gateway, human(house) as person:
        await gateway.call("rec__private_send")
        waiting = gateway.start("resources/read", {"uri": "note://a"})
        person.give(await person.question())
        assert (await waiting)["result"]["_meta"][DECISION]["outcome"] == "allow"
        assert house.held() == {"A", "B", "C"}


async def test_a_replayed_answer_approves_nothing(house: House) -> None:
    async with house.gateway() as gateway, human(house) as person:
        await tainted(gateway)
        first = gateway.start("tools/call", SEND)
        question = await person.question()
        person.give(question)
        await first
        second = gateway.start("tools/call", SEND)
        await person.question(2)
        person.give(question)
        refused: Refused = await person.until(Refused)
        assert refused.reason is Refusal.ALREADY_ENDED
        assert not second.done()
        person.give(await person.question(2), Choice.NO)
        assert outcome((await second)["result"]) == ("deny", "approval_denied")
    assert house.sent().count("send") == 1


async def test_an_answer_to_other_bytes_approves_nothing(house: House) -> None:
    """One byte of the digest changed, as if another text had been shown."""
    async with house.gateway() as gateway, human(house) as person:
        await tainted(gateway)
        waiting = gateway.start("tools/call", SEND)
        question = await person.question()
        flipped = ("1" if question.digest[0] == "0" else "0") + question.digest[1:]
        person.give(question, digest=flipped)
        refused: Refused = await person.until(Refused)
        assert refused.reason is Refusal.DIGEST_MISMATCH
        assert not waiting.done()
        person.give(question, Choice.NO)
        await waiting
    assert "send" not in house.sent()


async def test_an_answer_after_expiry_approves_nothing(house: House) -> None:
    house.settings["approvals"] = {"wait": "300ms", "pending": "300ms"}
    async with house.gateway() as gateway, human(house) as person:
        await tainted(gateway)
        waiting = gateway.start("tools/call", SEND)
        question = await person.question()
        assert outcome((await waiting)["result"]) == ("ask", "approval_expired")
        person.give(question)
        refused: Refused = await person.until(Refused)
        assert refused.reason is Refusal.EXPIRED
    assert "send" not in house.sent()


async def test_an_answer_for_another_call_approves_nothing(house: House) -> None:
    async with house.gateway() as gateway, human(house) as person:
        await tainted(gateway)
        harmless = gateway.start("tools/call", SEND)
        question = await person.question()
        evil = gateway.start("tools/call", {"name": "rec__send", "arguments": {"to": "eve@evil.example"}})
        second = await person.question(2)
        person.give(second, digest=question.digest)
        assert (await person.until(Refused)).reason is Refusal.DIGEST_MISMATCH
        person.give(question)
        assert outcome((await harmless)["result"]) == ("allow", None)
        assert not evil.done()
        # The session holds [C] now: what was asked about the second call no longer describes it, so it is asked anew.
        person.give(second)
        third = await person.question(3)
        assert set(third.held) == {"A", "B", "C"}
        person.give(third, Choice.NO)
        assert outcome((await evil)["result"]) == ("deny", "approval_denied")
    sent = [message["params"]["arguments"] for message in house.messages() if message["method"] == "tools/call"]
    assert {"to": "eve@evil.example"} not in sent


async def test_a_label_that_comes_while_the_question_is_read_asks_anew(house: House) -> None:
    """Approved with [B][C] shown; meanwhile the session read a poisoned page."""
    async with house.gateway() as gateway, human(house) as person:
        await gateway.call("rec__read_private")
        waiting = gateway.start("tools/call", {"name": "rec__everything_at_once", "arguments": {}})
        first = await person.question()
        assert set(first.held) == {"B"}
        await gateway.call("rec__read_untrusted")
        person.give(first)
        second = await person.question(2)
        assert set(second.held) == {"A", "B"}
        assert "everything_at_once" not in house.sent()
        person.give(second)
        assert outcome((await waiting)["result"]) == ("allow", None)


async def test_a_session_that_never_stays_still_is_refused_in_the_end(house: House) -> None:
    async with house.gateway() as gateway, human(house) as person:
        waiting = gateway.start("tools/call", {"name": "rec__mystery", "arguments": {}})
        for count, name in enumerate(("rec__read_untrusted", "rec__read_private"), 1):
            question = await person.question(count)
            await gateway.call(name)
            person.give(question)
        person.give(await person.question(3), Choice.NO)
        assert outcome((await waiting)["result"]) == ("deny", "approval_denied")
    assert "mystery" not in house.sent()


async def test_a_call_cancelled_while_it_waits_withdraws_its_question(house: House) -> None:
    async with house.gateway() as gateway, human(house) as person:
        await tainted(gateway)
        gateway.start("tools/call", SEND)
        question = await person.question()
        await gateway.notify("notifications/cancelled", {"requestId": gateway.last_id})
        ended: Ended = await person.until(Ended)
        assert ended.question_id == question.id
        person.give(question)
        assert (await person.until(Refused)).reason is Refusal.ALREADY_ENDED
    assert "send" not in house.sent()


async def test_a_definition_that_changes_while_the_question_is_read_is_not_called(house: House) -> None:
    async with house.gateway() as gateway, human(house) as person:
        await tainted(gateway)
        waiting = gateway.start("tools/call", SEND)
        question = await person.question()
        await gateway.call("rec__change_send")
        await gateway.request("tools/list")
        person.give(question)
        assert outcome((await waiting)["result"]) == ("deny", "definition_changed")
    assert "send" not in house.sent()


async def test_the_last_console_going_away_refuses_what_waits(house: House) -> None:
    async with house.gateway() as gateway:
        async with human(house) as person:
            await tainted(gateway)
            waiting = gateway.start("tools/call", SEND)
            await person.question()
        assert outcome((await waiting)["result"]) == ("ask", "approval_required")
        assert outcome(await gateway.call("rec__send")) == ("ask", "approval_required")
    assert "send" not in house.sent()


async def test_a_session_where_nobody_ever_answers_is_denied_by_policy_even_with_a_console(house: House) -> None:
    house.settings["approvals"] = {"unattended": "deny"}
    async with house.gateway() as gateway, human(house):
        await tainted(gateway)
        assert outcome(await gateway.call("rec__send")) == ("deny", "denied_by_policy")
    assert "send" not in house.sent()


async def test_a_new_session_does_not_take_over_a_call_that_waited_in_the_old_one(house: House) -> None:
    """The call's arguments were made in the old, tainted context: a clean record must not launder them."""
    async with house.gateway() as gateway, human(house) as person:
        await tainted(gateway)
        waiting = gateway.start("tools/call", SEND)
        question = await person.question()
        await new_session(house, question.session)
        person.give(question)
        assert outcome((await waiting)["result"]) == ("ask", "approval_expired")
        assert outcome(await gateway.call("rec__send")) == ("allow", None)
    assert house.sent() == ["read_untrusted", "read_private", "send"]
