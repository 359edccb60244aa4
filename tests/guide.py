"""Runs a guide: its files are written, its commands run, and what it shows is what they print.

A block whose info string has a file name (```` ```cedar mail.cedar ````) is that file. In a ``console`` block each line
that begins with ``$ `` is a command, and what follows is what it prints; ``…`` stands for any lines. A command that
does not end with 0 says so in its last line: ``[exit 1]``.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_BLOCK: Final = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_ANY: Final = "…"


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block. ``line`` is where it begins."""

    language: str
    file: str | None
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Step:
    """One command and what the guide shows of it."""

    command: str
    shown: tuple[str, ...]
    line: int


def blocks(guide: Path) -> list[Block]:
    """The fenced blocks of a guide, in order."""
    text = guide.read_text(encoding="utf-8")
    return [
        Block(match[1], match[2], match[3], text.count("\n", 0, match.start()) + 1) for match in _BLOCK.finditer(text)
    ]


def steps(block: Block) -> Iterator[Step]:
    """The commands of a console block."""
    command, line = "", 0
    shown: list[str] = []
    for number, text in enumerate(block.text.splitlines(), start=block.line + 1):
        if text.startswith("$ "):
            if command:
                yield Step(command, tuple(shown), line)
            command, shown, line = text[2:], [], number
        else:
            shown.append(text)
    if command:
        yield Step(command, tuple(shown), line)


def run(guide: Path, folder: Path) -> int:
    """Follow a guide in an empty folder. Returns how many commands ran.

    :raises AssertionError: a block is neither file nor console, or a command printed something else.
    """
    ran = 0
    for block in blocks(guide):
        if block.file is not None:
            path = folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
            continue
        assert block.language == "console", f"{guide.name}:{block.line}: a block that nothing runs"
        for step in steps(block):
            _check(step, folder, guide.name)
            ran += 1
    return ran


def _check(step: Step, folder: Path, name: str) -> None:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "RULE_OF_TWO_CONFIG": str(folder / "rule-of-two.yaml"),
        "RULE_OF_TWO_STATE": str(folder / "state"),
        "COLUMNS": "120",
    }
    done = subprocess.run(
        shlex.split(step.command), cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    printed = (done.stdout + done.stderr).replace(f"{folder}/", "").rstrip().splitlines()
    if done.returncode:
        printed.append(f"[exit {done.returncode}]")
    pattern = "\n".join("(?:.*\n?)*?" if line.strip() == _ANY else re.escape(line.rstrip()) for line in step.shown)
    pattern = pattern.replace("(?:.*\n?)*?\n", "(?:.*\n)*?").rstrip("\n")
    shown = "\n".join(line.rstrip() for line in printed)
    assert re.fullmatch(pattern, shown), f"{name}:{step.line}: `{step.command}` printed\n{shown}"
