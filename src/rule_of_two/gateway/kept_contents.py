"""What the journal keeps of the contents that are handed over, where the operator wants it (``audit.contents``)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from msgspec import Struct

from rule_of_two.approvals.masks import Masks
from rule_of_two.gateway.flight import Call
from rule_of_two.gateway.released import Released
from rule_of_two.wire.frames import dump

MOST_OF_ITEM: Final = 4096
MOST_OF_RESULT: Final = 64 * 1024
"""Characters that are kept. What is left out is counted."""


class KeptContents(Struct, frozen=True):
    """Texts as they may be written down. ``secrets`` are the operator's, hidden by value, as are those of arguments."""

    secrets: Sequence[str]

    def of(self, call: Call, released: Released) -> list[dict[str, Any]]:
        """The text of each item that is handed over, in order, or of a whole result that has none. What is beyond
        :data:`MOST_OF_RESULT` together is counted in the last of them."""
        escaped = [json.dumps(one, ensure_ascii=False)[1:-1] for one in self.secrets]
        masks = Masks(call.arguments, call.secret_pointers, (*self.secrets, *escaped))
        texts = [_masked(masks, text) for text in released.texts]
        if not released.items:
            texts = [dump(masks.masked(released.result)).decode()]
        kept: list[dict[str, Any]] = []
        left = MOST_OF_RESULT
        for place, text in enumerate(texts):
            shown = text[: min(MOST_OF_ITEM, left)]
            left -= len(shown)
            kept.append({"text": shown, **({"left_out": len(text) - len(shown)} if len(shown) < len(text) else {})})
            if left == 0 and place + 1 < len(texts):
                kept[-1]["items_left_out"] = len(texts) - place - 1
                break
        return kept


def _masked(masks: Masks, text: str) -> str:
    """``text`` with secrets hidden, in JSON however they are written there."""
    with suppress(ValueError, RecursionError):
        return json.dumps(masks.masked(json.loads(text)), ensure_ascii=False)
    return masks.hide(text)
