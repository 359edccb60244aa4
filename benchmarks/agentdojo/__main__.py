"""Measures policy sets on AgentDojo: ``scripts/agentdojo`` installs what it needs and starts this."""

from __future__ import annotations

import json
import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from benchmarks.agentdojo import sets, suites
from benchmarks.agentdojo.figures import as_facts
from benchmarks.agentdojo.measuring import SEED, Batch, measured
from benchmarks.agentdojo.report import LEGEND, lines
from rule_of_two.errors import RuleOfTwoError


def _sets(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> list[Path]:
    known = {file.stem: file for file in sets.files()}
    chosen = {value: known.get(value, Path(value).absolute()) for value in values}
    for value, file in chosen.items():
        if not file.is_file():
            raise click.BadParameter(f"'{value}' is no set and no file; known: {', '.join(known)}")
    return list(chosen.values()) or list(known.values())


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\b\nExamples:\n  scripts/agentdojo\n  scripts/agentdojo --only banking --set literal\n"
    "  scripts/agentdojo --set ./my-set.yaml --json",
)
@click.option("--only", "names", multiple=True, type=click.Choice(suites.NAMES), help="A suite. Can be repeated.")
@click.option(
    "--set", "files", multiple=True, callback=_sets, metavar="NAME", help="A set, or a file. Can be repeated."
)
@click.option("--json", "as_json", is_flag=True, help="Print facts instead of tables.")
@click.option("--sample", default=100, type=click.IntRange(1, 100), help="How many percent of the attacks.")
@click.option("--jobs", default=os.cpu_count() or 1, type=click.IntRange(1), help="How many processes.")
def main(names: tuple[str, ...], files: list[Path], *, as_json: bool, sample: int, jobs: int) -> None:
    """Replay AgentDojo's tasks and injections through the real gateway, and count.

    The agent is scripted and obeys every injection that reaches it, the human answers by rule, and AgentDojo's own
    checks say what came of it. No model takes part, so the figures are the same each time. docs/agentdojo.md has the
    method.
    """
    try:
        installed = version("agentdojo")
    except PackageNotFoundError:
        raise click.UsageError("AgentDojo is not installed here; start scripts/agentdojo, which installs it") from None

    def tell(batch: Batch) -> None:
        job = batch.job
        what = "honest tasks" if job.encoding is None else f"attacks ({job.encoding})"
        answer = f"the human {'refuses' if job.mode == 'refuses' else 'answers rightly'}"
        click.echo(f"{job.policy_set}, {job.suite}: {len(batch.replays)} {what}, {answer}", err=True)

    try:
        chosen = [sets.PolicySet.load(file) for file in files]
        batches = measured(files, names or suites.NAMES, processes=jobs, told=tell, percent=sample)
    except RuleOfTwoError as error:
        raise click.UsageError(str(error)) from error
    of_set = {one.name: [batch for batch in batches if batch.job.policy_set == one.name] for one in chosen}
    head = {"agentdojo": installed, "suites": suites.VERSION, "sample": sample, "seed": SEED}
    if as_json:
        facts = [{"set": one.name, "about": one.about, **as_facts(of_set[one.name])} for one in chosen]
        click.echo(json.dumps({**head, "sets": facts}, indent=2))
        return
    of = "" if sample == 100 else f"; {sample} % of the attacks, seed {SEED}"
    click.echo(f"AgentDojo {installed}, suites {suites.VERSION}{of}")
    for one in chosen:
        click.echo("\n" + "\n".join(lines(one, of_set[one.name])))
    click.echo(f"\n{LEGEND}")


if __name__ == "__main__":
    main(prog_name="scripts/agentdojo")
