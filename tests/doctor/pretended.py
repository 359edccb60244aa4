"""Stands in for `rule-of-two console` in a terminal: it says that it is there, and waits until its input ends."""

from __future__ import annotations

import fcntl
import sys
import termios

fcntl.ioctl(0, termios.TIOCSCTTY, 0)
print("ready", flush=True)
sys.stdin.read()
