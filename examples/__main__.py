"""Play the examples and print what happens with the gateway and without it: ``python -m examples [NAME ...]``."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import anyio
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from examples.stage import stage
from examples.stories import STORIES, Course, Story, after, before

Played = tuple[Story, Course, Course]


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
                played.append((story, await before(running, story), await after(running, story)))
                progress.advance(task)
    return played


def table(played: Sequence[Played]) -> Table:
    """Both courses of each story, side by side."""
    drawn = Table(show_lines=True)
    for heading in ("example", "without the gateway", "with it"):
        drawn.add_column(heading, ratio=1)
    for story, without, through in played:
        drawn.add_row(f"{story.title}\n[dim]examples/{story.name}", told(story, without), told(story, through))
    return drawn


def told(story: Story, course: Course) -> str:
    """What became of a story's secret, in the words of the table."""
    if course.left:
        return f"[red]“{story.secret}” leaves to {', '.join(course.left)}"
    reached = f"“{story.secret}” {'reaches' if course.reached else 'does not reach'} the agent"
    stopped = "".join(f"\n{one.tool}: {one.outcome}, {one.code}" for one in course.refusals)
    unharmed = "\nwhat leaves is not private" if course.sent and not course.left else ""
    return f"[{'yellow' if course.reached else 'green'}]{reached}[/]{stopped}{unharmed}"


def main() -> int:
    """0: nothing private left through a gateway; 1: something did."""
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
        facts = [{"example": one.name, "without": asdict(first), "with": asdict(then)} for one, first, then in played]
        print(json.dumps(facts, indent=2))
    else:
        Console().print(table(played))
    return int(any(then.left for _, _, then in played))


if __name__ == "__main__":
    sys.exit(main())
