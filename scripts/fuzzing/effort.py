"""How hard tests try: `RULE_OF_TWO_FUZZ=20 pytest -k fuzz` tries twenty times as many examples as usual."""

from __future__ import annotations

import os
from typing import Final

FACTOR: Final = float(os.environ.get("RULE_OF_TWO_FUZZ", "1"))


def examples(usual: int) -> int:
    """How many examples to try of a property that is usually tried so often."""
    return max(int(usual * FACTOR), 1)


def seconds(usual: float) -> float:
    """How long a test may take that usually takes at most so long."""
    return usual * max(FACTOR, 1)
