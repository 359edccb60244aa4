"""What the sections share: the contenders as they run before the thin echo server, and where a run writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from scripts.bench.client import PipeClient
from scripts.bench.contenders import DIRECT, Contender, Environments, Scratch, echo_thin, others, variants
from scripts.bench.report import Section
from scripts.bench.rounds import progress, start

TEXT: Final = "The quick brown fox jumps over the lazy dog. 0123456789 The quick brown fox jumps over the lazy dog."
"""What is echoed where size does not matter: 100 bytes."""
TOOLS: Final = "echo,echo_a,echo_b,echo_path"
_WARM_UP: Final = 100


class Unmeasurable(Exception):
    """A section has nothing to compare with."""


@dataclass(slots=True)
class Running:
    """A contender that has answered its first list."""

    contender: Contender
    client: PipeClient
    listed_bytes: int
    """Its memory when it had answered that list."""
    calls: int = 0

    @property
    def name(self) -> str:
        """The contender's name."""
        return self.contender.name

    def burst(self, count: int, text: str = TEXT) -> list[int]:
        """Nanoseconds of ``count`` calls, one after the other."""
        arguments = {**self.contender.arguments, "text": text}
        self.calls += count
        return [self.client.call(self.contender.tool, arguments) for _ in range(count)]


@dataclass(slots=True)
class Setting:
    """One run. Contenders start when a section first wants them, and stay until the run ends."""

    scratch: Scratch
    environments: Environments
    quick: bool
    calls: int
    """How long the session of ``flatness`` is."""
    _running: dict[str, Running] = field(default_factory=dict)

    @property
    def warm(self) -> bool:
        """Whether everybody has been started before, so that the system's caches are filled."""
        return bool(self._running)

    def contenders(self) -> list[Contender]:
        """All that stand between pipes, in the order in which they run."""
        found = others(self.scratch, self.environments)
        place = next(number for number, one in enumerate(found) if one.name.startswith("rule-of-two")) + 1
        return [*found[:place], *variants(self.scratch), *found[place:]]

    def start(self, contender: Contender, upstream: Sequence[str]) -> Running:
        """Start a contender before an upstream.

        :raises Failed: it did not answer its first list.
        """
        client = PipeClient.ready(contender.command(upstream), log=self.scratch.new("log"))
        return Running(contender, client, client.resident_bytes())

    def line_up(self, section: Section) -> list[Running]:
        """All contenders before the thin echo server, warm. Who cannot start is in ``section.failed``.

        :raises Unmeasurable: not even the echo server itself runs.
        """

        def ready(contender: Contender) -> Running:
            running = self._running.get(contender.name)
            if running is None:
                progress(f"starting {contender.name}")
                running = self.start(contender, echo_thin("--tools", TOOLS))
                self._running[contender.name] = running
                running.burst(_WARM_UP)
            return running

        found = list(start(self.contenders(), ready, section.failed).values())
        self.end(section.failed)
        if not found or found[0].name != DIRECT:
            raise Unmeasurable(section.failed.get(DIRECT, "the echo server does not run"))
        return found

    def end(self, failed: Mapping[str, str]) -> None:
        """End who failed, so that the next section finds them anew."""
        for name in failed:
            if running := self._running.pop(name, None):
                running.client.close()

    def close(self) -> None:
        """End everybody."""
        for running in self._running.values():
            running.client.close()
        self._running.clear()
