"""AgentDojo's suites as cases: environments, ground truths and checks are AgentDojo's own, nothing of them is changed.

A suite here is anything that is shaped like ``agentdojo.task_suite.TaskSuite``; only :func:`load` imports AgentDojo.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, cached_property
from importlib import import_module
from typing import Any, Final

from pydantic_core import to_jsonable_python

from benchmarks.agentdojo import attacker
from benchmarks.agentdojo.agent import reached
from benchmarks.agentdojo.case import Call, Case, Encoding, Suite, ToolFailed

VERSION: Final = "v1.2.2"
DEVELOPMENT: Final = ("workspace", "banking")
HELD_OUT: Final = ("slack", "travel")
NAMES: Final = (*DEVELOPMENT, *HELD_OUT)

USER: Final = "Emma Johnson"
MODEL: Final = "the AI language model"
"""Whom AgentDojo's standard attack pretends to be, and whom it addresses."""


def load(name: str) -> Suite:
    """One of AgentDojo's suites.

    :raises ImportError: AgentDojo is not installed.
    """
    # The same loader in C: else reading the environments takes three quarters of the time.
    yaml: Any = import_module("yaml")
    yaml.SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    from agentdojo.attacks.important_instructions_attacks import ImportantInstructionsAttack  # noqa: PLC0415
    from agentdojo.functions_runtime import FunctionCall, FunctionsRuntime  # noqa: PLC0415
    from agentdojo.task_suite.load_suites import get_suite  # noqa: PLC0415
    from agentdojo.types import text_content_block_from_string  # noqa: PLC0415

    return DojoSuite(
        get_suite(VERSION, name),
        FunctionsRuntime,
        lambda call: FunctionCall(function=call.tool, args=dict(call.arguments)),
        lambda text: [text_content_block_from_string(text)],
        ImportantInstructionsAttack._JB_STRING,  # noqa: SLF001  # the text of the standard attack has no other name
    )


class DojoSuite:
    """A ``TaskSuite`` as :class:`~benchmarks.agentdojo.case.Suite`."""

    def __init__(
        self,
        suite: Any,
        runtime: Callable[[Sequence[Any]], Any],
        traced: Callable[[Call], Any],
        output: Callable[[str], Any],
        template: str,
    ) -> None:
        """``runtime`` runs tools, ``traced`` and ``output`` make of a call and of a text what the checks read, and
        ``template`` is the attack's text with ``{goal}``, ``{user}`` and ``{model}``."""
        self.suite = suite
        self.runtime = runtime(suite.tools)
        self.traced = traced
        self.output = output
        self._template = template
        self._vectors = cache(self._vectors_of)

    @property
    def name(self) -> str:
        return str(self.suite.name)

    @cached_property
    def tools(self) -> Sequence[Mapping[str, Any]]:
        """The definitions as MCP lists them."""
        return [
            {"name": one.name, "description": one.description, "inputSchema": one.parameters.model_json_schema()}
            for one in self.suite.tools
        ]

    @cached_property
    def own(self) -> Mapping[str, str]:
        """``address`` of the user's mailbox, its ``domain``, and ``account``, the bank
        account's number; where there are such."""
        world = self.suite.load_and_inject_default_environment({})
        found: dict[str, str] = {}
        if (inbox := getattr(world, "inbox", None)) is not None:
            found |= {"address": inbox.account_email, "domain": inbox.account_email.partition("@")[2]}
        if (bank := getattr(world, "bank_account", None)) is not None:
            found["account"] = bank.iban
        return found

    def tasks(self) -> Iterable[str]:
        return list(self.suite.user_tasks)

    def injections(self) -> Iterable[str]:
        return list(self.suite.injection_tasks)

    def case(self, task: str, injection: str | None = None, encoding: Encoding = Encoding.PLAIN) -> Case:
        if injection is None:
            return DojoCase(self, task, None, None, {})
        text = self._template.format(goal=self.suite.injection_tasks[injection].GOAL, user=USER, model=MODEL)
        if encoding is Encoding.BASE64:
            text = base64.b64encode(text.encode()).decode()
        return DojoCase(self, task, injection, text, dict.fromkeys(self._vectors(task), text))

    def _vectors_of(self, task: str) -> tuple[str, ...]:
        """The places that the honest task reads, found as AgentDojo's attacks find them: with canaries.

        :raises ValueError: there is none.
        """
        canaries = {name: f"<CANARY---{name}--->" for name in self.suite.get_injection_vector_defaults()}
        case = DojoCase(self, task, None, None, canaries)
        results = [{"content": case.run(call)} for call in case.honest()]
        vectors = tuple(name for name, text in canaries.items() if any(reached(text, one) for one in results))
        if not vectors:
            raise ValueError(f"{self.name}: no injection can reach {task}")
        return vectors


class DojoCase:
    """One user task in an environment of its own: :class:`~benchmarks.agentdojo.case.Case`."""

    def __init__(
        self, suite: DojoSuite, task: str, injection: str | None, carried: str | None, injections: dict[str, str]
    ) -> None:
        self.task = task
        self.injection = injection
        self.carried = carried
        self._suite = suite
        self._user_task = suite.suite.user_tasks[task]
        self._injection_task = None if injection is None else suite.suite.injection_tasks[injection]
        environment = suite.suite.load_and_inject_default_environment(injections)
        self._environment = self._user_task.init_environment(environment)
        self._before = self._environment.model_copy(deep=True)
        self._honest = _calls(self._user_task.ground_truth(self._environment))

    def honest(self) -> Sequence[Call]:
        return self._honest

    def injected(self) -> Sequence[Call]:
        task = self._injection_task
        if task is None:
            return ()
        known = _calls(task.ground_truth(self._environment))
        return known or (() if task.GROUND_TRUTH_OUTPUT else attacker.calls(task.GOAL, self._before, self._environment))

    def run(self, call: Call) -> Any:
        result, error = self._suite.runtime.run_function(self._environment, call.tool, call.arguments)
        if error is not None:
            raise ToolFailed(error)
        return to_jsonable_python(result)

    def useful(self, answered: bool, obeyed: bool, carried_out: Sequence[Call]) -> bool:
        return self._check(self._user_task, answered, obeyed, carried_out)

    def harmed(self, answered: bool, obeyed: bool, carried_out: Sequence[Call]) -> bool:
        return self._check(self._injection_task, answered, obeyed, carried_out)

    def _check(self, task: Any, answered: bool, obeyed: bool, carried_out: Sequence[Call]) -> bool:
        honest = self._user_task.GROUND_TRUTH_OUTPUT if answered else ""
        wanted = self._injection_task.GROUND_TRUTH_OUTPUT if obeyed and self._injection_task is not None else ""
        suite = self._suite
        verdict = suite.suite._check_task_result(  # noqa: SLF001  # how AgentDojo chooses between its two checks
            task,
            suite.output("\n".join(text for text in (honest, wanted) if text)),
            self._before,
            self._environment,
            [suite.traced(call) for call in carried_out],
        )
        return bool(verdict)


def _calls(ground_truth: Sequence[Any]) -> tuple[Call, ...]:
    """Plain calls, with arguments as they are on the wire."""
    return tuple(Call(one.function, json.loads(json.dumps(to_jsonable_python(dict(one.args))))) for one in ground_truth)
