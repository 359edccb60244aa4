"""Every command: help with an example, errors in one sentence, exit codes that scripts can rely on."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from rule_of_two.cli.main import COMMANDS, cli, main
from rule_of_two.errors import ConfigurationError, StoreError


def _commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))


ALL = dict(_commands(cli))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_commands_help_has_an_example(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([*path, "--help"])
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    assert "Example" in shown
    assert "rule-of-two" in shown


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_option_says_what_it_does(path: tuple[str, ...]) -> None:
    options = [parameter for parameter in ALL[path].params if isinstance(parameter, click.Option)]
    assert [option.name for option in options if not option.help] == []


def test_the_first_page_lists_every_command_without_loading_any(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown for name in COMMANDS)


@pytest.mark.parametrize("arguments", [["nonsense"], ["why"], ["serve", "--nonsense"], ["session", "show"]])
def test_wrong_usage_ends_with_2_and_no_traceback(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "Usage" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error",
    [
        ConfigurationError("it is wrong"),
        ExceptionGroup("tasks", [ExceptionGroup("inner", [StoreError("it is wrong")])]),
    ],
)
def test_an_error_of_ours_is_one_sentence_and_2(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(cli, "main", fail)
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 2
    assert capsys.readouterr().err == "rule-of-two: it is wrong\n"


def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise ExceptionGroup("tasks", [ValueError("a bug")])

    monkeypatch.setattr(cli, "main", fail)
    with pytest.raises(ExceptionGroup, match="tasks"):
        main([])


def test_an_interrupt_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: object, **options: object) -> None:
        raise click.Abort

    monkeypatch.setattr(cli, "main", interrupt)
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 130
