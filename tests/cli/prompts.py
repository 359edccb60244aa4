"""A command of ours in a real pseudo-terminal, spoken to as a person does who answers what is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.terminal import Terminal, terminal


@dataclass
class Prompts(Terminal):
    """A running command that asks questions."""

    answered: int = 0
    """Bytes of its output up to the end of the last question that was answered."""

    def answer(self, question: str, text: str) -> None:
        """Wait until ``question`` is asked, after all that was answered, and type ``text``."""
        asked = question.encode()
        self.when(lambda _: asked in self.output[self.answered :], repr(question))
        self.answered = self.output.index(asked, self.answered) + len(asked)
        self.press(f"{text}\n".encode())


@contextmanager
def prompts(arguments: Sequence[str], environment: Mapping[str, str]) -> Iterator[Prompts]:
    """Start ``rule-of-two`` with ``arguments``."""
    with terminal(arguments, environment) as here:
        yield Prompts(here.process, here.master, here.screen, here.stream)
