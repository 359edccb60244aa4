"""``rule-of-two manifest draft``: a manifest for a server that has none."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Any, Final
from urllib.parse import urlsplit

import click
from msgspec import Struct

from rule_of_two.cli.main import Context
from rule_of_two.cli.manifest_review import review
from rule_of_two.cli.names import servers
from rule_of_two.cli.offering import environment_of, live, mounted, saved, unmounted
from rule_of_two.cli.output import print_json
from rule_of_two.errors import ConfigurationError
from rule_of_two.manifests.drafting.draft import Draft, Judged
from rule_of_two.manifests.drafting.draft import draft as drafted
from rule_of_two.manifests.offer import Offer
from rule_of_two.manifests.recognise import Launch, identify
from rule_of_two.model import ALL
from rule_of_two.wording import counted

_DASHES: Final = "rule-of-two.dashes"


class _WithCommand(click.Command):
    """Notes whether words stand behind ``--``: these are a command, and one without is a server's name."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_DASHES] = "--" in args
        return super().parse_args(ctx, args)


class _Source(Struct, frozen=True):
    """What is drafted from."""

    name: str
    offer: Offer
    launch: Launch | None


@click.command(cls=_WithCommand)
@click.argument(
    "words", metavar="[SERVER | -- COMMAND [ARGS]...]", nargs=-1, type=click.UNPROCESSED, shell_complete=servers
)
@click.option("--url", help="The URL of a server that is in no configuration.")
@click.option(
    "--from",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A saved answer to tools/list, as JSON.",
)
@click.option("--name", help="What the manifest calls the server; else told from how it is started.")
@click.option("--env", metavar="NAME[=VALUE]", multiple=True, help="For the command; can be repeated.")
@click.option(
    "--to",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A file, or a folder for NAME.yaml; nothing is ever overwritten.",
)
@click.option("--review", "reviewing", is_flag=True, help="Judge tool by tool, in the terminal.")
@click.pass_context
def draft(
    ctx: click.Context,
    /,
    words: tuple[str, ...],
    url: str | None,
    file: Path | None,
    name: str | None,
    env: tuple[str, ...],
    to: Path | None,
    reviewing: bool,
) -> None:
    """Write a manifest for SERVER of your configuration, or for a server that is in none.

    Everything is [A, B, C] at first, the worst case. Beside each tool stands what it seems to be, and why; that is a
    suggestion and lowers nothing. With --review you take suggestions one by one, or write your own labels.

    \b
    Examples:
      rule-of-two manifest draft crm --to ./crm.yaml
      rule-of-two manifest draft --review --to ./crm.yaml -- npx -y @acme/crm-mcp
      rule-of-two manifest draft --url https://crm.example/mcp
      rule-of-two manifest draft --from ./tools.json --name crm
    """
    context: Context = ctx.obj
    if sum((bool(words), url is not None, file is not None)) != 1:
        raise click.UsageError("name a server, or give one of -- COMMAND, --url and --from", ctx)
    if env and not ctx.meta[_DASHES]:
        raise click.UsageError("--env is for -- COMMAND", ctx)
    if reviewing and context.json:
        raise click.UsageError("--review asks in the terminal, --json is for scripts: give one of them", ctx)
    source = _source(context, words, url, file, env, command=bool(ctx.meta[_DASHES]))
    called = name or source.name
    made = _made(source, called, {})
    target = None if to is None else _target(to, made)
    if reviewing:
        made = _made(source, called, review(source.offer, made.suggestions))
    if context.json:
        print_json(_facts(made, target))
    elif target is None:
        click.echo(made.text, nl=False)
    if target is not None:
        _write(target, made.text)
    if not context.json:
        click.echo(_summary(made, target), err=True)


def _source(
    context: Context, words: tuple[str, ...], url: str | None, file: Path | None, env: tuple[str, ...], *, command: bool
) -> _Source:
    if file is not None:
        offer = saved(file)
        return _Source(offer.server or file.stem, offer, None)
    if url is not None:
        launch = Launch(url=url)
        return _Source(urlsplit(url).hostname or "server", live(context, unmounted(context, {"url": url})), launch)
    program, *arguments = words
    if not command:
        if arguments:
            raise ConfigurationError(f"write -- before a command: rule-of-two manifest draft -- {program} …")
        upstream = mounted(context, program)
        reached = upstream.launch
        return _Source(program, live(context, upstream), Launch(reached.command, tuple(reached.args), reached.url))
    block = {"command": program, "args": arguments, "env": environment_of(env)}
    launch = Launch(program, tuple(arguments))
    return _Source(_named(launch, program), live(context, unmounted(context, block)), launch)


def _named(launch: Launch, program: str) -> str:
    origin = identify(launch)
    return PurePath(program).stem if origin is None else origin.name.rpartition("/")[2]


def _made(source: _Source, name: str, judged: Mapping[str, Judged]) -> Draft:
    today = datetime.now(UTC).date()
    return drafted(source.offer, server=name, on=today, launch=source.launch, judged=judged)


def _target(to: Path, made: Draft) -> Path:
    """Where it is written. Looked at before anybody is asked anything.

    :raises ConfigurationError: something stands there.
    """
    target = to / f"{made.document.server}.yaml" if to.is_dir() else to
    if target.exists() or target.is_symlink():
        raise ConfigurationError("is there already, and is not overwritten; name another file", file=target)
    return target


def _write(target: Path, text: str) -> None:
    try:
        with target.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except OSError as error:
        raise ConfigurationError(f"cannot be written ({error.strerror}); name another file", file=target) from error


def _facts(made: Draft, target: Path | None) -> dict[str, Any]:
    return {
        "server": made.document.server,
        "file": None if target is None else str(target),
        "manifest": made.text,
        "suggestions": {name: found.as_facts() for name, found in made.suggestions.items()},
        "left_out": list(made.left_out),
    }


def _summary(made: Draft, target: Path | None) -> str:
    tools = made.document.tools
    lower = sum(found.labels < tools[name].labels for name, found in made.suggestions.items())
    judged = sum(spec.labels != ALL for spec in tools.values())
    rest = f", {judged} of them lowered by you; all others are [A][B][C]." if judged else "; all are [A][B][C]."
    where = "" if target is None else f" in {target}"
    next_step = (
        "" if target is None else f" Next: read it, `rule-of-two manifest lint {target}`, and name it `manifest:`."
    )
    open_ones = f" {counted(lower, 'suggestion')} to look at." if lower else ""
    return f"{counted(len(tools), 'tool')} drafted{where}{rest}{open_ones}{next_step}"
