"""The policies that decide: those of the configuration, and with typed arguments as the pinned tools are by now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from rule_of_two.audit.journal import Journal
from rule_of_two.errors import PolicyError
from rule_of_two.gateway.blueprint import Blueprint, policies_of
from rule_of_two.gateway.enforcement import Enforcement
from rule_of_two.gateway.mount import Mount
from rule_of_two.gateway.operator_log import say
from rule_of_two.policy.authorizer import Authorizer
from rule_of_two.policy.load import Policies
from rule_of_two.policy.typed.actions import problems_of
from rule_of_two.policy.typed.definitions import ToolDefinition

_EDITED: Final = "the policies on disk are not those that the gateway started with; start it anew"


class InForce:
    """What one gateway decides by. ``deciding`` are its pipelines."""

    def __init__(self, blueprint: Blueprint) -> None:
        self._blueprint = blueprint
        self._policies = blueprint.policies
        self._pinned: frozenset[tuple[str, str]] | None = None
        self._said: list[str] = []
        self.deciding: list[Enforcement] = []

    def authorizer(self) -> Authorizer:
        """One that decides by the policies in force."""
        return Authorizer(self._policies, self._blueprint.principal, self._blueprint.profile.name)

    async def retype(self, mounts: Iterable[Mount], journal: Journal) -> None:
        """Check the policies that name tools against what is pinned of these by now, where that is not what it was.

        # INVARIANT: what cannot be checked denies the tools that it is about; tests/gateway/test_typed_arguments.py.

        :raises StoreError: it could not be written down.
        """
        if not self._blueprint.config.typed_arguments:
            return
        tools = [tool for mount in mounts for tool in mount.pinned_tools]
        pinned = frozenset((tool.id, tool.digest) for tool in tools if tool.id in self._policies.typed)
        if pinned == self._pinned:
            return
        self._policies, self._pinned = self._typed(tools), pinned
        for pipeline in self.deciding:
            pipeline.decide_by(self.authorizer())
        problems = problems_of(self._policies.typed.values())
        if problems != self._said and tools:  # before the first definition is pinned, none can fit
            self._said = problems
            for problem in problems:
                say(f"calls of the tools that a policy names are denied, as it does not fit them: {problem}")
        if self._policies.typed:
            body = {"event": "typed", "tools": sorted(self._policies.typed), "problems": problems}
            await journal.event("definitions", None, body)

    def _typed(self, tools: list[ToolDefinition]) -> Policies:
        started = self._blueprint.policies
        try:
            policies = policies_of(self._blueprint.config, self._blueprint.folder, tools)
        except PolicyError:
            policies = None
        if policies is not None and policies.version == started.version:
            return policies
        broken = {name: replace(one, problem=_EDITED) for name, one in started.typed.items()}
        return replace(started, typed=broken)
