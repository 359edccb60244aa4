"""The Cedar engine, asked once: what it is given, and what becomes of whatever it raises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import cedarpy
import orjson

from rule_of_two.policy.entities import Participants

T = TypeVar("T")


def evaluate(participants: Participants, context: Mapping[str, Any]) -> cedarpy.AuthzResult:
    """One pass over the policies that can apply. Raises what its inputs provoke: call it within :func:`contained`."""
    return cedarpy.is_authorized(
        {
            "principal": participants.principal,
            "action": participants.action,
            "resource": participants.resource,
            "context": orjson.dumps(context).decode(),
        },
        participants.slice.handle,
        participants.handle,
        participants.schema,
    )


def contained(work: Callable[[], T], failed: Callable[[str], T]) -> T:
    """What ``work`` returns; whatever it raises, a panic of the engine's included, becomes ``failed(text)``."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001  # the boundary that denies: cedarpy raises what its inputs provoke
        return failed(f"{type(error).__name__}: {error}")
    except BaseException as error:
        # pyo3's exception of a panic in Rust derives from BaseException and cannot be imported.
        if (type(error).__module__, type(error).__name__) != ("pyo3_runtime", "PanicException"):
            raise
        return failed(f"{type(error).__name__}: {error}")
