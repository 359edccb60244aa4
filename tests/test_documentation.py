"""The documentation is true: what it shows runs, what exists is shown."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import get_args

import click
import pytest

from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.sentences import KEY_OF
from rule_of_two.cli.main import COMMANDS, cli
from rule_of_two.clients.profiles import PROFILES
from rule_of_two.errors import Code
from rule_of_two.gateway.config import Config, Server, load_config
from rule_of_two.gateway.conversations import MOST
from rule_of_two.gateway.results import NEXT_STEP
from rule_of_two.model import Action, Tier
from rule_of_two.policy.load import load_policies
from rule_of_two.policy.references import shipped_sets
from rule_of_two.sessions.key import Boundary
from rule_of_two.shipped import shipped

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
DECISIONS = (ROOT / "docs" / "decisions.md").read_text()
SESSIONS = (ROOT / "docs" / "sessions.md").read_text()
APPROVALS = (ROOT / "docs" / "approvals.md").read_text()
YAML = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("text", [*YAML, *re.findall(r"```yaml\n(.*?)```", SESSIONS + APPROVALS, re.DOTALL)])
def test_every_configuration_that_is_shown_is_valid(text: str, tmp_path: Path) -> None:
    path = tmp_path / "rule-of-two.yaml"
    path.write_text(text)
    load_config(path)


def test_the_readme_shows_every_key_with_its_default(tmp_path: Path) -> None:
    path = tmp_path / "rule-of-two.yaml"
    path.write_text(YAML[-1])
    shown = load_config(path)
    fields = Config.model_fields
    assert {field.alias or name for name, field in fields.items()} == {
        line.split(":")[0] for line in YAML[-1].splitlines()
    }
    bare = Config.model_validate({"version": 1, "mcpServers": {}})
    assert shown.model_copy(update={"sessions": bare.sessions, "approvals": bare.approvals}) == bare
    assert all(name in YAML[-1] for name in Server.model_fields)


def test_every_boundary_and_every_place_of_a_conversations_key_is_documented() -> None:
    assert [name for name in get_args(Boundary) if f"| `{name}` |" not in SESSIONS] == []
    places = [one.conversation_pointer or one.conversation_variable or "" for one in PROFILES.values()]
    assert [place for place in places if place.removeprefix("/") not in SESSIONS] == []
    assert f"first {MOST} of a connection" in SESSIONS


def test_every_command_and_client_is_named_in_the_readme() -> None:
    assert [name for name in COMMANDS if f"rule-of-two {name}" not in README and f"scripts/{name}" not in README] == []
    assert all(name in README for name in PROFILES)


def test_every_choice_and_tier_is_documented() -> None:
    assert [choice for choice in Choice if f"| `{KEY_OF[choice]}` |" not in APPROVALS] == []
    assert [tier for tier in Tier if f"| {tier} |" not in APPROVALS] == []


def test_every_code_that_can_stop_a_call_has_a_next_step() -> None:
    later = {Code.WITHHELD}
    assert set(Code) - later == set(NEXT_STEP)


def test_one_table_says_of_every_action_what_it_decides_and_what_the_default_is() -> None:
    table = re.findall(r"^\| (.+) \| (.+) \| (\w+) \| (.+) \| (.+) \|$", DECISIONS, re.MULTILINE)
    named = {action for _, actions, *_ in table for action in re.findall(r"`(\w+)`", actions)}
    assert named == set(Action)


def test_the_policy_in_the_readme_is_one_and_the_sets_are_counted(tmp_path: Path) -> None:
    (policy,) = re.findall(r"```cedar\n(.*?)```", README, re.DOTALL)
    (tmp_path / "mail.cedar").write_text(policy)
    assert "mail.ask-strangers" in load_policies(["default", "mail.cedar"], relative_to=tmp_path).by_id
    assert len(shipped_sets()) == 21
    assert "[Twenty-one sets]" in README


def test_the_repository_speaks_of_the_project_alone() -> None:
    for name in ("requirements.lock", "examples/retrieval/model.lock"):
        lock = (ROOT / name).read_text()
        assert "://" not in lock
        assert "--hash=sha256:" in lock
        assert not re.search(r"^(torch|sentence-transformers)\b", lock, re.MULTILINE)


def test_the_shipped_manifests_are_counted() -> None:
    assert f"{len(list(shipped('tool_manifests').iterdir()))} servers have one already" in README


def _shown() -> list[tuple[str, str]]:
    """Every command line of ours in a block of shell, and the page that shows it."""
    lines = []
    for page in (
        ROOT / "README.md",
        *sorted((ROOT / "docs").glob("*.md")),
        *sorted((ROOT / "policies").glob("*/*.md")),
    ):
        text = page.read_text("utf-8")
        for language, block in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
            whole = block.replace("\\\n", " ") if language in {"", "sh", "console"} else ""
            lines += [(page.name, line) for line in re.findall(r"^(?:\$ )?rule-of-two ([^\n|>]+)", whole, re.MULTILINE)]
    return lines


@pytest.mark.parametrize(("page", "line"), _shown())
def test_every_command_line_that_is_shown_can_be_given(page: str, line: str) -> None:
    """Commands and options exist; what they are given is not looked at."""
    words = shlex.split(line, comments=True)
    if words[0] in {"console", "session"} and not words[1:2]:
        return
    command: click.Command = cli
    context = click.Context(cli, info_name="rule-of-two")
    known = {name for one in cli.params for name in one.opts}
    for word in words:
        if word == "--":
            break
        if word.startswith("-") and not word.lstrip("-").isdecimal():
            assert word.split("=")[0] in known | {"-h", "--help", "--version"}, f"{page}: {line}"
        elif isinstance(command, click.Group) and (below := command.get_command(context, word)) is not None:
            command = below
            context = click.Context(command, parent=context, info_name=word)
            known |= {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    assert command is not cli, f"{page}: {line}"


def test_links_in_the_readme_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []
