"""The process says that it may not be read; `tests/attacks/test_console_memory.py` tries to."""

from __future__ import annotations

import subprocess
import sys

import pytest

RUN = """
import ctypes
from rule_of_two.approvals.undumpable import make_undumpable
get = 3
before = ctypes.CDLL(None).prctl(get, 0, 0, 0, 0)
print(before, make_undumpable(), ctypes.CDLL(None).prctl(get, 0, 0, 0, 0))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl")
def test_a_process_is_undumpable_from_then_on() -> None:
    ran = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, check=True)
    assert ran.stdout == "1 True 0\n"


def test_elsewhere_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    from rule_of_two.approvals.undumpable import make_undumpable

    monkeypatch.setattr(sys, "platform", "darwin")
    assert not make_undumpable()
