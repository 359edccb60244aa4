"""Coverage-guided fuzzing of every parser that reads what somebody else chose, with atheris.

Each parser has a property in scripts/fuzzing: it is total but for its named exceptions, agrees with another reader (the
standard library's JSON, the SDK's functions, a naive reading of the specification), and gives back what was written.
The corpus is kept in .cache/fuzz, so a second run goes on where the first one ended.

Exit codes: 0 nothing was found, 1 something was (the input is saved, and the last lines are shown), 2 wrong usage.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import venv
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from scripts.fuzzing.targets import TARGETS, Target

ROOT: Final = Path(__file__).resolve().parent.parent.parent
CACHE: Final = ROOT / ".cache" / "fuzz"
ATHERIS: Final = "atheris>=3.0,<4"
EXAMPLE: Final = """examples:
  scripts/fuzz --seconds 120                  every parser, two minutes each
  scripts/fuzz --seconds 600 frames door      those two, ten minutes each
  scripts/fuzz --replay .cache/fuzz/findings/frames/crash-0123 frames
"""
_STATUS: Final = re.compile(r"#\d+\s.*?cov: (\d+) .*?corp: (\d+)")
_EXECUTED: Final = re.compile(r"stat::number_of_executed_units:\s+(\d+)")


@dataclass(frozen=True, slots=True)
class Run:
    """What came of fuzzing one parser."""

    name: str
    executions: int
    coverage: int
    corpus: int
    findings: tuple[Path, ...]
    tail: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz, print a table, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="scripts/fuzz", description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parsers", nargs="*", metavar="PARSER", help="which; all of them without any (see --list)")
    parser.add_argument("--seconds", type=int, default=60, help="how long each is fuzzed (default: 60)")
    parser.add_argument("--jobs", type=int, default=1, help="how many at the same time (default: 1)")
    parser.add_argument("--list", action="store_true", help="name the parsers, and the modules that hold them")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run one saved input again, without atheris")
    given = parser.parse_args(arguments)
    names: list[str] = given.parsers or list(TARGETS)
    if unknown := [name for name in names if name not in TARGETS]:
        parser.error(f"there is no parser {unknown[0]!r}; --list names them")
    if given.list:
        for name in names:
            print(f"{name:16} rule_of_two.{TARGETS[name].module}")
        return 0
    if given.replay is not None:
        if len(given.parsers) != 1:
            parser.error("--replay takes exactly one parser")
        TARGETS[names[0]].run(given.replay.read_bytes())
        return 0
    python = _environment()
    with ThreadPoolExecutor(max(given.jobs, 1)) as pool:
        runs = list(pool.map(partial(_fuzz, python, seconds=given.seconds), names))
    _show(runs)
    return 1 if any(run.findings for run in runs) else 0


def _environment() -> Path:
    """The Python of an environment that has atheris besides everything that the project's own has."""
    folder = CACHE / "env"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        print("== environment with atheris (.cache/fuzz/env)", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        own = next(path for path in sys.path if path.endswith("site-packages"))
        here = subprocess.run(
            [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        Path(here.stdout.strip(), "project.pth").write_text(f"import site; site.addsitedir({own!r})\n")
        install = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install", ATHERIS]
        if subprocess.run(install, check=False).returncode:
            sys.exit("atheris could not be installed: it has wheels for Linux only, and builds elsewhere with clang")
        (folder / "ready").touch()
    return python


def _fuzz(python: Path, name: str, *, seconds: int) -> Run:
    """Fuzz one parser in a process of its own."""
    target = TARGETS[name]
    corpus, found, log = CACHE / "corpus" / name, CACHE / "findings" / name, CACHE / f"{name}.log"
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(parents=True, exist_ok=True)
    before = set(found.iterdir())
    _prepare(target, corpus, CACHE / f"{name}.dict")
    options = [
        f"-max_total_time={seconds}", "-max_len=2048", "-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1",
        f"-artifact_prefix={found}/",
    ]  # fmt: skip
    if target.words:
        options.append(f"-dict={CACHE / f'{name}.dict'}")
    command = [str(python), "-m", "scripts.fuzzing.worker", name, *options, str(corpus)]
    with log.open("wb") as file:
        ended = subprocess.run(command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
    text = log.read_text(errors="replace")
    findings = tuple(sorted(set(found.iterdir()) - before))
    if ended and not findings:
        findings = (log,)
    statuses = _STATUS.findall(text) or [("0", "0")]
    executed = _EXECUTED.search(text)
    number = int(executed[1]) if executed else 0
    return Run(name, number, int(statuses[-1][0]), int(statuses[-1][1]), findings, text[-1500:] if ended else "")


def _prepare(target: Target, corpus: Path, words: Path) -> None:
    """The examples, and the words that inputs are made of."""
    for at, seed in enumerate(target.seeds):
        (corpus / f"seed-{at}").write_bytes(seed)
    lines = ["".join(f"\\x{byte:02x}" for byte in word.encode()) for word in target.words if word]
    words.write_text("".join(f'"{line}"\n' for line in lines))


def _show(runs: Sequence[Run]) -> None:
    print(f"{'parser':16} {'executions':>12} {'coverage':>9} {'corpus':>7}  findings")
    for run in runs:
        findings = ", ".join(os.path.relpath(path, ROOT) for path in run.findings) or "none"
        print(f"{run.name:16} {run.executions:12,} {run.coverage:9,} {run.corpus:7,}  {findings}")
    for run in runs:
        if run.findings:
            print(f"\n== {run.name}\n{run.tail}")


if __name__ == "__main__":
    sys.exit(main())
