"""Fuzz one parser, guided by coverage, until a time is over or something is found. Started by `scripts/fuzz`.

Usage: python -m scripts.fuzzing.worker PARSER [libFuzzer arguments …]
"""

from __future__ import annotations

import importlib
import logging
import sys
import warnings
from typing import Any


def main() -> None:
    """Instrument the project, and give libFuzzer one property."""
    atheris: Any = importlib.import_module("atheris")  # stands only in the environment of `scripts/fuzz`
    logging.disable(logging.CRITICAL)  # what a parser logs is no finding
    warnings.simplefilter("error")
    atheris.enabled_hooks.add("str")
    with atheris.instrument_imports(include=["rule_of_two", "scripts.fuzzing"]):
        targets = importlib.import_module("scripts.fuzzing.targets").TARGETS
    target = targets[sys.argv.pop(1)]
    for seed in target.seeds:
        target.run(seed)
    atheris.Setup(sys.argv, target.run)
    atheris.Fuzz()


main()
