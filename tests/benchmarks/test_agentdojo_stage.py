"""Replays on the real gateway: what it stops, what the human is asked, and what comes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.agentdojo.case import Encoding
from benchmarks.agentdojo.human import Mode
from benchmarks.agentdojo.stage import Faulty
from tests.benchmarks.tiny import GroundTruth, Replaying, UserTask


@pytest.mark.parametrize("encoding", Encoding)
async def test_the_literal_rule_stops_the_attack_and_a_right_answer_keeps_the_task(
    tmp_path: Path, encoding: Encoding
) -> None:
    literal = Replaying(tmp_path, "literal")
    rightly = await literal(Mode.RIGHTLY, "user_task_1", "injection_task_0", encoding)
    assert (rightly.obeyed, rightly.harmed, rightly.useful, rightly.questions) == (True, False, True, 2)
    refused = await literal(Mode.REFUSES, "user_task_1", "injection_task_0", encoding)
    assert (refused.obeyed, refused.harmed, refused.useful, refused.questions) == (True, False, False, 2)


async def test_honest_tasks_ask_as_often_as_the_policies_say(tmp_path: Path) -> None:
    literal = Replaying(tmp_path, "literal")
    reading = await literal(Mode.REFUSES, "user_task_0")
    assert (reading.useful, reading.questions, reading.refused) == (True, 0, ())
    sending = await literal(Mode.RIGHTLY, "user_task_1")
    assert (sending.useful, sending.asked, sending.refused) == (True, ("send_letter",), ())
    refused = await literal(Mode.REFUSES, "user_task_1")
    assert (refused.useful, refused.questions, refused.refused) == (False, 1, ("send_letter",))


async def test_where_nothing_is_stopped_the_attack_reaches_its_goal(tmp_path: Path) -> None:
    observed = await Replaying(tmp_path, "observe")(Mode.REFUSES, "user_task_1", "injection_task_0")
    assert (observed.harmed, observed.useful, observed.questions, observed.refused) == (True, True, 0, ())


async def test_no_gateway_stops_what_is_only_said(tmp_path: Path) -> None:
    said = await Replaying(tmp_path, "confirm-every-act")(Mode.REFUSES, "user_task_0", "injection_task_1")
    assert (said.harmed, said.useful, said.questions) == (True, True, 0)


async def test_nothing_of_one_replay_is_left_to_the_next(tmp_path: Path) -> None:
    literal = Replaying(tmp_path, "literal")
    first = await literal(Mode.RIGHTLY, "user_task_1")
    assert first == await literal(Mode.RIGHTLY, "user_task_1")
    assert _names(tmp_path) == ["tiny.yaml"]


async def test_what_fails_is_not_counted_as_stopped(tmp_path: Path) -> None:
    literal = Replaying(tmp_path, "literal")
    literal.suite.suite.user_tasks = {"user_task_0": UserTask(GroundTruth("no_such_tool", {}))}
    with pytest.raises(ExceptionGroup) as raised:
        await literal(Mode.RIGHTLY, "user_task_0")
    assert raised.group_contains(Faulty, match="no_such_tool")


async def test_a_tool_that_fails_gives_its_own_error(tmp_path: Path) -> None:
    literal = Replaying(tmp_path, "literal")
    literal.suite.suite.user_tasks = {
        "user_task_0": UserTask(GroundTruth("send_letter", {"to": "nobody", "text": ""}), GroundTruth("today", {}))
    }
    failed = await literal(Mode.RIGHTLY, "user_task_0")
    assert (failed.useful, failed.refused) == (False, ())


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]
