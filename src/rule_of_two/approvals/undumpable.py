"""Keeps a key in memory from other processes of the same user."""

from __future__ import annotations

import ctypes
import sys
from typing import Final

_PR_SET_DUMPABLE: Final = 4


def make_undumpable() -> bool:
    """Let no process of this user, but root, read this process's memory or trace it, and let it leave no core file.

    Returns whether that is so now. Linux only (prctl(2), PR_SET_DUMPABLE); elsewhere nothing is changed.
    """
    if sys.platform != "linux":
        return False
    prctl = getattr(ctypes.CDLL(None, use_errno=True), "prctl", None)
    return prctl is not None and prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0
