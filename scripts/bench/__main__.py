"""``scripts/benchmark``: everything in one interleaved run. It reports and asserts nothing."""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from scripts.bench.client import Failed
from scripts.bench.contenders import Environments, Scratch
from scripts.bench.processes import machine
from scripts.bench.report import Section
from scripts.bench.rounds import progress
from scripts.bench.sections import (
    decisions,
    flatness,
    http,
    items,
    journal,
    latency,
    memory,
    mounted,
    payloads,
    startup,
    throughput,
    upstreams,
)
from scripts.bench.setting import Setting, Unmeasurable

SECTIONS: Final[Mapping[str, Callable[[Setting], Section]]] = {
    "decisions": decisions.run,
    "items": items.run,
    "journal": journal.run,
    "latency": latency.run,
    "throughput": throughput.run,
    "startup": startup.run,
    "memory": memory.run,
    "flatness": flatness.run,
    "mounted": mounted.run,
    "upstreams": upstreams.run,
    "http": http.run,
    "payloads": payloads.run,  # last: large messages leave large processes behind
}
FOLDER: Final = Path(".cache/benchmark")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the sections and print them. Returns the exit code: 1 when a section could not be measured at all."""
    parser = argparse.ArgumentParser(prog="scripts/benchmark", description="Measure, and assert nothing.")
    parser.add_argument("--quick", action="store_true", help="a first look: about a minute on a quiet machine")
    parser.add_argument("--json", action="store_true", help="print JSON, for scripts")
    parser.add_argument("--only", action="append", choices=SECTIONS, metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument(
        "--calls", type=_calls, help="how long the session of `flatness` is (default: 10000, quick 5000)"
    )
    options = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left behind
    gc.disable()  # not in the measured times; what is made here has no cycles
    os.environ["PYTHONWARNINGS"] = "ignore"
    FOLDER.mkdir(parents=True, exist_ok=True)
    environments = Environments(FOLDER.resolve())
    sections: list[Section] = []
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=FOLDER, prefix="run-") as folder:
        setting = Setting(
            Scratch(Path(folder).resolve()),
            environments,
            options.quick,
            options.calls or (5_000 if options.quick else 10_000),
        )
        about = {**machine(), "python": platform.python_version(), **_versions(environments)}
        if not options.json:
            print(", ".join(f"{name} {value}" for name, value in about.items()))
        try:
            for name, run in SECTIONS.items():
                if options.only is None or name in options.only:
                    sections.append(_section(name, run, setting))
                    if not options.json:
                        print(sections[-1].as_text(), flush=True)
        finally:
            setting.close()
    seconds = time.monotonic() - started
    if options.json:
        print(json.dumps({"machine": about, "seconds": seconds, "sections": {s.name: s.as_json() for s in sections}}))
    else:
        missed = sum(not target.reached for section in sections for target in section.targets)
        total = sum(len(section.targets) for section in sections)
        print(f"\n{total - missed} of {total} targets reached, in {seconds:.0f} s")
    return 0 if all(section.rows for section in sections) else 1


def _calls(text: str) -> int:
    number = int(text)
    if number < 1_000:
        raise argparse.ArgumentTypeError("a session of fewer than 1000 calls shows nothing")
    return number


def _section(name: str, run: Callable[[Setting], Section], setting: Setting) -> Section:
    started = time.monotonic()
    try:
        section = run(setting)
    except (Failed, Unmeasurable) as error:
        section = Section(name, name, (), failed={name: str(error)})
    progress(f"{name}: done in {time.monotonic() - started:.0f} s")
    return section


def _versions(environments: Environments) -> dict[str, str]:
    found = {"mcp": version("mcp")}
    for name in ("fastmcp", "mcp-proxy"):
        code = f"from importlib.metadata import version; print(version({name!r}))"
        try:
            python = environments.program(name, "python")
        except Failed:
            continue
        result = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
        found[name] = result.stdout.strip() or "?"
    return found


if __name__ == "__main__":
    sys.exit(main())
