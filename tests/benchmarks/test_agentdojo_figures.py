"""Counting, the tables, the sets and the manifests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks.agentdojo import sets, suites
from benchmarks.agentdojo.__main__ import main
from benchmarks.agentdojo.case import Encoding
from benchmarks.agentdojo.figures import Figures, Remaining, as_facts, by_group, remaining
from benchmarks.agentdojo.human import Mode
from benchmarks.agentdojo.measuring import MANIFESTS, Batch, Job, drawn, jobs, replayed
from benchmarks.agentdojo.report import lines
from benchmarks.agentdojo.stage import Replay, blueprint
from rule_of_two.errors import ConfigurationError
from rule_of_two.records import replace
from tests.benchmarks.tiny import manifest, tiny

NOTHING = Replay("user_task_0", None, useful=False, harmed=False, obeyed=False, asked=(), refused=())


def _replays(job: Job) -> Iterator[Replay]:
    """Four tasks: questions 0 0 1 3, three useful if answered rightly and two if refused; attack 10 always succeeds
    where the human refuses, attack 2 in one task out of four."""
    for number, questions in enumerate((0, 0, 1, 3)):
        one = replace(NOTHING, task=f"user_task_{number}", asked=("send",) * questions)
        if job.encoding is None:
            yield replace(one, useful=number < (3 if job.mode is Mode.RIGHTLY else 2), refused=("send",) * (number > 2))
        else:
            refuses, encoded = job.mode is Mode.REFUSES, job.encoding is Encoding.BASE64
            yield replace(one, injection="injection_task_10", harmed=refuses, useful=not encoded and number == 0)
            yield replace(one, injection="injection_task_2", harmed=number == 0 or encoded)


def _batches(*names: str) -> list[Batch]:
    return [Batch(job, tuple(_replays(job))) for job in jobs("literal", names)]


def test_shares_are_of_all_tasks_and_of_all_attacks() -> None:
    assert Figures.of(_batches("banking")) == Figures(
        attacks=8,
        attack_plain=1 / 8,
        attack_base64=4 / 8,
        attack_plain_refused=5 / 8,
        attack_base64_refused=1,
        tasks=4,
        without_question=0.5,
        questions=1,
        utility_refused=0.5,
        utility_rightly=0.75,
        utility_attacked=1 / 8,
    )


def test_a_kind_of_replay_that_is_missing_is_no_zero() -> None:
    for batch in (batches := _batches("banking")):
        with pytest.raises(ValueError, match="nothing was replayed"):
            Figures.of([one for one in batches if one is not batch])


def test_a_group_is_told_only_where_all_of_it_was_measured() -> None:
    assert [group for group, _ in by_group(_batches("banking"))] == ["banking"]
    assert [group for group, _ in by_group(_batches("workspace", "banking"))] == ["workspace", "banking", "development"]
    assert [group for group, _ in by_group(_batches(*suites.NAMES))][-3:] == ["development", "held out", "all"]


def test_attacks_that_remain_are_those_of_a_human_who_answers_rightly() -> None:
    plain = Remaining("banking", "injection_task_2", Encoding.PLAIN, harmed=1, tried=4)
    assert remaining(_batches("banking")) == [plain, replace(plain, encoding=Encoding.BASE64, harmed=4)]


def test_facts_are_json_and_name_each_honest_task() -> None:
    facts = json.loads(json.dumps(as_facts(_batches("banking"))))
    assert facts["groups"]["banking"]["attack_plain"] == 1 / 8
    assert facts["honest"][3] == {
        "suite": "banking",
        "task": "user_task_3",
        "asked": ["send", "send", "send"],
        "useful_rightly": False,
        "useful_refuses": False,
        "refused": ["send"],
    }


def test_the_table_has_a_row_for_each_group() -> None:
    told = list(lines(sets.PolicySet.load(sets.FOLDER / "literal.yaml"), _batches("workspace", "banking")))
    assert told[3].split()[:4] == ["workspace", "8", "12.5", "%"]
    assert told[5].startswith("development")
    assert told[-1] == "remains: banking injection_task_2 (base64): 4 of 4"


async def test_a_job_replays_every_injection_into_every_task(tmp_path: Path) -> None:
    suite = tiny()
    suite.suite.user_tasks = {"user_task_1": suite.suite.user_tasks["user_task_1"]}
    job = Job("literal", "tiny", Mode.RIGHTLY, Encoding.PLAIN)
    chosen = sets.PolicySet.load(sets.FOLDER / "literal.yaml")
    batch = await replayed(suite, chosen, manifest(tmp_path), job)
    assert [(one.injection, one.harmed) for one in batch.replays] == [
        ("injection_task_0", False),
        ("injection_task_1", True),
    ]


class _Owned:
    """A suite with accounts of all kinds."""

    tools = ()
    own: Mapping[str, str] = {"address": "me@example.org", "domain": "example.org", "account": "DE00"}

    def __init__(self, name: str) -> None:
        self.name = name


@pytest.mark.parametrize("file", sets.files(), ids=lambda file: file.stem)
def test_each_set_fits_each_suite(tmp_path: Path, file: Path) -> None:
    chosen = sets.PolicySet.load(file)
    assert chosen.about.endswith(".")
    for name in suites.NAMES:
        owned: Any = _Owned(name)
        (upstream,) = blueprint(owned, chosen, MANIFESTS / f"{name}.yaml", tmp_path).upstreams
        assert upstream.recognised


def test_what_a_set_says_of_a_suite_stands_before_what_it_says_of_all(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(
        "about: Own.\nconfiguration: {policies: [default]}\nserver: {store: all}\nentities: [{uid: a}]\n"
        "suites: {banking: {configuration: {mode: observe}, server: {store: bank}, "
        'entities: [{uid: "${own.account}"}]}}\n'
    )
    own = sets.PolicySet.load(file)
    assert own.configuration("banking", {}) == {"policies": ["default"], "mode": "observe"}
    assert own.entities("banking", {"account": "DE00"}) == [{"uid": "DE00"}]
    assert own.entities("travel", {}) == [{"uid": "a"}]
    assert (own.server("banking", {}), own.server("travel", {})) == ({"store": "bank"}, {"store": "all"})
    file.write_text("about: Own.\npolices: [default]\n")
    with pytest.raises(ConfigurationError, match="polices"):
        sets.PolicySet.load(file)


def test_a_set_can_name_the_users_own_accounts_without_knowing_them(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text('about: Own.\nserver: {parameters: {people: ["${own.address}", "@${own.domain}", 1]}}\n')
    own = sets.PolicySet.load(file)
    assert tiny().own == {"address": "me@example.org", "domain": "example.org"}
    assert own.server("tiny", tiny().own) == {"parameters": {"people": ["me@example.org", "@example.org", 1]}}
    with pytest.raises(ConfigurationError, match=r"no \$\{own.address\}; it has account"):
        own.server("banking", {"account": "DE00"})


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--help"], 0, "scripts/agentdojo --only banking --set literal"),
        (["--set", "no-such-set"], 2, "known: best, confirm-every-act, irreversible"),
        (["--only", "no-such-suite"], 2, "workspace"),
    ],
)
def test_usage(arguments: list[str], code: int, says: str) -> None:
    done = CliRunner().invoke(main, arguments)
    assert (done.exit_code, says in done.output) == (code, True)


def test_a_sample_is_the_same_attacks_for_every_set_and_all_tasks_without_an_attack() -> None:
    suite: Any = _Owned("tiny")
    suite.tasks = lambda: [f"task_{number}" for number in range(10)]
    suite.injections = lambda: ["one", "two", "three"]
    every = [(task, injection) for task in suite.tasks() for injection in suite.injections()]
    whole = Job("literal", "tiny", Mode.RIGHTLY, Encoding.PLAIN)
    assert drawn(suite, whole) == every
    quarter = drawn(suite, replace(whole, percent=25))
    assert len(quarter) == 8
    assert quarter == [one for one in every if one in quarter]
    assert drawn(suite, Job("best", "tiny", Mode.REFUSES, Encoding.BASE64, 25)) == quarter
    assert drawn(suite, Job("best", "tiny", Mode.REFUSES, None, 25)) == [(task, None) for task in suite.tasks()]
    assert {job.percent for job in jobs("literal", ["tiny"], 25)} == {25}
