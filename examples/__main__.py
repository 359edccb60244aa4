"""Play the examples and print what happens with the gateway and without it: ``python -m examples [NAME ...]``."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import anyio
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.rule import Rule
from rich.table import Table

from examples.reason import reason
from examples.stage import stage
from examples.stories import STORIES, Course, Story, after, before


@dataclass(frozen=True, slots=True)
class Played:
    """One story, without a gateway and with it, and why the gateway held back what it did."""

    story: Story
    without: Course
    through: Course
    why: str


async def play(stories: Sequence[Story]) -> list[Played]:
    """Each story without a gateway and with it. How far it is stands on stderr."""
    look = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    progress = Progress(*look, console=Console(stderr=True), transient=True)
    played: list[Played] = []
    with progress, tempfile.TemporaryDirectory() as folder:
        task = progress.add_task("the document server starts", total=len(stories))
        with stage(Path(folder)) as running:
            for story in stories:
                progress.update(task, description=story.title)
                house = running.house(story.name)
                without, through = await before(running, story), await after(running, story, house)
                played.append(Played(story, without, through, await reason(house)))
                progress.advance(task)
    return played


def rows(played: Sequence[Played]) -> Iterator[RenderableType]:
    """Both courses of each story, side by side, and below them why."""
    yield _halves("[bold]without the gateway", "[bold]with it")
    for one in played:
        yield Rule(f"{one.story.title} [dim]examples/{one.story.name}[/]", align="left", style="dim")
        yield _halves(told(one.story, one.without), told(one.story, one.through))
        yield _why(one.why)


def _halves(left: str, right: str) -> Table:
    halves = Table.grid(padding=(0, 1), expand=True)
    halves.add_column(ratio=1)
    halves.add_column(ratio=1)
    halves.add_row(left, right)
    return halves


def _why(text: str) -> Table:
    line = Table.grid(padding=(0, 1))
    line.add_row("[dim]why", f"[dim]{escape(text)}")
    return line


def told(story: Story, course: Course) -> str:
    """What became of a story's secret, in the words of the table."""
    secret = f"“{story.secret}”"
    if course.left:
        return f"[red]{secret} leaves to {', '.join(course.left)}[/]"
    if story.leaks(course):
        return f"[red]{secret} reaches the agent[/]"
    kept = "reaches the agent, and does not leave" if course.reached else "does not reach the agent"
    return f"[green]{secret} {kept}[/]"


def summary(played: Sequence[Played]) -> str:
    """How many leak, in one line."""
    without = sum(one.story.leaks(one.without) for one in played)
    through = sum(one.story.leaks(one.through) for one in played)
    return f"Without the gateway {without} of {len(played)} leak, with it {through or 'none'}."


def status(played: Sequence[Played]) -> int:
    """1 if anything leaked through a gateway."""
    return int(any(one.story.leaks(one.through) for one in played))


def main() -> int:
    """0: nothing leaked through a gateway; 1: something did."""
    parser = argparse.ArgumentParser(
        prog="scripts/examples",
        description="Play the examples, without the gateway and with it.",
        epilog="example: scripts/examples tenants salary-leak",
    )
    names = [story.name for story in STORIES]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(names)} (default: all)")
    parser.add_argument("--json", action="store_true", help="print the courses as JSON")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in names]:
        parser.error(f"no example is named {', '.join(unknown)}; known are {', '.join(names)}")
    played = anyio.run(play, [story for story in STORIES if not options.names or story.name in options.names])
    if options.json:
        facts = [
            {"example": one.story.name, "without": asdict(one.without), "with": asdict(one.through), "why": one.why}
            for one in played
        ]
        print(json.dumps(facts, indent=2))
    else:
        console = Console()
        console.print(*rows(played), Rule(style="dim"), summary(played), sep="\n")
    return status(played)


if __name__ == "__main__":
    sys.exit(main())
