"""Checks what people were asked and what they said: digests, signatures, times, and that nothing was said twice."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct, field

from rule_of_two.audit.asked import Asked, asked
from rule_of_two.audit.findings import Findings, SignedHead
from rule_of_two.audit.recorded import time_of
from rule_of_two.audit.testimony import DROP, ELICITATION, FREEZE, NEW, Said, Standing, Witness
from rule_of_two.store.journal import Entry

CARRIED_OUT_WITHIN: Final = timedelta(seconds=10)
"""Of being said: calls decided between a person's word and the change of the session are already decided."""


class Deed(Struct):
    """What a person did to a session, or said should be done. ``done``: the entry says that it was."""

    number: int
    at: datetime | None
    done: bool = False

    def forbids(self, at: datetime | None) -> bool:
        """Whether what was decided then, after this entry, had to know of it."""
        late = at is None or self.at is None or at - self.at > CARRIED_OUT_WITHIN
        return self.done or late


class People(Struct):
    """Questions, answers, commands and what sessions became by them, as entries come by."""

    witness: Witness
    findings: Findings
    questions: dict[str, Asked] = field(default_factory=dict)
    by_decision: dict[int, Asked] = field(default_factory=dict)
    deeds: dict[tuple[str, str], Deed] = field(default_factory=dict)
    """By session and choice."""
    _commands: set[str] = field(default_factory=set)
    """Ids of commands, of endorsements, and of answers to definitions."""

    def question(self, entry: Entry) -> None:
        """Check a question's entry."""
        body = entry.body
        name = body.get("question")
        one = asked(entry)
        if one is None or not isinstance(name, str):
            self.findings.add(entry, "unreadable", "This question cannot be read.")
            return
        if "joins" in body:
            self._joins(entry, name, one)
            return
        self.findings.counts["questions"] += 1
        if name in self.questions or entry.decision in self.by_decision:
            self.findings.add(entry, "repeated", "This question had been asked before.")
            return
        self.questions[name] = one
        if entry.decision is not None:
            self.by_decision[entry.decision] = one
        if "nonce" not in body:
            self.findings.counts["digests_incomplete"] += 1
        elif body.get("masked") is not False:
            self.findings.counts["digests_masked"] += 1
        elif self.witness.digest({**body, "session": entry.session}) != one.digest:
            self.findings.add(entry, "digest", "The digest of this question is not that of what its entry says.")
        else:
            self.findings.counts["digests"] += 1

    def _joins(self, entry: Entry, name: str, one: Asked) -> None:
        known = self.questions.get(name)
        if known is None or (known.digest, known.session) != (one.digest, one.session):
            self.findings.add(entry, "unknown_question", "It says that a question was asked before that was not.")

    def answer(self, entry: Entry) -> None:
        """Check an answer's entry; it counts for what follows only if nothing is wrong with it."""
        body = entry.body
        if body.get("answer") is None:
            self.findings.counts["unanswered"] += 1
            return
        self.findings.counts["answers"] += 1
        said = self.witness.answer(body["receipt"]) if "receipt" in body else _without_receipt(body)
        if said is None:
            self.findings.add(entry, "unreadable", "The receipt of this answer cannot be read.")
            return
        one = self.questions.get(said.question or "")
        wrong = self._about(entry, body, said, one) or self._signature(said, one)
        if wrong is not None:
            self.findings.add(entry, *wrong)
        elif one is not None:
            one.say(said)
            if said.standing is Standing.SIGNED and said.head is not None:
                self.findings.heads.append(SignedHead(entry.number, *said.head, said.approver))
            if said.choice in (DROP, FREEZE, NEW):
                self._said(entry, said.choice)

    def _about(self, entry: Entry, body: Mapping[str, Any], said: Said, one: Asked | None) -> tuple[str, str] | None:
        """Why an answer is not one to a question that waited."""
        named = (body.get("answer"), body.get("approver"), body.get("question"), body.get("digest"))
        if named != (said.choice, said.approver, said.question, said.digest):
            return "entry_differs", "What this entry says is not what its receipt says."
        if one is None:
            return "unknown_question", "It answers a question that was not asked."
        other_session = entry.session != one.session or said.session not in (None, one.session)
        wrong = (
            (other_session, "other_session", f"It answers a question of another session (#{one.number})."),
            (
                entry.decision != one.decision or said.digest != one.digest,
                "other_call",
                f"It is the answer to something else than what was asked (#{one.number}).",
            ),
            (
                one.was_over(time_of(entry.at)),
                "expired",
                f"It was given after its question (#{one.number}) had expired.",
            ),
            (
                one.ended is not None or said.approver in one.yes,
                "replayed",
                f"Its question (#{one.number}) had been answered: this is a repetition.",
            ),
        )
        return next(((cause, sentence) for so, cause, sentence in wrong if so), None)

    def _signature(self, said: Said, one: Asked | None = None) -> tuple[str, str] | None:
        """Why nobody said it, as far as keys can tell."""
        counts = self.findings.counts
        match said.standing:
            case Standing.FORGED:
                return "bad_signature", f"The signature is not by the key that is enrolled for {said.approver}."
            case Standing.NO_KEY:
                return "unknown_key", f"It is signed in the name of {said.approver} by a key that is not enrolled."
            case Standing.SIGNED:
                counts["signed"] += 1
                return None
        if one is not None and one.signed_only:
            return "unsigned", f"Nobody signed it, and its question (#{one.number}) took signed answers only."
        counts["through_the_client" if said.channel == ELICITATION else "unsigned"] += 1
        return None

    def command(self, entry: Entry) -> None:
        """Check a command's entry."""
        body = entry.body
        said = self.witness.command(body.get("receipt"))
        self.findings.counts["commands"] += 1
        if said is None or said.id is None:
            self.findings.add(entry, "unreadable", "The receipt of this command cannot be read.")
            return
        if (body.get("command"), body.get("by"), entry.session) != (said.choice, said.approver, said.session):
            self.findings.add(entry, "entry_differs", "What this entry says is not what its receipt says.")
        elif said.id in self._commands:
            self.findings.add(entry, "replayed", "This command had been given before: this is a repetition.")
        elif (wrong := self._signature(said)) is not None:
            self.findings.add(entry, *wrong)
        else:
            self._commands.add(said.id)
            self._said(entry, said.choice)

    def endorsement(self, entry: Entry) -> None:
        """Check an endorsement's entry."""
        said = self.witness.endorsement(entry.body.get("receipt"))
        self.findings.counts["endorsements"] += 1
        if said is None or said.id is None:
            self.findings.add(entry, "unreadable", "The receipt of this endorsement cannot be read.")
        elif entry.body.get("by") != said.approver:
            self.findings.add(entry, "entry_differs", "What this entry says is not what its receipt says.")
        elif said.id in self._commands:
            self.findings.add(entry, "replayed", "This endorsement had been given before: this is a repetition.")
        elif (wrong := self._signature(said)) is not None:
            self.findings.add(entry, *wrong)
        else:
            self._commands.add(said.id)

    def definition(self, entry: Entry) -> None:
        """Check the entry of an answer to a definition."""
        if entry.body.get("event") != "answered":
            return
        said = self.witness.definition(entry.body.get("receipt"))
        self.findings.counts["definition_answers"] += 1
        if said is None or said.id is None or said.about is None:
            self.findings.add(entry, "unreadable", "The receipt of this answer to a definition cannot be read.")
        elif (entry.body.get("by"), entry.body.get("verdict"), entry.body.get("upstream")) != (
            said.approver,
            said.choice,
            said.about[1],
        ):
            self.findings.add(entry, "entry_differs", "What this entry says is not what its receipt says.")
        elif said.id in self._commands:
            self.findings.add(entry, "replayed", "This answer had been given before: this is a repetition.")
        elif (wrong := self._signature(said)) is not None:
            self.findings.add(entry, *wrong)
        else:
            self._commands.add(said.id)

    def session(self, entry: Entry) -> None:
        """Note what a session became, and that a clean one began by somebody's word."""
        body = entry.body
        event = body.get("event")
        if event in (DROP, FREEZE) and entry.session is not None:
            self.deeds[entry.session, event] = Deed(entry.number, time_of(entry.at), done=True)
        if event == NEW and self.deeds.pop((str(body.get("instead_of")), NEW), None) is None:
            self.findings.add(entry, "no_word", "A session began in place of another without a person's word for it.")

    def _said(self, entry: Entry, choice: str) -> None:
        if entry.session is not None:
            self.deeds.setdefault((entry.session, choice), Deed(entry.number, time_of(entry.at)))


def _without_receipt(body: Mapping[str, Any]) -> Said | None:
    """An answer of a version that kept no receipts: a claim."""
    texts = [body.get(key) for key in ("answer", "approver", "question")]
    choice, approver, question = (text if isinstance(text, str) else "" for text in texts)
    if not (choice and approver and question):
        return None
    digest = body.get("digest")
    return Said(
        choice,
        approver,
        Standing.UNSIGNED,
        None,
        question=question,
        digest=digest if isinstance(digest, str) else None,
    )
