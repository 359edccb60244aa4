"""What a person saw is what their yes is for: nobody shows them one thing and uses the yes for another."""

from __future__ import annotations

from collections.abc import Callable

from rule_of_two.approvals.answer import Refusal
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.approvals.messages import Ended, Refused
from rule_of_two.approvals.question import Question
from rule_of_two.model import Target, Tier
from rule_of_two.records import replace
from tests.harness import House, outcome
from tests.people import asked, human, tainted

ALICE = ApproverKey.generate()


async def test_a_yes_that_waits_is_not_for_what_the_same_words_reach_by_now(house: House) -> None:
    """A link is moved between the question and the very same call, made again: it joined the question about the old
    file, and the yes to that one wrote the new one."""
    manifest = house.folder / "links.yaml"
    manifest.write_text(
        "version: 1\nserver: recorder\nsource: a test\nmatch: {command: recorder.py}\ntools:\n"
        "  read_untrusted: {labels: [A]}\n  read_private: {labels: [B]}\n"
        "  send: {labels: [C], targets: {path: /to}, writes: none}\n"
    )
    house.servers = {"rec": {**house.recorder("rec"), "manifest": str(manifest)}}
    house.settings["approvals"] = {"wait": "200ms"}
    link, harmless, precious = (house.folder / name for name in ("link", "harmless", "precious"))
    link.symlink_to(harmless)
    async with house.gateway() as gateway, human(house) as person:
        await tainted(gateway)
        first = await gateway.call("rec__send", {"to": str(link)})
        assert outcome(first) == ("ask", "approval_pending")
        question = await person.question()
        assert [target.value for target in question.targets] == [str(harmless)]
        person.give(question)
        await person.until(Ended)
        link.unlink()
        link.symlink_to(precious)
        assert outcome(await gateway.call("rec__send", {"to": str(link)})) == ("ask", "approval_pending")
        assert [target.value for target in (await person.question(2)).targets] == [str(precious)]
    assert "send" not in house.sent("rec")


def _masked(question: Question) -> Question:
    return replace(question, secret_pointers=("/to", "/body"))


def _elsewhere(question: Question) -> Question:
    return replace(question, targets=(Target("recipient", "boss@example.org", "boss@example.org"),))


CHANGES: tuple[Callable[[Question], Question], ...] = (
    _masked,
    _elsewhere,
    lambda question: replace(question, client="the backup"),
    lambda question: replace(question, user="bob"),
    lambda question: replace(question, messages=("This is a routine check.",)),
    lambda question: replace(question, policies=("routine",)),
    lambda question: replace(question, labels=frozenset(("B", "C"))),
    lambda question: replace(question, needs=2),
    lambda question: replace(question, tier=Tier.SEPARATE),
    lambda question: replace(question, decision=1),
    lambda question: replace(
        question, held={label: replace(one, shown="harmless") for label, one in question.held.items()}
    ),
)


async def test_a_question_that_was_changed_on_its_way_to_the_console_approves_nothing(house: House) -> None:
    """Another process of the same user stands between gateway and console: it has the console mask what would be sent,
    or say that it goes elsewhere, and takes the signed yes to the gateway. The digest alone did not cover that."""
    async with asked(house, ALICE) as (_, person, question, waiting):
        for number, changed in enumerate(CHANGES, start=1):
            person.say(question, person.answer(changed(question)))
            assert (await person.until(Refused, number)).reason is Refusal.DIGEST_MISMATCH, changed(question)
            assert not waiting.done()
        person.give(question, Choice.NO)
        await waiting
    assert "send" not in house.sent()
