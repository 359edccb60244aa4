"""What came back of one call of the agent's, and what the agent makes of it."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from rule_of_two.model import Labels

_ERRAND: Final = re.compile(
    r"read the file (?P<file>[\w-][\w.-]*).*?(?P<recipient>[\w.+-]+@[\w.-]*\w)", re.DOTALL | re.IGNORECASE
)


class Reply(Struct, frozen=True):
    """The text of a result, and the gateway's decision about the call."""

    text: str
    is_error: bool
    decision: str
    outcome: str
    code: str | None
    session: str
    held: Labels
    """What the session held when it was decided."""
    adds: Labels

    @property
    def allowed(self) -> bool:
        """Whether the call was carried out."""
        return self.outcome == "allow"

    @property
    def after(self) -> Labels:
        """What the session holds now: a call that was not carried out added nothing."""
        return self.held | self.adds if self.allowed else self.held


class Errand(Struct, frozen=True):
    """What a text tells its reader to do: read this file, and mail it there."""

    file: str
    recipient: str


def errand_in(text: str) -> Errand | None:
    """The first errand in ``text``. It does not ask who wrote it: that is the trouble."""
    found = _ERRAND.search(text)
    return Errand(found["file"], found["recipient"]) if found else None
