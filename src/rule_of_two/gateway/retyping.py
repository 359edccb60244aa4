"""Keeps what policies say of named tools in step with the definitions that are pinned of these."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from msgspec import Struct, field

from rule_of_two.audit.journal import Journal
from rule_of_two.errors import ConfigurationError, PolicyError
from rule_of_two.gateway.mount import Mount
from rule_of_two.gateway.operator_log import say
from rule_of_two.gateway.rulebook import Rulebook
from rule_of_two.policy.load import Policies
from rule_of_two.policy.sources import Sources
from rule_of_two.policy.typed.actions import problems_of
from rule_of_two.records import replace

_LOST: Final = "the policies could not be checked against the pinned definition; start the gateway anew"


class Typing(Struct):
    """Of one gateway process."""

    sources: Sources
    rules: Rulebook
    journal: Journal
    _pinned: frozenset[tuple[str, str]] | None = None
    _said: list[str] = field(default_factory=list)
    _written: Mapping[str, Any] = field(default_factory=dict)

    async def retype(self, mounts: Iterable[Mount], accept: Callable[[], None] = lambda: None) -> None:
        """Check the policies that name tools against what is pinned of these by now, where that is not what it was.
        ``accept`` has mounts take pins.

        # INVARIANT: what cannot be checked denies the tools that it is about; tests/gateway/test_typed_arguments.py.
        # INVARIANT: no tool is offered by one definition while policies are typed by another;
        # tests/gateway/test_retyping.py.

        :raises StoreError: it could not be written down.
        """
        if not self.sources.typed:
            accept()
            return
        # Policies that are just being loaded can name other tools, and are typed by the definitions of before.
        async with self.rules.changing:
            accept()
            self.rules.tools = tools = [tool for mount in mounts for tool in mount.pinned_tools]
            named = self.rules.current.policies.typed
            pinned = frozenset((tool.id, tool.digest) for tool in tools if tool.id in named)
            if pinned == self._pinned:
                return
            self._pinned = pinned
            current, policies = self.rules.current, self._typed()
            self.rules.put(self.rules.edition(policies, current.files, current.provided))
        problems = problems_of(policies.typed.values())
        if problems != self._said and self.rules.tools:  # before the first definition is pinned, none can fit
            self._said = problems
            for problem in problems:
                say(f"calls of the tools that a policy names are denied, as it does not fit them: {problem}")
        body = {"event": "typed", "tools": sorted(policies.typed), "problems": problems}
        if policies.typed and body != self._written:
            await self.journal.event("definitions", None, body)
            self._written = body

    def _typed(self) -> Policies:
        """What is in force, loaded once more from the very same files."""
        try:
            return self.sources.load(self.rules.current.files, self.rules.tools)
        except (PolicyError, ConfigurationError):
            before = self.rules.current.policies
            broken = {name: replace(one, problem=_LOST) for name, one in before.typed.items()}
            return replace(before, typed=broken)
