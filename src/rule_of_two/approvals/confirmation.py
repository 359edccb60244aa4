"""What the same key would do if it was pressed again, and the terms of a grant that it would sign. No I/O."""

from __future__ import annotations

from rule_of_two.approvals.answer import LONGEST_MINUTES, MOST_USES, GrantTerms
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.definition_answer import Verdict
from rule_of_two.approvals.rest import Rest
from rule_of_two.approvals.spans import BLANK, Line
from rule_of_two.records import replace


class Confirmation:
    """One at a time. Whenever it is another one, its meaning has to be on screen anew before a key counts."""

    def __init__(self, rest: Rest) -> None:
        self.of: Choice | Verdict | None = None
        self.sentence: Line = BLANK
        self.terms: GrantTerms | None = None
        self.terms_read = False
        """The end of the terms has been on screen."""
        self._rest = rest

    def begin(self, of: Choice | Verdict, sentence: Line) -> None:
        """This is to be confirmed, in these words."""
        self.of, self.sentence = of, sentence
        self._rest.restart()

    def forget(self) -> None:
        """Nothing is to be confirmed."""
        if self.of is not None:
            self._rest.restart()
        self.of, self.sentence = None, BLANK
        self.terms, self.terms_read = None, False

    def adjust(self, *, uses: int = 0, minutes: int = 0) -> None:
        """Change the terms that are to be signed, by so much; what is signed has to be read anew."""
        if self.terms is not None:
            self.terms = replace(
                self.terms,
                uses=min(max(self.terms.uses + uses, 1), MOST_USES),
                minutes=min(max(self.terms.minutes + minutes, 1), LONGEST_MINUTES),
            )
            self.terms_read = False
            self._rest.restart()
