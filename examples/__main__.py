"""Play the examples and print what happens with the gateway and without it: ``python -m examples [NAME ...]``."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import anyio
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
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


def table(played: Sequence[Played]) -> Table:
    """Both courses of each story, side by side."""
    drawn = Table(box=SIMPLE_HEAD, show_lines=False, pad_edge=False)
    for heading, ratio in (("example", 3), ("without the gateway", 3), ("with it", 5)):
        drawn.add_column(heading, ratio=ratio)
    for one in played:
        why = f"\n[dim]{escape(one.why)}" if one.why else ""
        drawn.add_row(
            f"{one.story.title}\n[dim]examples/{one.story.name}",
            told(one.story, one.without),
            f"{told(one.story, one.through)}{why}\n",
        )
    return drawn


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
        console.print(table(played))
        console.print(summary(played))
    return int(any(one.story.leaks(one.through) for one in played))


if __name__ == "__main__":
    sys.exit(main())
