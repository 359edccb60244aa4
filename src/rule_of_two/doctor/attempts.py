"""All attempts, made by a process that runs as the agent: stdin says what to try, stdout what was found."""

from __future__ import annotations

import sys

from rule_of_two.doctor import answering, commands, consoles, reach, state, user
from rule_of_two.doctor.account import become
from rule_of_two.doctor.brief import BRIEF, Brief
from rule_of_two.doctor.finding import FINDINGS, Finding


def attempts(brief: Brief) -> tuple[Finding, ...]:
    """Try everything. Nothing that was there is changed."""
    return (
        *answering.attempts(brief),
        *commands.attempts(brief),
        *state.attempts(brief),
        *(reach.attempt(owned) for owned in brief.owned),
        *user.attempts(brief),
        *consoles.attempts(brief),
    )


if __name__ == "__main__":
    become(sys.argv[1:])
    sys.stdout.buffer.write(FINDINGS.dump_json(attempts(BRIEF.validate_json(sys.stdin.buffer.read()))))
