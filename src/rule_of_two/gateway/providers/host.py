"""The process in which a provider of somebody else's runs, once: ``python -P -m rule_of_two.gateway.providers.host``.

It reads one line from stdin, ``{"use": …, "settings": …}``, and writes one to stdout: ``{"answer": …}`` or
``{"error": …}``. What the provider itself prints goes nowhere. It ends when its stdin does, so that none outlives the
gateway that asked.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from importlib.metadata import entry_points
from typing import Any, Final

GROUP: Final = "rule_of_two.context_providers"
"""The entry points that can be asked: each leads to ``provider(settings) -> answer``."""


def main() -> None:
    """Answer, and end."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    request = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    out.write(json.dumps(_reply(request["use"], request["settings"])) + "\n")
    out.flush()
    os._exit(0)  # whatever threads it left


def _reply(use: str, settings: dict[str, Any]) -> dict[str, Any]:
    found = sorted(entry_points(group=GROUP, name=use), key=lambda one: one.value)
    if len({one.value for one in found}) != 1:
        return {"error": f"{len(found)} installed packages offer a provider of that name"}
    try:
        answer = found[0].load()(settings)
        json.dumps(answer)
    except Exception as error:  # noqa: BLE001  # the boundary: whatever it raises is its answer
        return {"error": f"{type(error).__name__}: {error}"[:500]}
    return {"answer": answer}


def _end_with_stdin() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    main()
