"""The recording in the README: a picture of twenty seconds that loads nothing, and shows what the demo shows."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parent.parent
RECORDING = ROOT / "docs" / "demo.svg"
SVG = "{http://www.w3.org/2000/svg}"


def test_it_is_a_picture_of_twenty_seconds_that_runs_and_loads_nothing() -> None:
    text = RECORDING.read_text("utf-8")
    root = ElementTree.fromstring(text)  # noqa: S314  # a file of this repository
    assert "animation:play 20s step-end infinite" in text
    assert "prefers-reduced-motion" in text
    assert {one.tag.removeprefix(SVG) for one in root.iter()} <= {
        "svg",
        "title",
        "style",
        "rect",
        "defs",
        "g",
        "text",
        "use",
    }
    assert set(re.findall(r'(?:href|url)[=(]"?([^")]+)', text)) <= {f"#r{number}" for number in range(1000)}


def test_it_shows_the_story_from_the_page_to_the_reason() -> None:
    root = ElementTree.parse(RECORDING).getroot()  # noqa: S314  # a file of this repository
    shown = " ".join("".join(text.itertext()) for text in root.iter(f"{SVG}text"))
    for words in (
        "reads a wiki page",
        "The gateway holds the call and asks",
        "Stopped by rule-of-two",
        "A new conversation",
    ):
        assert words in shown, words


def test_the_readme_shows_it() -> None:
    assert "(docs/demo.svg)" in (ROOT / "README.md").read_text("utf-8")
