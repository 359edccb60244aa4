"""The demo as a picture that moves: played on a real terminal, each screen that it showed, in twenty seconds.

An SVG with style sheets and no script, so that it plays wherever a picture is shown. What is equal in two screens is
written once.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby, pairwise
from pathlib import Path
from shlex import join
from typing import Any, Final

from scripts.servers import ROOT, installed
from tests.terminal import Terminal, terminal

OUT: Final = ROOT / "docs" / "demo.svg"
SECONDS: Final = 20.0
COLUMNS, LINES = 80, 30
READING: Final = 8.0
"""Seconds that the question stands before it is answered; the longest that any other screen counts is LONGEST."""
LONGEST: Final = 3.0
_ASKED, _GO_ON = "y once", "press a key to go on"
WIDTH, HEIGHT, MARGIN = 8.0, 17.0, 10.0
FOREGROUND, BACKGROUND = "#d8dee9", "#1b1e26"
TITLE: Final = "A poisoned page, a private file, and a mail that would carry it away: a person is asked, and says no."
_FONTS: Final = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"
_COLOURS: Final = {
    "black": "#3b4252", "red": "#e06c75", "green": "#98c379", "brown": "#e5c07b", "blue": "#61afef",
    "magenta": "#c678dd", "cyan": "#56b6c2", "white": "#d8dee9", "brightblack": "#7f848e", "brightred": "#ff7a85",
    "brightgreen": "#b5e890", "brightbrown": "#ffd68a", "brightblue": "#82c4ff", "brightmagenta": "#e0a0f5",
    "brightcyan": "#7fe0ec", "brightwhite": "#ffffff",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """Cells side by side that look the same."""

    column: int
    text: str
    colour: str
    ground: str
    bold: bool


Row = tuple[Run, ...]
Screen = tuple[Row, ...]


def _colour(name: str, default: str) -> str:
    if name == "default":
        return default
    return _COLOURS.get(name, f"#{name}" if len(name) == 6 else default)


def _row(cells: Any) -> Row:
    looks = []
    for column in range(COLUMNS):
        cell = cells[column]
        colour, ground = _colour(cell.fg, FOREGROUND), _colour(cell.bg, BACKGROUND)
        if cell.reverse:
            colour, ground = ground, colour
        looks.append((column, cell.data, (colour, ground, cell.bold)))
    runs = []
    for look, group in groupby(looks, key=lambda one: one[2]):
        cells_ = list(group)
        text = "".join(data for _, data, _ in cells_)
        if text.strip() or look[1] != BACKGROUND:
            runs.append(Run(cells_[0][0], text, *look))
    return tuple(runs)


def _screen(played: Terminal) -> Screen:
    return tuple(_row(played.screen.buffer[line]) for line in range(LINES))


def play() -> list[tuple[float, Screen]]:
    """Each screen of the demo, and when it came, in seconds; the question is answered with no."""
    commands = {name: installed(name) for name in ("filesystem", "fetch")}
    servers = [part for name, found in commands.items() for part in ("--server", f"{name}={join(found or [name])}")]
    screens: list[tuple[float, Screen]] = []
    start = pressed = time.monotonic()
    with terminal(["demo", *servers], size=(COLUMNS, LINES)) as played:
        while played.process.poll() is None:
            played.rest(0.1)
            screen, text, now = _screen(played), played.text(), time.monotonic()
            if not screens or screens[-1][1] != screen:
                screens.append((now - start, screen))
                pressed = now
            key = b"n" if _ASKED in text else b" " if _GO_ON in text else b""
            if key and now - pressed > (READING if key == b"n" else LONGEST):
                played.press(key)
                pressed = now
    return screens


def timed(screens: Sequence[tuple[float, Screen]]) -> list[tuple[float, Screen]]:
    """The same, each with the share of the whole at which it begins, from 0 to 1. Long pauses are cut."""
    gaps = [
        min(after - before, READING if after - before > READING / 2 else LONGEST)
        for (before, _), (after, _) in pairwise(screens)
    ]
    gaps.append(LONGEST)
    whole = sum(gaps)
    shares = [sum(gaps[:place]) / whole for place in range(len(gaps))]
    kept: list[tuple[float, Screen]] = []
    for share, (_, screen) in zip(shares, screens, strict=True):
        if kept and (share - kept[-1][0]) * SECONDS < 0.08:  # faster than anybody sees
            kept[-1] = (kept[-1][0], screen)
        else:
            kept.append((share, screen))
    return kept


def _texts(row: Row) -> Iterator[str]:
    for run in row:
        x = run.column * WIDTH
        if run.ground != BACKGROUND:
            yield f'<rect x="{x:g}" width="{len(run.text) * WIDTH:g}" height="{HEIGHT:g}" fill="{run.ground}"/>'
        text = run.text.rstrip()
        if text:
            bold = ' font-weight="bold"' if run.bold else ""
            length = f' textLength="{len(text) * WIDTH:g}"'
            yield f'<text x="{x:g}" y="{HEIGHT - 4:g}" fill="{run.colour}"{bold}{length}>{escape(text)}</text>'


def picture(screens: Sequence[tuple[float, Screen]]) -> str:
    """The SVG: screens one below the other, of which one at a time is seen."""
    rows = {
        row: f"r{place}" for place, row in enumerate(dict.fromkeys(row for _, one in screens for row in one if row))
    }
    height, width = LINES * HEIGHT, COLUMNS * WIDTH
    steps = "".join(
        f"{share * 100:.3f}%{{transform:translateY({-place * height:g}px)}}" for place, (share, _) in enumerate(screens)
    )
    outer = f"{width + 2 * MARGIN:g}", f"{height + 2 * MARGIN:g}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {" ".join(outer)}" width="{outer[0]}" role="img">',
        f"<title>{TITLE}</title>",
        f"<style>text{{font:13.3px {_FONTS};white-space:pre}}",
        f"@keyframes play{{{steps}to{{transform:translateY({-(len(screens) - 1) * height:g}px)}}}}",
        f".play{{animation:play {SECONDS:g}s step-end infinite}}",
        f"@media(prefers-reduced-motion){{.play{{animation-play-state:paused;animation-delay:-{SECONDS / 2:g}s}}}}",
        "</style>",
        f'<rect width="100%" height="100%" rx="6" fill="{BACKGROUND}"/>',
        "<defs>",
        *(f'<g id="{name}">{"".join(_texts(row))}</g>' for row, name in rows.items()),
        "</defs>",
        f'<svg x="{MARGIN:g}" y="{MARGIN:g}" width="{width:g}" height="{height:g}"><g class="play">',
    ]
    for place, (_, screen) in enumerate(screens):
        used = (f'<use href="#{rows[row]}" y="{line * HEIGHT:g}"/>' for line, row in enumerate(screen) if row)
        parts.append(f'<g transform="translate(0 {place * height:g})">{"".join(used)}</g>')
    return "\n".join([*parts, "</g></svg>", "</svg>", ""])


def main(out: Path = OUT) -> None:
    """Record the demo."""
    screens = timed(play())
    out.write_text(picture(screens), "utf-8")
    print(
        f"recording: {len(screens)} screens, {out.stat().st_size // 1024} KB in {out.relative_to(ROOT)}",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
