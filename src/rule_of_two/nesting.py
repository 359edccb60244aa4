"""How deep containers stand inside each other in a JSON value."""

from __future__ import annotations

from typing import Any


def deeper_than(value: Any, depth: int) -> bool:
    """Whether more than ``depth`` containers stand inside each other; level by level, so without recursion."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(depth):
        level = [
            inner
            for container in level
            for inner in (container.values() if type(container) is dict else container)
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return False
    return bool(level)
