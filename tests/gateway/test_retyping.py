"""Definitions that are accepted while policies are being replaced: one typing for the tools that are offered."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import anyio
import pytest
from anyio.lowlevel import checkpoint

from rule_of_two.audit.journal import Journal
from rule_of_two.gateway.mount import Mount
from rule_of_two.gateway.retyping import Typing
from rule_of_two.gateway.rulebook import Rulebook
from rule_of_two.gateway.timing import timestamp
from rule_of_two.model import Principal
from rule_of_two.policy.sources import Sources
from rule_of_two.policy.typed.definitions import ToolDefinition
from rule_of_two.store.journal import JournalStore

PERMIT = '@id("own.permit") permit (principal, action in Gateway::Action::"use", resource);'
READS = (
    PERMIT
    + """
@id("own.short")
@message("Too many.")
forbid (principal, action == Gateway::Action::"git__log", resource)
when { context.input has most && context.input.most > 100 };
"""
)


class Pinned:
    """What of a mount counts here: the definitions that are accepted of it."""

    def __init__(self) -> None:
        self.pinned_tools: list[ToolDefinition] = []

    def accept(self, argument: str) -> None:
        schema = {"type": "object", "properties": {argument: {"type": "integer"}}}
        self.pinned_tools = [ToolDefinition("git", "log", f"digest of {argument}", schema)]


class Typed:
    def __init__(self, folder: Path, store: JournalStore) -> None:
        self.file, self.mount = folder / "own.cedar", Pinned()
        self.file.write_text(PERMIT)
        self.sources = Sources(("./own.cedar",), (), folder, typed=True)
        files = self.sources.look()
        self.rules = Rulebook(self.sources.load(files), Principal(), "generic", files=files)
        journal = Journal(
            store, timestamp, policy_version=lambda: self.rules.version, principal=Principal(), client="generic"
        )
        self.typing = Typing(self.sources, self.rules, journal)

    async def take(self, argument: str) -> None:
        await self.typing.retype([cast("Mount", self.mount)], lambda: self.mount.accept(argument))

    @property
    def problem(self) -> str:
        return self.rules.current.policies.typed["git__log"].problem


@pytest.fixture
def typed(tmp_path: Path) -> Iterator[Typed]:
    with contextlib.closing(JournalStore(tmp_path)) as store:
        yield Typed(tmp_path, store)


async def test_policies_that_begin_to_name_a_tool_while_another_definition_is_accepted(typed: Typed) -> None:
    await typed.take("most")
    async with anyio.create_task_group() as tasks, typed.rules.changing:  # as a reload does
        typed.file.write_text(READS)
        files = typed.sources.look()
        policies = typed.sources.load(files, typed.rules.tools)
        tasks.start_soon(typed.take, "maximum")
        await _all_wait()
        typed.rules.put(typed.rules.edition(policies, files))
    assert "has no argument 'most'" in typed.problem


async def test_a_definition_is_accepted_in_the_step_in_which_policies_are_typed_by_it(typed: Typed) -> None:
    typed.file.write_text(READS)
    files = typed.sources.look()
    typed.rules.put(typed.rules.edition(typed.sources.load(files), files))
    await typed.take("most")
    assert typed.problem == ""
    async with anyio.create_task_group() as tasks, typed.rules.changing:
        tasks.start_soon(typed.take, "maximum")
        await _all_wait()
        assert [tool.digest for tool in typed.mount.pinned_tools] == ["digest of most"]
    assert [tool.digest for tool in typed.mount.pinned_tools] == ["digest of maximum"]
    assert "has no argument 'most'" in typed.problem


async def _all_wait() -> None:
    for _ in range(20):
        await checkpoint()
