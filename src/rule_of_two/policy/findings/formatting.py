"""Policy files as Cedar's own formatter writes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path

import cedarpy

from rule_of_two.policy.findings.finding import Finding
from rule_of_two.policy.load import read_text
from rule_of_two.policy.trees import policy_trees


def formatting_findings(files: Iterable[Path]) -> Iterator[Finding]:
    """The files that differ from what the formatter makes of them, each with the first line that does.

    Files that do not parse are left out: the loader says so.
    """
    for file in files:
        text = read_text(file)
        written = formatted(text)
        if written is None or written == text:
            continue
        pairs = zip_longest(text.splitlines(), written.splitlines())
        line = next((number for number, (old, new) in enumerate(pairs, 1) if old != new), 1)
        yield Finding(
            "format", True, file, line, None, "is not formatted as Cedar's formatter does from here on",
            "run `rule-of-two policy check --fix`",
        )  # fmt: skip


def formatted(text: str) -> str | None:
    """``text`` as the formatter writes it; ``None`` where that is not known to say the same."""
    try:
        written: str = cedarpy.format_policies(text)
        return written if policy_trees(written) == policy_trees(text) else None
    except ValueError:
        return None
