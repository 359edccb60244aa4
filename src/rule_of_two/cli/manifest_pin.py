"""``rule-of-two manifest pin``: what a server offers now against what was accepted, and a person's word for it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio
import click
from msgspec import Struct
from rich.console import Console
from rich.text import Text

from rule_of_two.cli.main import Context
from rule_of_two.cli.names import pinned, servers
from rule_of_two.cli.output import print_json
from rule_of_two.errors import ConfigurationError
from rule_of_two.escape import quoted
from rule_of_two.wording import counted

if TYPE_CHECKING:
    from rule_of_two.approvals.changes import DefinitionChange, ServerChanges
    from rule_of_two.approvals.definition_answer import DefinitionAnswer, Verdict
    from rule_of_two.approvals.spans import Line
    from rule_of_two.gateway.blueprint import Upstream
    from rule_of_two.gateway.config import Config
    from rule_of_two.gateway.settling import Settling

_WIDTH: Final = 80
"""Columns of what is not printed to a terminal."""


@click.command()
@click.argument("server", shell_complete=servers)
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=pinned)
@click.option("--accept", "accepting", is_flag=True, help="Accept what is shown, signed with your key.")
@click.option(
    "--refuse", "refusing", is_flag=True, help="Refuse what is shown: it stays blocked, and is not asked again."
)
@click.option("--key", type=click.Path(path_type=Path, dir_okay=False), help="Your approver's key.")
@click.option("--unsigned", is_flag=True, help="Do without a key: advisory, where no approver is enrolled.")
@click.option("--yes", is_flag=True, help="You have read it: do not ask.")
@click.pass_obj
def pin(
    context: Context,
    server: str,
    names: tuple[str, ...],
    accepting: bool,
    refusing: bool,
    key: Path | None,
    unsigned: bool,
    yes: bool,
) -> None:
    """Show what SERVER of your configuration offers now against what was accepted, with what looks suspicious marked.

    With --accept or --refuse a person answers for what is shown, and for nothing that the server offers later. With
    NAMEs it is only about these; of one that was accepted as first seen, --accept puts your word in place of nobody's.
    A gateway that runs takes it within a second or two.

    Exit 1: something is not accepted as it is now, or your word does not count.

    \b
    Example:
      rule-of-two manifest pin files --accept
      rule-of-two manifest pin files read_file write_file --refuse
    """
    from rule_of_two.approvals.definition_answer import Verdict  # noqa: PLC0415  # --help does not pay for it
    from rule_of_two.gateway.answers import opened_answers  # noqa: PLC0415
    from rule_of_two.gateway.config import config_path, load_config  # noqa: PLC0415
    from rule_of_two.gateway.settling import Settling  # noqa: PLC0415
    from rule_of_two.store.pins import PinStore  # noqa: PLC0415

    if accepting and refusing:
        raise click.UsageError("say either --accept or --refuse")
    if accepting and context.json and not yes:
        raise click.UsageError("with --json nothing is shown before it is accepted: read it first, then give --yes")
    path = config_path(context.config)
    config = load_config(path)
    with opened_answers(config, path, context.state) as answers:
        settling = Settling(answers, PinStore(answers.state))
        shown = _shown(_upstream(context, config, path, server), config, context.state, settling, names)
        verdict = Verdict.ACCEPT if accepting else Verdict.REFUSE if refusing else None
        chosen = [one for one in shown.of.changes if not (verdict is Verdict.REFUSE and shown.refused_by(one))]
        if not context.json:
            _print(shown)
        said: list[DefinitionAnswer] = []
        if verdict is not None and chosen:
            if not yes and sys.stdin.isatty() and not click.confirm(_question(verdict, chosen), err=True):
                sys.exit(1)
            said = _settle(settling, shown, chosen, verdict, key, unsigned=unsigned)
        if context.json:
            print_json([shown.facts(one) for one in shown.of.changes])
        elif said:
            signed = "signed" if said[0].signature is not None and answers.approvers else "unsigned"
            done = "accepted" if verdict is Verdict.ACCEPT else "refused"
            click.echo(f"{server}: {done} {len(said)} of {counted(len(shown.of.changes), 'definition')} ({signed})")
    if shown.open and verdict is not Verdict.ACCEPT:
        sys.exit(1)


class _Shown(Struct, frozen=True):
    """What a command is about. ``unanswered``: what was offered at first and nobody has answered for; ``None``: nobody
    has answered for anything of this server."""

    of: ServerChanges
    refused: dict[tuple[str, str, str], DefinitionAnswer]
    unanswered: frozenset[tuple[str, str]] | None
    offered: Sequence[tuple[str, str]]
    """Kinds and names of all that the server offers, but of listed resources."""

    @property
    def open(self) -> bool:
        """Whether something is not accepted as it is now."""
        return any(not one.first_seen for one in self.of.changes)

    def refused_by(self, one: DefinitionChange) -> str | None:
        answer = self.refused.get((one.kind, one.name, one.digests[1]))
        return None if answer is None else answer.approver

    def facts(self, one: DefinitionChange) -> dict[str, Any]:
        """For scripts."""
        old, new = one.digests
        is_first = self.unanswered is None or (one.kind, one.name) in self.unanswered
        status = "first_seen" if one.first_seen else "unaccepted" if is_first else one.what
        return {
            "kind": one.kind,
            "name": one.name,
            "status": status,
            "accepted": old or None,
            "offered": new or None,
            "refused_by": self.refused_by(one),
            "marks": [
                {"reason": mark.reason, "pointer": mark.where, "excerpt": mark.excerpt, "before": mark.before}
                for mark in one.marks
            ],
            "differences": [difference.as_facts() for difference in one.differences],
        }


def _shown(upstream: Upstream, config: Config, state: Path, settling: Settling, names: Sequence[str]) -> _Shown:
    """Start the server, and compare what it offers with what was accepted."""
    from rule_of_two.gateway.acceptance import offered_by  # noqa: PLC0415  # as above
    from rule_of_two.gateway.definitions import Definitions, of_first_use  # noqa: PLC0415
    from rule_of_two.gateway.definitions import names_of as definition_names  # noqa: PLC0415
    from rule_of_two.gateway.mount import identity_of  # noqa: PLC0415
    from rule_of_two.gateway.waiting import (  # noqa: PLC0415
        Looks,
        PinnedServer,
        as_shown,
        first_seen,
        names_of,
        refused,
        server_changes,
    )

    pins = settling.pins
    identity, offered = anyio.run(offered_by, upstream, state)
    accepted, unanswered = pins.load(identity), pins.unanswered(identity)
    server = PinnedServer(upstream.name, identity, pins.state)
    everything = names_of(
        {
            name: pins.load(identity_of(name, one.command, one.args, one.url))
            for name, one in config.servers.items()
            if not one.disabled
        }
    )
    looks = Looks()
    changes = looks.at(server, map(as_shown, Definitions(offered, accepted).changes), everything)
    changes += [
        one
        for one in looks.at(server, first_seen(accepted, offered), everything)
        if one.name in names or (not names and any(mark.strong for mark in one.marks))
    ]
    if unknown := [name for name in names if all(one.name != name for one in changes)]:
        _refuse(f"nothing called {quoted(unknown[0])} waits at this server, and nothing was accepted as first seen so")
    found = [one for one in changes if not names or one.name in names]
    return _Shown(
        server_changes(server, found),
        refused(server, pins.answers(identity), settling.answers.approvers),
        unanswered,
        definition_names(of_first_use(offered)),
    )


def _settle(
    settling: Settling,
    shown: _Shown,
    chosen: Sequence[DefinitionChange],
    verdict: Verdict,
    key: Path | None,
    *,
    unsigned: bool,
) -> list[DefinitionAnswer]:
    """Sign, check and do it. Exit 1: it may not be done."""
    from rule_of_two.approvals.answer import Refusal  # noqa: PLC0415  # as above
    from rule_of_two.cli.signer import open_signer  # noqa: PLC0415
    from rule_of_two.gateway.timing import utc_now  # noqa: PLC0415

    signer = open_signer(key, unsigned=unsigned or (key is None and not settling.answers.approvers))
    answers = [signer.definition_answer(shown.of.subject(one), verdict, utc_now()) for one in chosen]
    for answer in answers:
        if (refusal := settling.refuses(answer, shown.of.server)) is not None:
            _refuse(refusal.sentence)

    async def settle() -> None:
        await settling.pins.offered_first(shown.of.upstream, shown.offered)
        for answer, one in zip(answers, chosen, strict=True):
            if not await settling.settle(answer, one.new):
                _refuse(Refusal.UNKNOWN_CHANGE.sentence)

    anyio.run(settle)
    return answers


def _question(verdict: Verdict, chosen: Sequence[DefinitionChange]) -> str:
    marks = sum(len(one.marks) for one in chosen)
    return f"{str(verdict).capitalize()} {counted(len(chosen), 'definition')} as shown ({counted(marks, 'mark')})?"


def _refuse(sentence: str) -> None:
    click.echo(f"rule-of-two: {sentence}", err=True)
    sys.exit(1)


def _upstream(context: Context, config: Config, path: Path, server: str) -> Upstream:
    """:raises ConfigurationError: the configuration mounts no such server."""
    from rule_of_two.gateway.blueprint import draw  # noqa: PLC0415  # as above

    mounted = [name for name, one in config.servers.items() if not one.disabled]
    if server not in mounted:
        raise ConfigurationError(f"{path} has no server '{server}'; it has {', '.join(mounted)}")
    # Other servers need not start from here: their clients may hand them values.
    (upstream,) = draw(config.only(server), file=path, state=context.state).upstreams
    return upstream


def _print(shown: _Shown) -> None:
    from rule_of_two.approvals.change_list import ChangeRow  # noqa: PLC0415  # as above
    from rule_of_two.approvals.definition_view import row_lines  # noqa: PLC0415
    from rule_of_two.approvals.spans import Span, Style  # noqa: PLC0415

    changes = shown.of.changes
    if not changes:
        click.echo(f"{shown.of.server}: everything is as it was accepted")
        return
    console = Console(width=None if sys.stdout.isatty() else _WIDTH, highlight=False)
    lines: list[Line] = list(row_lines(ChangeRow("", shown.of, changes, whole=True), console.width - 1))
    refused = [(one, by) for one in changes if (by := shown.refused_by(one)) is not None]
    for one, by in refused:
        lines.append(
            (Span(f" {one.kind} "), Span(quoted(one.name), Style.QUOTED), Span(f" was refused by {quoted(by)}"))
        )
    _to_terminal(console, lines)


def _to_terminal(console: Console, lines: Iterable[Line]) -> None:
    from rule_of_two.approvals.spans import RICH_STYLES  # noqa: PLC0415  # as above

    for line in lines:
        text = Text(no_wrap=True, overflow="ignore")
        for span in line:
            text.append(span.text, RICH_STYLES[span.style])
        console.print(text, soft_wrap=True)
