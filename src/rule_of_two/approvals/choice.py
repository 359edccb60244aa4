"""What a human can say to a question."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Choice(StrEnum):
    """What the human chose (INTERFACE "Console keys")."""

    YES = "yes"
    """This call, once; of a result that came back: it is let in."""
    DROP = "drop"
    """C is given up for the rest of the session, so a read passes without asking and whatever carries C is denied."""
    GRANT = "grant"
    """This call, and some more of this tool to these targets for some minutes."""
    WITHOUT = "without"
    """A result that came back is handed over without the items that ask."""
    NO = "no"
    FREEZE = "freeze"
    """No, and nothing more in this session."""
    NEW = "new"
    """This is a new conversation: the call is refused, and a session begins that holds nothing."""


APPROVING: Final = frozenset((Choice.YES, Choice.GRANT))
REFUSING: Final = frozenset((Choice.NO, Choice.FREEZE, Choice.WITHOUT))
"""What lets through nothing that was asked about. It needs no right, and need not be read first."""
