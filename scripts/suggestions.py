"""What `manifest draft` suggests for real servers, against what people wrote in the shipped manifests.

::

    python -m scripts.suggestions            one table
    python -m scripts.suggestions --tools    and every tool for which a suggestion is laxer
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rule_of_two.manifests.drafting.suggest import as_text, suggest
from rule_of_two.manifests.load import load_manifest
from rule_of_two.manifests.offer import Offer
from rule_of_two.model import Labels
from rule_of_two.shipped import shipped
from scripts.surveys import SURVEYS

Verdict = Literal["same", "stricter", "laxer"]


@dataclass(frozen=True, slots=True)
class Compared:
    """One tool: what a person wrote, and what is suggested."""

    server: str
    tool: str
    written: Labels
    suggested: Labels

    @property
    def verdict(self) -> Verdict:
        """Laxer where it lacks any label that the person wrote."""
        if self.suggested == self.written:
            return "same"
        return "stricter" if self.suggested > self.written else "laxer"


def compared() -> Iterator[Compared]:
    """Every tool of every shipped manifest whose server's list is kept."""
    for file in sorted(SURVEYS.glob("*.json")):
        document = load_manifest(shipped("tool_manifests") / f"{file.stem}.yaml")
        for tool in Offer.read(json.loads(file.read_text("utf-8"))).tools:
            spec = document.tools.get(tool.name)
            if spec is not None:
                yield Compared(file.stem, tool.name, spec.labels, suggest(tool).labels)


def main() -> None:
    """Print the table."""
    every = list(compared())
    tally = Counter(one.verdict for one in every)
    pairs = Counter((one.verdict, as_text(one.written), as_text(one.suggested)) for one in every)
    for verdict, number in tally.most_common():
        print(f"{verdict:9} {number:5}  {100 * number / len(every):5.1f} %")
        for (of, written, suggested), count in pairs.most_common():
            if of == verdict:
                print(f"          {count:5}  written {written:9}  suggested {suggested}")
    for one in every if "--tools" in sys.argv else ():
        if one.verdict == "laxer":
            print(f"laxer: {one.server} {one.tool}: {as_text(one.written)}, suggested {as_text(one.suggested)}")


if __name__ == "__main__":
    main()
